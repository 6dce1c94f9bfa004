// The choice between the package's two small WebAssembly files: with stand-ins for the probe's loops, with
// the probe itself in node, and in Chromium with and without AVX-VNNI.
// Runs from the source tree, on the test project (CROSSRANK_PROJECT).

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { launch } from "./browsers.mjs";
import { asFolder, visitsOf, WASM } from "./visits.mjs";

// Older versions of node have relaxed SIMD behind a flag, and a baseline compiler that gets it wrong.
setFlagsFromString("--experimental-wasm-relaxed-simd");
setFlagsFromString("--no-liftoff");

const dist = join(process.env.CROSSRANK_PROJECT, "node_modules/crossrank/dist");
const { chooseVariant, openProbe, recordRelaxedFailure } = await import(
  pathToFileURL(join(dist, "runtime/simd.js"))
);

/** Keeps one version of each slot, as the browser's storage does. */
function fakeStorage() {
  const slots = new Map();
  return {
    slots,
    read: async (slot, version) => {
      const kept = slots.get(slot);
      return kept?.version === version ? kept.content : undefined;
    },
    write: async (slot, version, content) => void slots.set(slot, { version, content }),
  };
}

/**
 * A probe whose loops take these milliseconds of a clock that stands still otherwise, one after the
 * other; the last one is repeated. `sums` are those of the relaxed loops, where they are wrong.
 */
function standIn(t, times, { isCorrect = 1, isMaddubs = 0, sums = [] } = {}) {
  let clock = 0;
  t.mock.method(performance, "now", () => clock);
  const probe = {
    memory: new WebAssembly.Memory({ initial: 1 }),
    isCorrect: () => isCorrect,
    isMaddubs: () => isMaddubs,
    ran: [],
  };
  for (const loop of ["simd128", "dot", "maddubs"]) {
    const turns = [...(times[loop] ?? [NaN])];
    const results = loop === "simd128" ? [] : [...sums];
    probe[loop] = () => {
      probe.ran.push(loop);
      clock += turns.length > 1 ? turns.shift() : turns[0];
      return results.shift() ?? 7;
    };
  }
  return probe;
}

for (const [name, times, options, expected] of [
  ["a faster loop", { simd128: [1], dot: [0.5] }, {}, "relaxed-simd"],
  ["a slower loop", { simd128: [1], dot: [1.1] }, {}, "simd128"],
  ["a clock too coarse for either", { simd128: [0], dot: [0] }, {}, "relaxed-simd"],
  ["a loop that is optimized late", { simd128: [9, 1], dot: [30, 30, 0.5] }, {}, "relaxed-simd"],
  ["interrupted turns", { simd128: [0.5, 40, 0.5], dot: [9, 9, 1] }, {}, "simd128"],
  ["pmaddubsw, fast", { simd128: [1], dot: [2], maddubs: [0.7] }, { isMaddubs: 1 }, "relaxed-simd"],
  ["pmaddubsw, slow", { simd128: [1], dot: [0.5], maddubs: [2] }, { isMaddubs: 1 }, "simd128"],
  ["a wrong dot product", { simd128: [1], dot: [0.1] }, { isCorrect: 0 }, "simd128"],
  ["a wrong sum", { simd128: [1], dot: [0.1] }, { sums: [8] }, "simd128"],
  ["a sum that is wrong once optimized", { simd128: [1], dot: [0.1] }, { sums: [7, 7, 8] }, "simd128"],
]) {
  test(`${name}: ${expected}`, async (t) => {
    assert.equal(await chooseVariant(fakeStorage(), standIn(t, times, options)), expected);
  });
}

test("an engine without the instructions gets simd128", async () => {
  assert.equal(await chooseVariant(fakeStorage(), null), "simd128");
});

