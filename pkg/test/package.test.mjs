// The packed packages: what is in them, what importing does, types, bundlers, and what happens
// without a model. Runs from the source tree, on the test project (CROSSRANK_PROJECT) and on
// one without the model package (CROSSRANK_BARE_PROJECT).

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { launch } from "./browsers.mjs";
import { serve } from "./server.mjs";

const project = process.env.CROSSRANK_PROJECT;
const bare = process.env.CROSSRANK_BARE_PROJECT;
const installed = (name, root = project) => join(root, "node_modules", name);
const bin = (name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));

/** Runs a module in a folder with a node of its own and gives what it prints. */
function runModule(folder, code) {
  const options = { cwd: folder, encoding: "utf8" };
  return execFileSync(process.execPath, ["--input-type=module", "-e", code], options).trim();
}

test("the model package describes its files rightly", async () => {
  const { files } = await import(pathToFileURL(join(installed("crossrank-minilm-l6-en"), "index.js")));
  assert.deepEqual(Object.keys(files).sort(), ["config", "onnx", "tokenizer", "tokenizerConfig"]);
  for (const { url, bytes, sha256 } of Object.values(files)) {
    const content = readFileSync(url);
    assert.equal(content.length, bytes, `length of ${url}`);
    assert.equal(createHash("sha256").update(content).digest("hex"), sha256, `hash of ${url}`);
  }
});

test("the package holds what its exports name and needs no other package", () => {
  const description = JSON.parse(readFileSync(join(installed("crossrank"), "package.json")));
  assert.equal(description.dependencies, undefined);
  const named = Object.values(description.exports).flatMap((e) => Object.values(typeof e === "string" ? [e] : e));
  for (const path of new Set(named)) readFileSync(join(installed("crossrank"), path));
  const extra = readdirSync(join(installed("crossrank"), "dist"));
  assert.deepEqual(extra.filter((name) => !/\.(js|wasm)$|^LICENSE/.test(name)), []);
});

