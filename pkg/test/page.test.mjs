// The package's effect on a page: downloads and long tasks. Only Chromium reports them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { launch } from "./browsers.mjs";
import { serve } from "./server.mjs";

let server;
let browser;
before(async () => {
  server = await serve(process.env.CROSSRANK_PROJECT);
  browser = await launch("chromium");
});
after(async () => {
  await browser?.close();
  server?.close();
});

async function open() {
  const page = await browser.newPage();
  await page.goto(`${server.origin}/page.html`);
  return page;
}

/** The limit of what a page downloads beside the model: JavaScript and WebAssembly, after brotli. */
const MAX_DOWNLOADED = 407_000;

test("a page downloads little beside the model", async (t) => {
  server.log.splice(0);
  const page = await open();
  const results = await page.evaluate(async () => {
    const { rerank } = await import("crossrank");
    return (await rerank("what is a vector database", ["Bananas.", "A database."])).results.length;
  });
  await page.close();
  assert.equal(results, 2);
  const asked = new Set(server.log.map((entry) => entry.path));
  const own = [...asked].filter((path) => path.startsWith("/node_modules/crossrank/"));
  assert.equal(own.filter((path) => path.endsWith(".wasm")).length, 1, own.join(" "));
  assert.ok(
    own.some((path) => path.endsWith("/worker.js")),
    "what workers load is counted too",
  );
  const sizes = own.map((path) => {
    const content = readFileSync(join(process.env.CROSSRANK_PROJECT, path));
    return brotliCompressSync(content).length;
  });
  const total = sizes.reduce((sum, size) => sum + size, 0);
  t.diagnostic(`${own.length} files of ${total} bytes`);
  assert.ok(total < MAX_DOWNLOADED, `${total} bytes`);
});

/** Loads and reranks. Gives the durations of both, and of the tasks that blocked the page for more than 50 ms. */
async function longTasks({ workers }) {
  const found = [];
  new PerformanceObserver((list) => found.push(...list.getEntries())).observe({ type: "longtask" });
  const settle = () => new Promise((resolve) => setTimeout(resolve, 200));
  const { Reranker } = await import("/node_modules/crossrank/dist/web.js");
  const model = await import("/node_modules/crossrank-minilm-l6-en/index.js");
  const start = performance.now();
  const reranker = await Reranker.load({ model, ...(workers === undefined ? {} : { workers }) });
  const loaded = performance.now();
  const text = (i) => `Passage ${i}: a vector database stores embeddings. `.repeat(1 + (i % 9));
  const documents = Array.from({ length: 100 }, (_, i) => text(i));
  await settle();
  const loading = found.splice(0);
  const began = performance.now();
  const { results } = await reranker.rerank("what is a vector database", documents, 10);
  const took = { loading: loaded - start, reranking: performance.now() - began };
  await settle();
  const reranking = found.splice(0);
  // A task of our own shows that the observer works.
  const end = performance.now() + 120;
  while (performance.now() < end);
  await settle();
  const { backend } = await reranker.info();
  const durations = (entries) => entries.map(({ duration }) => duration);
  return {
    backend,
    took,
    results: results.length,
    loading: durations(loading),
    reranking: durations(reranking),
    own: durations(found),
  };
}

// A busy processor makes everything longer, so what blocks the page is compared with what is done in that time. Where
// another program took the processor in the middle of a task, another round shows it.
const ROUNDS = 3;
const MAX_BLOCKED = 0.1;

test("with workers, loading and reranking 100 documents block the page for hardly any time", async (t) => {
  let least = Infinity;
  for (let round = 0; round < ROUNDS && least > MAX_BLOCKED; round++) {
    const page = await open();
    const seen = await page.evaluate(longTasks, {});
    await page.close();
    t.diagnostic(JSON.stringify(seen));
    assert.equal(seen.backend, "workers", "workers are the default of a page");
    assert.equal(seen.results, 10);
    assert.ok(seen.own.length > 0, "the observer works");
    const blocked = [...seen.loading, ...seen.reranking].reduce((sum, duration) => sum + duration, 0);
    least = Math.min(least, blocked / (seen.took.loading + seen.took.reranking));
  }
  assert.ok(least <= MAX_BLOCKED, `${least} of the time`);
});

test("in-thread, reranking 100 documents consists of short tasks", async (t) => {
  let least = Infinity;
  for (let round = 0; round < ROUNDS && least > MAX_BLOCKED; round++) {
    const page = await open();
    const seen = await page.evaluate(longTasks, { workers: 0 });
    await page.close();
    t.diagnostic(JSON.stringify(seen));
    assert.equal(seen.backend, "in-thread");
    least = Math.min(least, Math.max(0, ...seen.reranking) / seen.took.reranking);
  }
  assert.ok(least <= MAX_BLOCKED, `${least} of the time`);
});