test("the choice is remembered for this version of the browser", async (t) => {
  const userAgent = (value) =>
    Object.defineProperty(globalThis, "navigator", { value: { userAgent: value }, configurable: true });
  const own = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  t.after(() => (own ? Object.defineProperty(globalThis, "navigator", own) : delete globalThis.navigator));
  const storage = fakeStorage();
  const fast = () => standIn(t, { simd128: [1], dot: [0.5] });
  const slow = () => standIn(t, { simd128: [1], dot: [2] });

  userAgent("Browser/1");
  assert.equal(await chooseVariant(storage, fast()), "relaxed-simd");
  const unused = slow();
  assert.equal(await chooseVariant(storage, unused), "relaxed-simd");
  assert.deepEqual(unused.ran, []);

  userAgent("Browser/2");
  assert.equal(await chooseVariant(storage, slow()), "simd128");
  assert.equal(storage.slots.size, 1);

  userAgent("Browser/3");
  assert.equal(await chooseVariant(storage, fast()), "relaxed-simd");
  await recordRelaxedFailure(storage);
  assert.equal(await chooseVariant(storage, fast()), "simd128");

  // A copy that the browser damaged.
  for (const slot of storage.slots.values()) slot.content = Uint8Array.of(7, 7);
  assert.equal(await chooseVariant(storage, fast()), "relaxed-simd");
});

test("the probe's loops multiply alike", (t) => {
  const probe = openProbe();
  if (!probe) return t.skip("this node has no relaxed SIMD");
  assert.equal(probe.isCorrect(), 1);
  const bytes = new Uint8Array(probe.memory.buffer);
  assert.deepEqual([probe.simd128(1), probe.dot(1), probe.maddubs(1)], [0, 0, 0]);
  bytes.fill(1);
  // Words of 0x101 beside bytes of 1: four rows by eight columns of 128 inputs.
  assert.equal(probe.simd128(2), 2 * 4 * 8 * 128 * 0x101 ** 2);
  assert.equal(probe.dot(2), 2 * 4 * 8 * 128);
  assert.equal(probe.maddubs(2), 2 * 4 * 8 * 128);
});

/** Runs on the page: what the probe finds. */
async function probe() {
  const { openProbe, timeLoops } = await import("/node_modules/crossrank/dist/runtime/simd.js");
  const probe = openProbe();
  return { isMaddubs: probe.isMaddubs(), times: await timeLoops(probe) };
}

/** Runs on the page. Loads a model, and gives its kernel and the choice that the storage records. */
async function load(options) {
  const { Reranker } = await import("crossrank");
  const reranker = await Reranker.load(options);
  const { kernel } = await reranker.info();
  const cache = await caches.open("crossrank");
  const [record] = (await cache.keys()).filter(({ url }) => url.includes("/webassembly%20variant?"));
  return { kernel, choice: await (await cache.match(record)).text() };
}

/** Runs on the page. Replaces the recorded choice. */
async function choose(choice) {
  const cache = await caches.open("crossrank");
  const [record] = (await cache.keys()).filter(({ url }) => url.includes("/webassembly%20variant?"));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(choice)));
  const digits = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const { pathname, search } = new URL(record.url);
  const headers = { "crossrank-copy": `${digits} ${pathname}${search}` };
  await cache.put(record, new Response(choice, { headers }));
}

for (const [name, flags] of [
  ["Chromium", []],
  ["Chromium without AVX-VNNI", ["--js-flags=--no-enable-avx-vnni"]],
]) {
  test(name, async (t) => {
    const browser = await launch("chromium", { flags });
    t.after(() => browser.close());
    const { start, stored } = visitsOf(() => browser);
    const server = await start(t);
    const { isMaddubs, times } = await stored(server, probe);
    const ratio = times["relaxed-simd"] / times.simd128;
    t.diagnostic(`the relaxed loop takes ${ratio.toFixed(2)} of the other one's time`);
    // AVX-VNNI's sums do not saturate.
    if (process.arch === "x64" && flags.length > 0) assert.equal(isMaddubs, 1);

    const files = { simd128: WASM[0], "relaxed-simd": WASM[1] };
    const kernels = { simd128: /^simd128$/, "relaxed-simd": isMaddubs ? /^relaxed_maddubs$/ : /^relaxed/ };
    server.log.length = 0;
    const { kernel, choice } = await stored(server, load, asFolder);
    const asked = server.log.map(({ path }) => path).filter((path) => WASM.includes(path));
    assert.deepEqual(asked, [files[choice]]);
    assert.match(kernel, kernels[choice]);
    // The load has measured again. It must agree, unless the two are about as fast.
    if (ratio < 0.8) assert.equal(choice, "relaxed-simd");
    if (ratio > 1.25) assert.equal(choice, "simd128");

    const other = choice === "simd128" ? "relaxed-simd" : "simd128";
    await stored(server, choose, other);
    const next = await stored(server, load, asFolder);
    assert.equal(next.choice, other);
    assert.match(next.kernel, kernels[other]);
  });
}
