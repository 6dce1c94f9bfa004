// The packed packages: their files, the effects of importing them, and errors without a model. Also units
// of the package with fakes.
// Runs from the source tree, on the test project (CROSSRANK_PROJECT) and on one without the model
// package (CROSSRANK_BARE_PROJECT).

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const project = process.env.CROSSRANK_PROJECT;
const bare = process.env.CROSSRANK_BARE_PROJECT;
const installed = (name) => join(project, "node_modules", name);
const dist = (name) => import(pathToFileURL(join(installed("crossrank"), `dist/${name}.js`)));
/** The files of each package. No other file may be published. */
const contents = JSON.parse(readFileSync(new URL("contents.json", import.meta.url)));

/** Runs a module in a folder in another node process, and gives its output. */
function runModule(folder, code) {
  const options = { cwd: folder, encoding: "utf8" };
  return execFileSync(process.execPath, ["--input-type=module", "-e", code], options).trim();
}

for (const name of ["crossrank-minilm-l6-en", "crossrank-all-minilm-l6-v2"]) {
  test(`${name} describes its file correctly`, async () => {
    const model = await import(pathToFileURL(join(installed(name), "index.js")));
    assert.equal(model.name, name);
    assert.deepEqual(Object.keys(model.files), ["prepared"]);
    for (const { url, bytes, sha256 } of Object.values(model.files)) {
      const content = readFileSync(url);
      assert.equal(content.length, bytes, `length of ${url}`);
      assert.equal(createHash("sha256").update(content).digest("hex"), sha256, `hash of ${url}`);
    }
  });
}

for (const [name, listed] of Object.entries(contents)) {
  test(`${name} has the files of contents.json and needs no other package`, () => {
    const entries = readdirSync(installed(name), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const paths = files.map((entry) => relative(installed(name), join(entry.parentPath, entry.name)));
    assert.deepEqual(paths.sort(), listed);
    const { dependencies } = JSON.parse(readFileSync(join(installed(name), "package.json")));
    assert.equal(dependencies, undefined);
  });

  test(`${name} passes publint`, async () => {
    const { messages, pkg } = await publint({ pkgDir: installed(name), pack: false, strict: true });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    );
  });
}

test("every package that is installed is listed in contents.json", () => {
  const names = readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."));
  assert.deepEqual(names, Object.keys(contents));
});

test("the code knows the package's version", async () => {
  const { version } = JSON.parse(readFileSync(join(installed("crossrank"), "package.json")));
  assert.equal((await dist("core/version")).VERSION, version);
});

test("every condition resolves", () => {
  const resolve = (conditions, name = "crossrank") =>
    execFileSync(
      process.execPath,
      [...conditions.map((c) => `--conditions=${c}`), "-p", `require.resolve("${name}")`],
      { cwd: project, encoding: "utf8" },
    ).trim();
  assert.match(resolve([]), /dist\/node\.js$/);
  assert.match(resolve(["browser"]), /dist\/web\.js$/);
  assert.match(resolve(["worker"]), /dist\/web\.js$/);
  assert.match(resolve(["workerd"], "crossrank/edge"), /dist\/edge-workerd\.js$/);
  assert.match(resolve([], "crossrank/edge"), /dist\/edge-node\.js$/);
});

test("importing has no side effect", () => {
  const printed = runModule(
    project,
    `const touched = [];
     const names = new Set(Object.getOwnPropertyNames(globalThis));
     globalThis.fetch = () => touched.push("fetch");
     for (const name of ["compile", "instantiate", "compileStreaming"]) {
       WebAssembly[name] = () => touched.push(name);
     }
     await import("crossrank");
     await import("crossrank-minilm-l6-en");
     await import("crossrank-all-minilm-l6-v2");
     for (const name of Object.getOwnPropertyNames(globalThis)) {
       if (!names.has(name)) touched.push(name);
     }
     console.log(JSON.stringify(touched));`,
  );
  assert.equal(printed, "[]");
});

test("a remote reranker touches no WebAssembly and needs no model package", () => {
  const printed = runModule(
    bare,
    `for (const name of ["compile", "instantiate", "compileStreaming", "Module", "Instance"]) {
       WebAssembly[name] = () => console.log("touched", name);
     }
     globalThis.fetch = () => console.log("touched fetch");
     const { Reranker } = await import("crossrank");
     const fetch = async (url) => {
       console.log(url.href);
       // Not a Response, because node compiles WebAssembly to make one.
       const text = async () => '{ "results": [{ "index": 0, "relevance_score": 0.5 }] }';
       return { ok: true, status: 200, headers: new Map(), text };
     };
     const options = { url: "https://api.example.com", api: "cohere", model: "m", fetch };
     const { results } = await Reranker.remote(options).rerank("a", ["b"]);
     console.log(JSON.stringify(results));`,
  );
  const place = '[{"index":0,"score":0.5,"logit":0,"truncated":false,"document":"b"}]';
  assert.equal(printed, `https://api.example.com/v2/rerank\n${place}`);
});

test("an aborted remote call does not keep node running", () => {
  const start = performance.now();
  const printed = runModule(
    bare,
    `import { Reranker } from "crossrank";
     const headers = new Map([["retry-after", "30"]]);
     const fetch = async () => ({ ok: false, status: 429, headers, text: async () => "" });
     const options = { url: "https://api.example.com", api: "cohere", model: "m", fetch };
     const stop = new AbortController();
     setTimeout(() => stop.abort(), 50);
     await Reranker.remote(options)
       .rerank("a", ["b"], 1, { signal: stop.signal })
       .catch((error) => console.log(error.name));`,
  );
  assert.equal(printed, "AbortError");
  const took = performance.now() - start;
  assert.ok(took < 10_000, `node ran for ${took} ms`);
});

