// Rerankers on WebGPU in Chromium, whose SwiftShader computes if there is no GPU; and on the CPU if there
// is no adapter, if it is too small, slow or wrong, and if it fails in a call.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launch } from "./browsers.mjs";
import { serve } from "./server.mjs";

const project = process.env.CROSSRANK_PROJECT;
const read = (name) => JSON.parse(readFileSync(new URL(`../../tests/data/${name}`, import.meta.url)));
const { logits: onGpu } = read("float-activation-logits.json");
const bits = read("logit-bits.json");
/** Only short pairs, because SwiftShader is slow. */
const chosen = read("golden.json")
  .pairs.map((pair, i) => ({ ...pair, onGpu: onGpu[i], bits: bits[i] }))
  .filter((pair) => pair.input_ids.length <= 24);
const pairs = chosen.map(({ query, passage }) => [query, passage]);

const DIST = "/node_modules/crossrank/dist";
const GPU_FILES = [`${DIST}/crossrank-gpu.wasm`, `${DIST}/gpu-bindings.js`];
const CPU_FILES = [`${DIST}/crossrank.wasm`, `${DIST}/crossrank-relaxed-simd.wasm`];

function assertOnGpu({ logits, info, warnings }, expected = chosen) {
  assert.equal(info.device, "gpu", info.deviceReason);
  assert.match(info.kernel, /^gpu-f(16|32)$/);
  assertGpuLogits(logits, expected);
  assert.deepEqual(warnings, []);
}

function assertGpuLogits(logits, expected) {
  assert.equal(logits.length, expected.length);
  for (const [i, { id, onGpu }] of expected.entries()) {
    // For f16. With f32 it is 0.02.
    assert.ok(Math.abs(logits[i] - onGpu) <= 0.05, `pair ${id}: ${logits[i]}, not ${onGpu}`);
  }
}

/** The CPU's logits; and if there is a reason for the CPU, that reason and at most one warning. */
function assertOnCpu({ logits, info, warnings }, reason, warned = false) {
  assert.equal(info.device, "cpu");
  assert.match(info.kernel, /^(simd128|relaxed(_maddubs|_dpbusd)?)$/);
  assert.equal(info.gpu, undefined);
  assertCpuLogits(logits, chosen);
  if (reason) assert.match(info.deviceReason, reason);
  else assert.equal(info.deviceReason, undefined);
  assert.deepEqual(warnings, warned ? [`crossrank computes on the CPU: ${info.deviceReason}`] : []);
}

/** To the bit. */
function assertCpuLogits(logits, expected) {
  const got = [...new Uint32Array(Float32Array.from(logits).buffer)];
  assert.deepEqual(
    got,
    expected.map(({ bits }) => bits),
  );
}

let browser;

/** A page from a server of its own, which answers as `conduct` says. Its storage is empty. */
async function open(t, conduct) {
  const server = await serve(project, conduct);
  const page = await browser.newPage();
  t.after(async () => {
    await page.close();
    server.close();
  });
  /** Calls a function of gpu-page.mjs on a new page. */
  const run = async (name, ...given) => {
    await page.goto(`${server.origin}/page.html`);
    return page.evaluate(async (name, given) => (await import("/gpu-page.mjs"))[name](...given), name, given);
  };
  /** The files among these that have been requested since the last call. */
  const asked = (files) => {
    const paths = server.log.splice(0).map(({ path }) => path);
    return files.filter((file) => paths.includes(file));
  };
  return { run, asked };
}

/** Documents of one query. They make two batches if the first two are in the cache. */
const few = chosen.slice(0, 4);
const [{ query }] = few;
const documents = few.map(({ passage }) => passage);

