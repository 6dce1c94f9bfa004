// The suites in node. Runs inside the test project, in which the packed packages are installed.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { getEventListeners } from "node:events";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as crossrank from "crossrank";
import * as embedder from "crossrank-all-minilm-l6-v2";
import * as model from "crossrank-minilm-l6-en";
import { tinyHub } from "./hub-server.mjs";
import { tests } from "./reranker-suite.mjs";
import * as separateEmbedder from "./separate/embedder/index.js";
import * as separateReranker from "./separate/reranker/index.js";
import { startStub } from "./service-stub.mjs";

const read = async (name) => JSON.parse(await readFile(new URL(name, import.meta.url), "utf8"));
const golden = (await read("golden.json")).pairs;
const bits = await read("logit-bits.json");
const embedding = {
  model: embedder,
  golden: (await read("embedding-golden.json")).texts,
  bits: await read("embedding-bits.json"),
};
const remote = {};
for (const name of ["cohere", "jina", "voyage", "tei", "failures"]) {
  remote[name] = await read(`remote/${name}.json`);
}

const url = (name) => new URL(name, import.meta.url);
const separate = {
  reranker: separateReranker,
  embedder: separateEmbedder,
  bits: await read("int8-logit-bits.json"),
};
// A buffer of its own, because small files share one.
const prepared = new Uint8Array(await readFile(model.files.prepared.url));
const general = {
  folder: url("graphs/other-silu/"),
  small: new URL(import.meta.resolve("crossrank/crossrank.wasm")),
  expected: await read("graphs/other-silu/expected.json"),
};

const tiny = url("graphs/int8-tensor/");

let stub;
let hub;
before(async () => {
  stub = await startStub();
  hub = await tinyHub(url("./"));
});
after(() => {
  stub.close();
  hub.close();
});

/** The list of the workers that are started from now on. */
function startedWorkers() {
  const started = [];
  process.on("worker", (worker) => started.push(worker));
  return started;
}

/** Classes of another realm. Contexts have none of the web's, of which these are the least that works. */
const otherRealm = () =>
  runInNewContext(`
    class Signal {
      aborted = false;
      listeners = new Set();
      addEventListener(type, listener) { this.listeners.add(listener); }
      removeEventListener(type, listener) { this.listeners.delete(listener); }
    }
    class AbortController {
      signal = new Signal();
      abort(reason) {
        Object.assign(this.signal, { aborted: true, reason });
        for (const listener of this.signal.listeners) listener();
      }
    }
    class URL {
      constructor(href) { this.href = href; }
    }
    ({ AbortController, URL, Uint8Array, ArrayBuffer, Array, Object });
  `);

const warnings = [];
process.on("warning", ({ message }) => warnings.push(message));

for (const workers of [0, 2]) {
  test(workers === 0 ? "node, in-thread" : "node, workers", async (t) => {
    const own = { stub: stub.origin, hub: hub.origin, tiny, workers, startedWorkers, otherRealm };
    const models = { model, separate, prepared, general, embedding };
    const context = { crossrank, golden, bits, remote, ...models, ...own };
    for (const [name, run] of Object.entries(tests(context))) {
      await t.test(name, async (t) => {
        const note = await run();
        if (note) t.diagnostic(note);
      });
    }
  });
}

for (const file of ["crossrank", "crossrank-relaxed-simd"]) {
  test(`node: each architecture has golden bits in ${file}.wasm`, async (t) => {
    const wasm = new URL(import.meta.resolve(`crossrank/${file}.wasm`));
    if (!WebAssembly.validate(await readFile(wasm))) {
      t.skip("this node has no relaxed SIMD");
      return;
    }
    for (const [name, expected] of Object.entries(await read("architecture-bits.json"))) {
      const { cases } = await read(`graphs/${name}/expected.json`);
      const reranker = await crossrank.Reranker.load({ model: url(`graphs/${name}/`), wasm, workers: 0 });
      const pairs = cases.map(({ query, document }) => [query, document]);
      const scores = await reranker.score(pairs, { longDocuments: "truncate" });
      const found = new Uint32Array(Float32Array.from(scores, ({ logit }) => logit).buffer);
      assert.deepEqual([...found], expected, name);
      await reranker.dispose();
    }
  });
}

const timers = ["Timeout", "Immediate", "Interval"].flatMap((kind) => [`set${kind}`, `clear${kind}`]);
for (const [workers, ...more] of [[0], [1], [0, "now", "nextTick", "queueMicrotask"], [1, "now"]]) {
  test(`node, ${workers} workers: works while timers are fake, ${["setImmediate", ...more]} too`, async () => {
    const given = [fileURLToPath(url("fake-timers.mjs")), String(workers), ...timers, ...more];
    const { stdout } = await promisify(execFile)(process.execPath, given, { timeout: 60_000 });
    assert.equal(stdout, "3");
  });
}

test("node: one signal for many calls, and many workers for one call, cause no warning", async () => {
  const { signal } = new AbortController();
  // The model is small, so that there can be many workers.
  const reranker = await crossrank.Reranker.load({ model: tiny, workers: 12, signal });
  const documents = Array.from({ length: 60 }, (_, i) => `document ${i} ${"word ".repeat(400)}`);
  const calls = Array.from({ length: 12 }, (_, i) => reranker.rerank(`query ${i}`, documents, 1, { signal }));
  assert.ok(getEventListeners(signal, "abort").length <= 1);
  await Promise.all(calls);
  assert.deepEqual(getEventListeners(signal, "abort"), []);
  await reranker.dispose();
});

test("node: withFallback takes the reranker of another copy of the package", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "crossrank-copy-"));
  t.after(() => rm(folder, { recursive: true }));
  const dist = fileURLToPath(new URL("./", import.meta.resolve("crossrank")));
  const isSmall = (path) => !path.endsWith(".wasm");
  await cp(dist, folder, { recursive: true, filter: isSmall });
  await cp(join(dist, "../package.json"), join(folder, "package.json"));
  const { Reranker, CrossrankError } = await import(join(folder, "node.js"));
  const mine = await crossrank.Reranker.load({ model });
  const documents = ["Bananas.", "A vector database."];
  const expected = await mine.rerank("vector", documents);
  const failing = () => Reranker.load({ model });
  for (const given of [mine, () => mine]) {
    assert.deepEqual(await Reranker.withFallback(given, failing).rerank("vector", documents), expected);
  }
  // The other copy has no WebAssembly files.
  const { fallback, results } = await Reranker.withFallback(failing, mine).rerank("vector", documents);
  assert.deepEqual(results, expected.results);
  assert.ok(fallback instanceof crossrank.CrossrankError && fallback instanceof CrossrankError);
  assert.equal(new Error("other") instanceof CrossrankError, false);
  const wrong = () => Reranker.withFallback(mine, {});
  assert.throws(wrong, { name: "CrossrankError", code: "invalid-argument" });
  const keep = () => Reranker.withFallback(mine, failing).rerank("vector", ["cut \ud83d"]);
  await assert.rejects(keep, { code: "invalid-text" });
  await mine.dispose();
});

test("node gave no warnings", async () => {
  // Node warns of an open file when it collects the file's handle.
  setFlagsFromString("--expose-gc");
  for (let turn = 0; turn < 10; turn++) {
    runInNewContext("gc()");
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(warnings, []);
});