test("the code knows the package's version", async () => {
  const { version } = JSON.parse(readFileSync(join(installed("crossrank"), "package.json")));
  const code = await import(pathToFileURL(join(installed("crossrank"), "dist/version.js")));
  assert.equal(code.VERSION, version);
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
       // Not a Response, because node compiles WebAssembly for that.
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

test("an aborted remote call leaves nothing that keeps node running", () => {
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

test("without the model package, rerank rejects with model-not-installed", () => {
  const printed = runModule(
    bare,
    `import { rerank } from "crossrank";
     await rerank("a", ["b"]).catch((error) => console.log(error.name, error.code, error.message));`,
  );
  assert.match(printed, /^CrossrankError model-not-installed .*npm install crossrank-minilm-l6-en/);
});

test("the types serve a strict program in both kinds of resolution", () => {
  writeFileSync(
    join(project, "consumer.ts"),
    `import { CrossrankError, Reranker, rerank, type ErrorCode, type Info, type Ranking, type Span } from "crossrank";
     import * as model from "crossrank-minilm-l6-en";
     interface Page { title: string; text: string }
     const pages: Page[] = [];
     const ranking: Ranking<Page> = await rerank("q", pages, 3, { text: (page) => page.title });
     const title: string | undefined = ranking.results[0]?.document.title;
     await using reranker = await Reranker.load({ model, signal: AbortSignal.timeout(1000) });
     const scores: number[] = (await reranker.score([["q", "d"]])).map((s) => s.logit);
     const hosted = Reranker.remote({ url: "https://api.example.com", api: "cohere", model: "m" });
     const either = Reranker.withFallback(hosted, () => Reranker.load({ model }));
     const { fallback } = await either.rerank("q", pages, 3, { signal: AbortSignal.timeout(9) });
     const why: string | undefined = fallback?.message;
     const options = { timeoutMs: 9, minScore: 0.1, latest: true, onError: "original-order" } as const;
     for await (const { results, partial, error } of reranker.rerankStream("q", pages, 3, options)) {
       const span: Span | undefined = results[0]?.span;
       if (partial || error) console.log(pages[0]?.text.slice(span?.start, span?.end));
     }
     const { home, cache }: Info = await reranker.info();
     if (home === "workers") console.log(cache?.hits);
     await Reranker.load({ model, workers: "auto", scoreCache: { persistent: true }, storage: "none" });
     // @ts-expect-error: pairs are scored whole or not at all
     await reranker.score([["q", "d"]], { timeoutMs: 9 });
     // @ts-expect-error: no such API
     Reranker.remote({ url: "https://api.example.com", api: "other" });
     // @ts-expect-error: topK is a number
     await reranker.rerank("q", ["d"], "3").catch((e: CrossrankError) => e.code satisfies ErrorCode);
     // @ts-expect-error: only load() makes rerankers
     new Reranker();
     export { title, scores, why };`,
  );
  for (const [module, resolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
    const options = ["--noEmit", "--strict", "--target", "es2022", "--types", "",
      "--lib", "es2022,dom,esnext.disposable", "--module", module, "--moduleResolution", resolution];
    execFileSync(bin("tsc"), [...options, "--ignoreConfig", "consumer.ts"], { cwd: project, stdio: "pipe", encoding: "utf8" });
  }
});

const app = (options) => `import { Reranker } from "crossrank";
const documents = ["Bananas.", "A vector database stores embeddings."];
globalThis.answer = Reranker.load(${options}).then(
  async (reranker) => {
    const { results } = await reranker.rerank("what is a vector database", documents, 1);
    return [(await reranker.info()).home, results[0].index].join(" ");
  },
  (error) => error.code ?? String(error),
);`;
const APP = app("");
const APP_WITH_PATHS = app('{ model: "model", wasm: "crossrank.wasm", worker: "worker.js" }');

/** Each bundles `app.js` of a folder into `out`. */
const BUNDLERS = {
  async esbuild(folder, out) {
    const { build } = await import("esbuild");
    const options = { bundle: true, format: "esm", splitting: true, logLevel: "silent" };
    await build({ entryPoints: [join(folder, "app.js")], absWorkingDir: folder, outdir: out, ...options });
  },
  async vite(folder, out) {
    const { build } = await import("vite");
    await build({ root: folder, base: "./", logLevel: "silent", configFile: false, build: { outDir: out, emptyOutDir: true } });
  },
  async webpack(folder, out) {
    const webpack = createRequire(import.meta.url)("webpack");
    const output = { path: out, filename: "app.js", publicPath: "auto", module: true };
    const options = { mode: "production", context: folder, entry: "./app.js", output };
    const stats = await new Promise((resolve, reject) =>
      webpack({ ...options, experiments: { outputModule: true } }, (error, stats) =>
        error ? reject(error) : resolve(stats),
      ),
    );
    assert.deepEqual(stats.toJson().errors, []);
  },
};

test("bundlers", async (t) => {
  const browser = await launch("chromium");
  t.after(() => browser.close());

  /** Bundles the app, opens it, and gives what its call came to. */
  async function answerOf(bundler, root, app = APP, finish = () => {}) {
    writeFileSync(join(root, "app.js"), app);
    writeFileSync(join(root, "index.html"), '<script type="module" src="./app.js"></script>');
    const out = join(root, `bundled-${bundler}`);
    await BUNDLERS[bundler](root, out);
    // Vite writes a page of its own, which names the bundle.
    if (bundler !== "vite") {
      writeFileSync(join(out, "index.html"), '<script type="module" src="./app.js"></script>');
    }
    await finish(out);
    const server = await serve(out);
    const page = await browser.newPage();
    try {
      await page.goto(`${server.origin}/index.html`);
      return await page.evaluate(() => globalThis.answer);
    } finally {
      await page.close();
      server.close();
    }
  }

  for (const bundler of Object.keys(BUNDLERS)) {
    await t.test(`${bundler}: an app without the model package is bundled and says so`, async () => {
      assert.equal(await answerOf(bundler, bare), "model-not-installed");
    });
  }
  for (const bundler of ["vite", "webpack"]) {
    await t.test(`${bundler}: an app with the model package reranks in workers`, async () => {
      assert.equal(await answerOf(bundler, project), "workers 1");
    });
  }
  // esbuild leaves `new URL(..., import.meta.url)` alone: its users copy the files and name them.
  await t.test("esbuild: an app that names the files reranks", async () => {
    const copyFiles = async (out) => {
      const { build } = await import("esbuild");
      const entryPoints = ["crossrank/worker"];
      const options = { bundle: true, format: "esm", logLevel: "silent", absWorkingDir: bare };
      await build({ ...options, entryPoints, outfile: join(out, "worker.js") });
      cpSync(join(installed("crossrank"), "dist/crossrank.wasm"), join(out, "crossrank.wasm"));
      cpSync(installed("crossrank-minilm-l6-en"), join(out, "model"), { recursive: true });
    };
    assert.equal(await answerOf("esbuild", bare, APP_WITH_PATHS, copyFiles), "workers 1");
  });
});

/** A seat that scores documents by their length, a few a message; `fate` may end it. */
function fakeSeat(fate = () => {}) {
  const score = async ({ documents }, _options, signal, scored) => {
    for (const [position, text] of documents.flat().entries()) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      signal.throwIfAborted();
      fate(position, scored);
      scored([[position, { score: 0.5, logit: text.length, truncated: false }]]);
    }
  };
  const nothing = async () => ({ keys: new Uint8Array(), scores: [] });
  return { ready: async () => {}, score, recall: nothing, remember: async () => {}, dispose() {} };
}

test("a pool goes on without a seat that cannot be started again", async () => {
  const dist = (name) => import(pathToFileURL(join(installed("crossrank"), `dist/${name}.js`)));
  const { Pool } = await dist("pool");
  const { CrossrankError, WorkerDied } = await dist("errors");
  let late;
  const dying = fakeSeat((position, scored) => {
    if (position < 2) return;
    // Its last words, which come after its end.
    late = () => scored([[0, { score: 1, logit: 99 }], [1, { score: 1, logit: 99 }]]);
    dying.ready = async () => {
      throw new CrossrankError("runtime-failed", "no script");
    };
    throw new WorkerDied();
  });
  dying.recall = async () => {
    throw new CrossrankError("runtime-failed", "no script");
  };
  const options = { home: "workers", cached: true, keeper: async () => undefined };
  const pool = await Pool.load([dying, fakeSeat()], options);
  const documents = [Array.from({ length: 60 }, (_, i) => "x".repeat(100 + i))];
  const scores = [];
  const control = {
    options: {},
    skipCache: false,
    signal: new AbortController().signal,
    scored: (_list, index, { logit }) => scores.push([index, logit]),
    restarted() {},
  };
  await pool.score({ queries: ["q"], documents, place: String }, control);
  late();
  scores.sort(([a], [b]) => a - b);
  assert.deepEqual(scores, documents[0].map((text, index) => [index, text.length]));
});
