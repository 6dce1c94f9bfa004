// The golden pairs that apps are asked for, and the check of what they answer.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const read = (name) => JSON.parse(readFileSync(new URL(`../../tests/data/${name}`, import.meta.url)));
const golden = read("golden.json").pairs;
const bits = read("logit-bits.json");

/** Every eighth, short ones and cut ones, in less time than all; none without a query. */
const chosen = golden.map((_, i) => i).filter((i) => i % 8 === 0 && golden[i].query !== "");

export const pairs = chosen.map((i) => [golden[i].query, golden[i].passage]);

/** The backend that an app should use with the given options. */
const BACKENDS = [
  ["workers", { workers: 2 }],
  ["in-thread", { workers: 0 }],
];

/** `rank(pairs, options)` gives the native build's logits to the bit, from where it should. */
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

/** Has a page think that there is a GPU. */
export async function pretendGpu(page) {
  await page.evaluateOnNewDocument(() => {
    const requestAdapter = async () => ({ info: {} });
    Object.defineProperty(navigator, "gpu", { value: { requestAdapter } });
  });
}

/** An app finds what computes on a GPU: it starts in a worker, and sees there that there is none. */
export async function assertFindsGpuFiles(rank, options = {}) {
  const { backend, deviceReason } = await rank([["a", "b"]], { device: "gpu", ...options });
  assert.equal(backend, "workers");
  assert.match(deviceReason, /^the GPU failed \(there is none/);
}

/** The `rank` of an app's page, or of a worker. */
export async function rankOf(page) {
  for (;;) {
    if (await page.evaluate(() => "rank" in globalThis)) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return (...given) => page.evaluate((...given) => globalThis.rank(...given), ...given);
}
