// Memory after many loads and calls, compared with that after a few of them, in node and in browsers.
// Runs from the source tree, on the test project (CROSSRANK_PROJECT).

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ENGINES, launch, memoryOfBrowser } from "./browsers.mjs";
import { serve } from "./server.mjs";

const FEW = { loads: 10, calls: 50 };
const MANY = { loads: 20, calls: 300 };
const MAX_GROWTH = 1.2;
/** Engines free memory some time after it is unused. */
const MEASUREMENTS = 60;

/** Runs on the page too. Loads the bundled model and calls a tiny one, in turn on this thread and in a worker. */
async function use({ root, entry, loads, calls }) {
  const at = (path) => new URL(path, root);
  const { Reranker } = await import(at(`node_modules/crossrank/dist/${entry}.js`));
  const bundled = await import(at("node_modules/crossrank-minilm-l6-en/index.js"));
  for (let load = 0; load < loads; load++) {
    const reranker = await Reranker.load({ model: bundled, workers: load % 2 });
    await reranker.rerank("what is it", ["this", "that"]);
    await reranker.dispose();
  }
  const load = (workers) => Reranker.load({ model: at("graphs/int8-tensor/"), workers });
  const rerankers = await Promise.all([0, 1].map(load));
  for (let call = 0; call < calls; call++) {
    const documents = Array.from({ length: 20 }, (_, i) => `document ${i} of ${call} `.repeat(500));
    await rerankers[call % 2].rerank(`query ${call}`, documents, 10, { longDocuments: "truncate" });
  }
  for (const reranker of rerankers) await reranker.dispose();
}

async function startNode() {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  const memory = () => {
    collect();
    return process.memoryUsage.rss();
  };
  const own = { root: pathToFileURL(`${process.env.CROSSRANK_PROJECT}/`).href, entry: "node" };
  return { use: (work) => use({ ...own, ...work }), memory };
}

async function startBrowser(t, name) {
  const server = await serve(process.env.CROSSRANK_PROJECT);
  t.after(() => server.close());
  const browser = await launch(name);
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`${server.origin}/page.html`);
  const own = { root: `${server.origin}/`, entry: "web" };
  return {
    use: (work) => page.evaluate(use, { ...own, ...work }),
    memory: () => memoryOfBrowser(browser.pid),
  };
}

for (const name of ["node", ...ENGINES]) {
  test(`${name}: ${MANY.loads} loads and ${MANY.calls} calls leave no memory behind`, async (t) => {
    const { use, memory } = await (name === "node" ? startNode() : startBrowser(t, name));
    await use(FEW);
    const early = memory();
    await use(MANY);
    let growth;
    for (let i = 0; i < MEASUREMENTS; i++, await sleep(500)) {
      growth = memory() / early;
      if (growth <= MAX_GROWTH) break;
    }
    t.diagnostic(`${Math.round(early / 1e6)} MB at first, and ${growth.toFixed(2)} times as much in the end`);
    assert.ok(growth <= MAX_GROWTH);
  });
}
