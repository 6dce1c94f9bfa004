// A model on WebGPU in Chromium, whose SwiftShader computes where there is no GPU: on a page, in a
// worker, and where pages have no adapter.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch } from "./browsers.mjs";
import { serve } from "./server.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`../../tests/data/${name}`, import.meta.url)));
const { logits: expected } = read("float-activation-logits.json");
/** The short ones, because SwiftShader is slow. */
const chosen = read("golden.json")
  .pairs.map((pair, i) => ({ ...pair, expected: expected[i] }))
  .filter((pair) => pair.input_ids.length <= 24);

let server;
before(async () => {
  server = await serve(process.env.CROSSRANK_PROJECT);
});
after(() => server?.close());

async function onPage(t, webgpu, run) {
  const browser = await launch("chromium", { webgpu });
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`${server.origin}/page.html`);
  const pairs = chosen.map(({ input_ids, token_type_ids }) => ({ input_ids, token_type_ids }));
  return page.evaluate(run, pairs);
}

const here = async (pairs) => (await import("/gpu-home.mjs")).run(pairs);
const inWorker = (pairs) =>
  new Promise((resolve, reject) => {
    const worker = new Worker("/gpu-home.mjs", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(pairs);
  });

for (const [home, run] of [["a page", here], ["a worker", inWorker]]) {
  test(`${home} scores on the GPU`, async (t) => {
    const begun = performance.now();
    const { info, logits, again, message } = await onPage(t, true, run);
    assert.equal(message, undefined);
    t.diagnostic(`${JSON.stringify(info)}, ${Math.round(performance.now() - begun)} ms`);
    assert.ok(chosen.length >= 8);
    assert.equal(logits.length, chosen.length);
    assert.deepEqual(again, logits.slice(-2));
    const tolerance = info.precision === "f16" ? 0.05 : 0.02;
    for (const [i, { id, expected }] of chosen.entries()) {
      assert.ok(Math.abs(logits[i] - expected) <= tolerance, `pair ${id}: ${logits[i]}, not ${expected}`);
    }
  });
}

test("without an adapter the error says so", async (t) => {
  const { code, message } = await onPage(t, false, here);
  assert.equal(code, "gpu-failed");
  assert.match(message, /use the CPU/);
});