test("without the model packages, calls reject with model-not-installed", () => {
  const printed = runModule(
    bare,
    `import { Embedder, rerank } from "crossrank";
     const show = (error) => console.log(error.name, error.code, error.message);
     await rerank("a", ["b"]).catch(show);
     await Embedder.load().catch(show);`,
  );
  const names = ["crossrank-minilm-l6-en", "crossrank-all-minilm-l6-v2"];
  printed.split("\n").forEach((line, i) => {
    assert.match(line, new RegExp(`^CrossrankError model-not-installed .*npm install ${names[i]}\\b`));
  });
  assert.equal(printed.split("\n").length, 2);
});

test("data: URLs are decoded as by fetch", async () => {
  const { request } = await dist("io/fetch");
  const bytes = async (response) => [...new Uint8Array(await (await response).arrayBuffer())];
  for (const content of [
    "application/json;base64,eyJhIjoxfQ==",
    "text/plain;charset=utf-8;base64,AP8B%2F%2F8",
    ",plain, with %22quotes%22, %C3%A9, \u{1f600} and a ?",
    "application/octet-stream,%00%FFend#fragment",
    ",",
  ]) {
    const url = new URL(`data:${content}`);
    assert.deepEqual(await bytes(request(url)), await bytes(fetch(url)), url.href);
  }
  await assert.rejects(request(new URL("data:;base64,a")), { code: "fetch-failed" });
});

test("each of the small modules replaces the other if that is missing", async () => {
  const { wasmModulesOf } = await dist("runtime/modules");
  const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const wasmFiles = Object.fromEntries(
    ["simd128", "relaxed-simd"].map((variant) => [variant, () => new URL(`file:///${variant}`)]),
  );
  /** With one file, or none. An earlier visit recorded its choice, which an engine without relaxed SIMD ignores. */
  const modules = (existing, choice) => {
    const compileWasm = async ({ pathname }) => {
      if (pathname === `/${existing}`) return empty;
      throw new Error(`there is no ${pathname}`);
    };
    const platform = { wasmFiles, compileWasm, resolveUrl: (location) => new URL(location) };
    return wasmModulesOf(platform)(undefined, {
      read: async () => new TextEncoder().encode(choice),
    });
  };
  for (const choice of ["simd128", "relaxed-simd"]) {
    for (const variant of ["simd128", "relaxed-simd"]) {
      const loaded = modules(variant, choice);
      assert.equal(await loaded.load(async (module) => module), empty);
      assert.equal(loaded.variant, variant);
    }
  }
  await assert.rejects(modules("none", "simd128").compile(), ({ cause }) =>
    /no \/simd128/.test(cause.message),
  );
});

test("an embedder is disposed of if its info fails or the load is aborted", async () => {
  const { createEmbedder } = await dist("api/embedder");
  const reason = new Error("enough");
  const stop = new AbortController();
  const failing = () => Promise.reject(reason);
  const aborting = async () => {
    stop.abort(reason);
    return { dimensions: 3 };
  };
  for (const info of [failing, aborting]) {
    let disposed = 0;
    const backend = { info, dispose: async () => void disposed++ };
    const Embedder = createEmbedder(async () => backend);
    await assert.rejects(Embedder.load({ signal: stop.signal }), reason);
    assert.equal(disposed, 1);
  }
});

/** An executor that scores documents by their length, one at a time; `beforeResult` may throw. */
function fakeExecutor(beforeResult = () => {}) {
  const run = async ({ documents }, _options, signal, onResults) => {
    for (const [position, text] of documents.flat().entries()) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      signal.throwIfAborted();
      beforeResult(position, onResults);
      onResults([[position, { score: 0.5, logit: text.length, truncated: false }]]);
    }
  };
  const nothing = async () => ({ keys: new Uint8Array(), results: [] });
  return { ready: async () => {}, run, recall: nothing, remember: async () => {}, dispose() {} };
}

test("a pool continues without an executor that cannot be started again", async () => {
  const { Pool } = await dist("backends/pool");
  const { CrossrankError, WorkerDied } = await dist("core/errors");
  let late;
  const dying = fakeExecutor((position, onResults) => {
    if (position < 2) return;
    // Its last results, which arrive after its end.
    late = () =>
      onResults([
        [0, { score: 1, logit: 99 }],
        [1, { score: 1, logit: 99 }],
      ]);
    dying.ready = async () => {
      throw new CrossrankError("runtime-failed", "no script");
    };
    throw new WorkerDied();
  });
  dying.recall = async () => {
    throw new CrossrankError("runtime-failed", "no script");
  };
  const options = { backend: "workers", cache: dying, persistence: async () => undefined };
  const pool = await Pool.load([dying, fakeExecutor()], options);
  const documents = [Array.from({ length: 60 }, (_, i) => "x".repeat(100 + i))];
  const scores = [];
  const control = {
    options: {},
    skipCache: false,
    signal: new AbortController().signal,
    onResult: (_list, index, { logit }) => scores.push([index, logit]),
    onRestart() {},
  };
  await pool.run({ queries: ["q"], documents, describe: String }, control);
  late();
  scores.sort(([a], [b]) => a - b);
  assert.deepEqual(
    scores,
    documents[0].map((text, index) => [index, text.length]),
  );
});
