// Rerankers on WebGPU in Chromium, whose SwiftShader computes where there is no GPU; and on the CPU
// where there is no adapter, where it is too small, slow or wrong, and where it fails in a call.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { launch } from "./browsers.mjs";
import { serve } from "./server.mjs";

const project = process.env.CROSSRANK_PROJECT;
const read = (name) => JSON.parse(readFileSync(new URL(`../../tests/data/${name}`, import.meta.url)));
const { logits: onGpu } = read("float-activation-logits.json");
const bits = read("logit-bits.json");
/** The short ones, because SwiftShader is slow. */
const chosen = read("golden.json")
  .pairs.map((pair, i) => ({ ...pair, onGpu: onGpu[i], bits: bits[i] }))
  .filter((pair) => pair.input_ids.length <= 24);
const pairs = chosen.map(({ query, passage }) => [query, passage]);

const DIST = "/node_modules/crossrank/dist";
const GPU_FILES = [`${DIST}/crossrank-gpu.wasm`, `${DIST}/gpu-bindings.js`];
const CPU_FILES = [`${DIST}/crossrank.wasm`, `${DIST}/crossrank-relaxed-simd.wasm`];

function assertOnGpu({ logits, info, warnings }) {
  assert.equal(info.device, "gpu", info.deviceReason);
  assert.match(info.kernel, /^gpu-f(16|32)$/);
  const tolerance = info.kernel === "gpu-f16" ? 0.05 : 0.02;
  assert.equal(logits.length, chosen.length);
  for (const [i, { id, onGpu }] of chosen.entries()) {
    assert.ok(Math.abs(logits[i] - onGpu) <= tolerance, `pair ${id}: ${logits[i]}, not ${onGpu}`);
  }
  assert.deepEqual(warnings, []);
}

/** The CPU's logits to the bit; `warned` is what the only warning says, if there is one. */
function assertOnCpu({ logits, info, warnings }, reason, warned) {
  assert.equal(info.device, "cpu");
  assert.match(info.kernel, /^(simd128|relaxed)$/);
  assert.equal(info.gpu, undefined);
  const got = [...new Uint32Array(Float32Array.from(logits).buffer)];
  assert.deepEqual(got, chosen.map(({ bits }) => bits));
  if (reason) assert.match(info.deviceReason, reason);
  else assert.equal(info.deviceReason, undefined);
  assert.equal(warnings.length, warned ? 1 : 0, warnings.join("; "));
  if (warned) assert.match(warnings[0], /^crossrank computes on the CPU: /);
}

let browser;

/** A page of a server of its own, with nothing stored, which answers as `conduct` says. */
async function open(t, conduct) {
  const server = await serve(project, conduct);
  const page = await browser.newPage();
  t.after(() => {
    server.close();
    return page.close();
  });
  const reload = () => page.goto(`${server.origin}/page.html`);
  await reload();
  /** Runs `call` with what gpu-page.mjs exports. */
  const run = (call, ...given) =>
    page.evaluate(
      async (call, given) => (0, eval)(`(${call})`)(await import("/gpu-page.mjs"), ...given),
      String(call),
      given,
    );
  /** Which of the files have been asked for since the last time. */
  const asked = (files) => {
    const paths = server.log.splice(0).map(({ path }) => path);
    return files.filter((file) => paths.includes(file));
  };
  return { run, reload, asked };
}

const visit = ({ visit }, options, pairs) => visit(options, pairs);

describe("with an adapter", () => {
  before(async () => {
    browser = await launch("chromium", { webgpu: true });
  });
  after(() => browser?.close());

  for (const [workers, home] of [[0, "in-thread"], [2, "workers"]]) {
    test(`scores on the GPU, ${home}`, async (t) => {
      assert.ok(chosen.length >= 8);
      const { run, asked } = await open(t);
      const seen = await run(visit, { device: "gpu", workers }, pairs);
      assertOnGpu(seen);
      const { info, again } = seen;
      assert.equal(info.home, home);
      assert.equal(info.workers, Math.min(workers, 1), "one worker, however many are named");
      assert.equal(info.gpu.backend, "webgpu");
      assert.equal(info.gpu.software, true);
      assertOnGpu(again);
      assert.deepEqual(asked(CPU_FILES), [], "nothing is loaded for the CPU");
    });
  }

  test("a default load asks for nothing of a GPU's", async (t) => {
    const { run, asked } = await open(t);
    assertOnCpu(await run(visit, {}, pairs));
    assert.deepEqual(asked([...GPU_FILES, `${DIST}/device.js`]), []);
  });

  /** Reranks in two batches, watches, and scores the pairs then; `act` is called after the first. */
  async function rerankAndScore({ load, score, started }, options, documents, pairs) {
    const { kill = false, ...rest } = options;
    const reranker = await load(rest);
    const [[query]] = pairs;
    const rankings = [];
    for await (const ranking of reranker.rerankStream(query, documents, undefined, { skipCache: true })) {
      if (kill) started[0].terminate();
      rankings.push(ranking);
    }
    const logitsOf = ({ results }) =>
      results.filter(({ score }) => !Number.isNaN(score)).sort((a, b) => a.index - b.index).map(({ logit }) => logit);
    const [first, last] = [rankings[0], rankings.at(-1)];
    return {
      first: logitsOf(first),
      last: logitsOf(last),
      fallback: last.fallback?.code,
      scored: await score(reranker, pairs),
      ended: await reranker.dispose(),
    };
  }

  // Software gets batches of 512 tokens.
  const four = chosen.slice(0, 4);
  const many = Array.from({ length: 40 }, (_, i) => four[i % 4]);

  for (const [what, options, code] of [
    // Loading submits once.
    ["a device that is lost in this thread", { workers: 0, tricks: [["lose", 3]] }, "gpu-failed"],
    ["a device that is lost in a worker", { workers: 1, tricks: [["lose", 3]] }, "gpu-failed"],
    ["a worker that dies", { workers: 1, kill: true }, "runtime-crashed"],
  ]) {
    test(`${what} in mid-call leaves all of the call to the CPU, and all later ones`, async (t) => {
      const { run } = await open(t);
      const documents = many.map(({ passage }) => passage);
      const seen = await run(rerankAndScore, { device: "gpu", ...options }, documents, pairs);
      assert.ok(seen.first.length > 0 && seen.first.length < many.length, `${seen.first.length} at first`);
      seen.first.forEach((logit, i) => {
        assert.ok(Math.abs(logit - many[i].onGpu) <= 0.05, "the first batch is the GPU's");
      });
      const got = [...new Uint32Array(Float32Array.from(seen.last).buffer)];
      assert.deepEqual(got, many.map(({ bits }) => bits));
      assert.equal(seen.fallback, code);
      assertOnCpu(seen.scored, /the GPU failed|has died/, true);
    });
  }
});
