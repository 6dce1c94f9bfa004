// The golden pairs that apps score, and the checks of their answers.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const read = (name) => JSON.parse(readFileSync(new URL(`../../tests/data/${name}`, import.meta.url)));
const golden = read("golden.json").pairs;
const bits = read("logit-bits.json");

/** Every eighth pair, to save time. They include short and cut ones, and none without a query. */
const chosen = golden.map((_, i) => i).filter((i) => i % 8 === 0 && golden[i].query !== "");

export const pairs = chosen.map((i) => [golden[i].query, golden[i].passage]);

/** The score of each pair. */
export const scores = [...new Float32Array(Uint32Array.from(chosen, (i) => bits[i]).buffer)].map(
  (logit) => 1 / (1 + Math.exp(-logit)),
);

/** The backend that an app should use with the given options. */
export const BACKENDS = [
  ["workers", { workers: 2 }],
  ["in-thread", { workers: 0 }],
];

/** `rank(pairs, options)` gives the native build's logits to the bit, from the right backend. */
export async function assertRanks(rank, backends = BACKENDS) {
  for (const [expected, options] of backends) {
    const { backend, logits } = await rank(pairs, options);
    assert.equal(backend, expected);
    const got = [...new Uint32Array(Float32Array.from(logits).buffer)];
    assert.deepEqual(
      got,
      chosen.map((i) => bits[i]),
    );
  }
}

/** Makes a page believe that there is a GPU. */
export async function pretendGpu(page) {
  await page.evaluateOnNewDocument(() => {
    const requestAdapter = async () => ({ info: {} });
    Object.defineProperty(navigator, "gpu", { value: { requestAdapter } });
  });
}

/** An app finds the files for a GPU: they start in a worker, and notice there that there is no GPU. */
export async function assertFindsGpuFiles(rank, options = {}) {
  const { backend, deviceReason } = await rank([["a", "b"]], { device: "gpu", ...options });
  assert.equal(backend, "workers");
  assert.match(deviceReason, /^the GPU failed \(there is none/);
}

/** The function `rank` of an app's page, or of its worker. */
export async function rankOf(page) {
  for (;;) {
    if (await page.evaluate(() => "rank" in globalThis)) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return (...given) => page.evaluate((...given) => globalThis.rank(...given), ...given);
}