describe("with an adapter", () => {
  before(async () => {
    browser = await launch("chromium", { webgpu: true });
  });
  after(() => browser?.close());

  test("scores on the GPU in this thread", async (t) => {
    const { run, asked } = await open(t);
    const { info, again, ...seen } = await run("visit", { device: "gpu", workers: 0 }, pairs);
    assertOnGpu({ ...seen, info });
    assert.equal(info.backend, "in-thread");
    assert.equal(info.workers, 0);
    assert.deepEqual(info.gpu, { adapter: "", backend: "webgpu", software: true });
    assert.deepEqual(again.logits, seen.logits);
    assert.equal(again.info.cache.hits, pairs.length);
    assert.deepEqual(asked(CPU_FILES), [], "nothing is loaded for the CPU");
  });

  test("scores on the GPU in one worker, and the CPU uses none of its cached scores", async (t) => {
    const { run } = await open(t);
    const { byGpu, byCpu } = await run("mixCaches", { workers: 3 }, pairs);
    assertOnGpu(byGpu);
    assert.equal(byGpu.info.backend, "workers");
    assert.equal(byGpu.info.workers, 1);
    assertOnCpu(byCpu);
    const { hits, entries } = byCpu.info.cache;
    assert.equal(hits, 0);
    assert.ok(entries >= 2 * pairs.length, `${entries} entries, with the GPU's`);
  });

  test("calls on the GPU are aborted, cut short and disposed of", async (t) => {
    const { run } = await open(t);
    const seen = await run("interrupt", { device: "gpu", workers: 0 }, query, documents);
    assert.equal(seen.abort, "AbortError");
    assert.equal(seen.partial, true);
    assert.deepEqual(seen.late, [...seen.whole.slice(0, 2), null, null]);
    assertGpuLogits(seen.whole, few);
    assert.equal(seen.disposed, "disposed");
    assert.deepEqual(seen.warnings, []);
  });

  for (const [what, way, workers, code] of [
    ["a device that is lost in this thread", "lose", 0, "gpu-failed"],
    ["a device that is lost in a worker", "lose", 1, "gpu-failed"],
    ["a worker that dies", "die", 1, "runtime-crashed"],
  ]) {
    test(`${what} in a call makes the CPU repeat that call and handle later ones`, async (t) => {
      const { run } = await open(t);
      const options = { device: "gpu", workers };
      const { first, last, fallback, ...scored } = await run("fail", way, options, query, documents, pairs);
      assertGpuLogits(first.slice(0, 2), few.slice(0, 2));
      assert.deepEqual(first.slice(2), [null, null]);
      assertCpuLogits(last, few);
      assert.equal(fallback, code);
      assertOnCpu(scored, /the GPU failed|has died/, true);
    });
  }

  for (const workers of [0, 1]) {
    test(`if its limits are too small for the model, the CPU computes, ${workers} workers`, async (t) => {
      const { run } = await open(t);
      const options = { device: "gpu", workers, faults: ["shrink"] };
      assertOnCpu(await run("visit", options, pairs), /maxBufferSize|max_buffer_size|bytes/, true);
    });
  }

  test("if a worker dies while it loads, the CPU computes, and not the GPU on the page", async (t) => {
    const { run } = await open(t);
    assertOnCpu(await run("visit", { device: "gpu", faults: ["throw"] }, pairs), /has died/, true);
  });

  for (const file of GPU_FILES) {
    test(`without ${file.split("/").pop()} the CPU computes`, async (t) => {
      const { run } = await open(t, (path) => (path === file ? { status: 404 } : {}));
      assertOnCpu(await run("visit", { device: "gpu" }, pairs), new RegExp(file.split("/").pop()), true);
    });
  }

  test("a default load requests no files for a GPU", async (t) => {
    const { run, asked } = await open(t);
    assertOnCpu(await run("visit", {}, pairs));
    assert.deepEqual(asked(GPU_FILES), []);
  });

  test("auto recognizes an adapter in software", async (t) => {
    const { run, asked } = await open(t);
    assertOnCpu(await run("visit", { device: "auto" }, pairs), /in software/);
    assert.deepEqual(asked(GPU_FILES), []);
  });

  test("auto measures once, finds SwiftShader slow, and records that", async (t) => {
    // One passage only, because SwiftShader is slow.
    const web = readFileSync(join(project, DIST, "web.js"), "utf8");
    const content = Buffer.from(web.replace("DOCUMENTS = 32", "DOCUMENTS = 1"));
    const { run, asked } = await open(t, (path) => (path === `${DIST}/web.js` ? { content } : {}));
    const options = { device: "auto", faults: ["disguise"] };
    const measured = /^1 passages take the CPU \d+ ms,? and the GPU (\d+ ms|did not finish)/;
    const first = await run("visit", options, pairs);
    t.diagnostic(first.info.deviceReason);
    assertOnCpu(first, measured);
    assert.deepEqual(asked(GPU_FILES), GPU_FILES);
    const second = await run("visit", options, pairs);
    assertOnCpu(second, measured);
    assert.equal(second.info.deviceReason, first.info.deviceReason);
    assert.deepEqual(asked(GPU_FILES), []);
  });
});

describe("without an adapter", () => {
  before(async () => {
    browser = await launch("chromium");
  });
  after(() => browser?.close());

  for (const [device, warned] of [
    ["gpu", true],
    ["auto", false],
  ]) {
    test(`${device} means the CPU`, async (t) => {
      const { run, asked } = await open(t);
      assertOnCpu(await run("visit", { device }, pairs), /finds no GPU|there is no WebGPU/, warned);
      assert.deepEqual(asked(GPU_FILES), []);
    });
  }

  test("embedders have no device", async (t) => {
    const { run } = await open(t);
    const { code, message } = await run("embedderWith", { device: "gpu" });
    assert.equal(code, "invalid-argument");
    assert.match(message, /embedders compute/);
  });
});
