// The packed packages in apps: each app is built without a warning, opened in Chromium and scores golden
// pairs. Runs on the test project (CROSSRANK_PROJECT) and on one without the model packages
// (CROSSRANK_BARE_PROJECT). These are the light tools; hosts.test.mjs has the others.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { rspack } from "@rspack/core";
import { importMetaAssets } from "@web/rollup-plugin-import-meta-assets";
import * as esbuild from "esbuild";
import * as rollup from "rollup";
import * as vite from "vite";
import { launch } from "./browsers.mjs";
import { assertFindsGpuFiles, assertRanks, pretendGpu, rankOf } from "./golden.mjs";
import { serve } from "./server.mjs";

const webpack = createRequire(import.meta.url)("webpack");
const project = process.env.CROSSRANK_PROJECT;
const bare = process.env.CROSSRANK_BARE_PROJECT;
const APPS = fileURLToPath(new URL("bundlers/", import.meta.url));

const PAGES = ["rank.js", "app.js", "index.html", "worker-app.js", "worker-app.html", "own-worker.js"];

let browser;
before(async () => {
  browser = await launch("chromium");
  for (const folder of [project, bare]) {
    for (const name of PAGES) cpSync(join(APPS, name), join(folder, name));
  }
});
after(() => browser?.close());

/** Each bundles the app of a page, `app` or `worker-app`, in a folder into `out`, as its users would. */
const BUNDLERS = {
  async vite(root, out, page) {
    const warnings = [];
    const customLogger = vite.createLogger("warn");
    // How long plugins took says nothing about the package.
    customLogger.warn = (message) => message.includes("PLUGIN_TIMINGS") || warnings.push(message);
    const build = { outDir: out, emptyOutDir: true, rollupOptions: { input: join(root, pageOf(page)) } };
    await vite.build({ root, base: "./", customLogger, configFile: false, build });
    assert.deepEqual(warnings, []);
  },
  webpack: (...given) => bundleWithWebpack(webpack, ...given),
  rspack: (...given) => bundleWithWebpack(rspack, ...given),
  async rollup(folder, out, page) {
    const logs = [];
    const plugins = [nodeResolve(), importMetaAssets()];
    const onLog = (level, log) => level === "warn" && logs.push(log.message);
    const bundle = await rollup.rollup({ input: join(folder, `${page}.js`), plugins, onLog });
    await bundle.write({ dir: out, format: "es" });
    // A model package that is not installed stays outside of the bundle.
    const isExpected = (log) => folder === bare && /"crossrank-.*could not be resolved/.test(log);
    assert.deepEqual(
      logs.filter((log) => !isExpected(log)),
      [],
    );
  },
  // esbuild does not handle `new URL(..., import.meta.url)`: its users copy the files beside the bundle.
  async esbuild(folder, out) {
    await bundleWithEsbuild(folder, out);
    copyRuntime(out);
    if (folder !== bare) copyModel(out);
  },
};

/** webpack, or a bundler with its interface. The model's file is larger than what it advises for pages. */
async function bundleWithWebpack(bundler, context, out, page) {
  const output = { path: out, filename: `${page}.js` };
  const performance = { hints: false };
  const options = { mode: "production", context, entry: `./${page}.js`, output, performance };
  const stats = await new Promise((resolve, reject) =>
    bundler(options, (error, stats) => (error ? reject(error) : resolve(stats))),
  );
  const { errors, warnings } = stats.toJson();
  assert.deepEqual(errors, []);
  const isExpected = ({ message }) => context === bare && /'crossrank-/.test(message);
  assert.deepEqual(
    warnings.filter((warning) => !isExpected(warning)),
    [],
  );
}

async function bundleWithEsbuild(folder, out, options) {
  const settings = { bundle: true, format: "esm", logLevel: "silent", ...options };
  const { warnings } = await esbuild.build({
    entryPoints: [join(folder, "app.js")],
    outdir: out,
    ...settings,
  });
  assert.deepEqual(warnings, []);
}

const copyRuntime = (out) =>
  copy("crossrank/dist", out, (name) => /(\.wasm|^worker\.js|^gpu-bindings\.js)$/.test(name));
const copyModel = (out) => copy("crossrank-minilm-l6-en", out, (name) => name === "model.crossrank");

/** Copies the selected files from a folder of an installed package. */
function copy(path, out, isWanted) {
  const folder = join(project, "node_modules", path);
  for (const name of readdirSync(folder).filter(isWanted)) {
    cpSync(join(folder, name), join(out, name), { recursive: true });
  }
}

const pageOf = (app) => (app === "app" ? "index.html" : `${app}.html`);

/** Builds an app, and gives its page. */
async function built(bundler, folder, page = "app") {
  const out = join(folder, `built-${bundler}-${page}`);
  await BUNDLERS[bundler](folder, out, page);
  // Vite writes a page of its own.
  if (bundler !== "vite") cpSync(join(APPS, pageOf(page)), join(out, pageOf(page)));
  return join(out, pageOf(page));
}

/** Opens a page that believes that there is a GPU, and calls `use` with its `rank`. */
async function visit(url, use, inBrowser = browser) {
  const page = await inBrowser.newPage();
  try {
    await pretendGpu(page);
    await page.goto(url);
    await use(await rankOf(page), page);
  } finally {
    await page.close();
  }
}

/**
 * Visits a page whose folder is served with a strict policy: no inline scripts, no eval, no blobs. The browser
 * reports each violation to the server, on the page and in workers.
 */
async function visitStrictly(file, use, inline = "") {
  const scripts = `script-src 'self' 'wasm-unsafe-eval' ${inline}`;
  const rest = "worker-src 'self'; object-src 'none'; base-uri 'none'; report-uri /report";
  const headers = { "content-security-policy": `default-src 'self'; ${scripts}; ${rest}` };
  const server = await serve(dirname(file), () => ({ headers }));
  const reports = () => server.log.filter(({ path }) => path === "/report").length;
  try {
    await visit(`${server.origin}/${basename(file)}`, async (rank, page) => {
      await use(rank);
      // An inline script of our own shows that reports arrive.
      await page.evaluate(() => {
        document.body.append(Object.assign(document.createElement("script"), { text: "0" }));
      });
      for (let wait = 0; reports() === 0 && wait < 100; wait++) await sleep(50);
      assert.equal(reports(), 1, "reports of violations, with our own");
    });
  } finally {
    server.close();
  }
}

/** Checks `rank` in workers and in-thread, and that the files for a GPU are found. */
async function assertRanksEverywhere(rank) {
  await assertRanks(rank);
  await assertFindsGpuFiles(rank);
}

for (const bundler of Object.keys(BUNDLERS)) {
  test(`${bundler}: an app reranks, under a strict policy`, async () => {
    await visitStrictly(await built(bundler, project), assertRanksEverywhere);
  });
  test(`${bundler}: an app without the model package is bundled, and its error says so`, async () => {
    await visitStrictly(await built(bundler, bare), async (rank) => {
      await assert.rejects(rank([["a", "b"]], {}), /npm install crossrank-minilm-l6-en/);
    });
  });
}

for (const bundler of ["vite", "webpack", "rspack"]) {
  test(`${bundler}: an app reranks in a worker of its own, and in workers of that, under a strict policy`, async () => {
    await visitStrictly(await built(bundler, project, "worker-app"), assertRanks);
  });
}

test("esbuild: an app that names its files reranks, under a strict policy", async () => {
  const out = join(bare, "named");
  await bundleWithEsbuild(bare, out);
  cpSync(join(APPS, "index.html"), join(out, "index.html"));
  copyRuntime(join(out, "runtime"));
  copyModel(join(out, "model"));
  const files = {
    model: "/model/model.crossrank",
    wasm: "/runtime/crossrank.wasm",
    worker: "/runtime/worker.js",
  };
  await visitStrictly(join(out, "index.html"), async (rank) => {
    await assertRanks(rank, [["workers", { workers: 2, ...files }]]);
    await assertFindsGpuFiles(rank, { gpuFiles: "/runtime", ...files });
  });
});

test("esbuild: an app in one classic script, with the files as bytes, reranks at a file: URL", async () => {
  const out = join(project, "file");
  const loader = { ".wasm": "binary", ".crossrank": "binary" };
  cpSync(join(APPS, "binary-app.js"), join(project, "binary-app.js"));
  await bundleWithEsbuild(project, out, {
    entryPoints: { app: join(project, "binary-app.js") },
    format: "iife",
    loader,
  });
  const page = readFileSync(join(APPS, "index.html"), "utf8");
  writeFileSync(join(out, "index.html"), page.replace('<script type="module"', "<script"));
  // Browsers start no worker there.
  const backends = [
    ["in-thread", {}],
    ["in-thread", { workers: 0 }],
  ];
  await visit(pathToFileURL(join(out, "index.html")).href, (rank) => assertRanks(rank, backends));
});

test("vite: an app reranks at a file: URL, in a shell that lets its pages read files", async (t) => {
  // Electron allows this to its pages by default.
  const shell = await launch("chromium", { flags: ["--allow-file-access-from-files"] });
  t.after(() => shell.close());
  const file = await built("vite", project);
  await visit(pathToFileURL(file).href, assertRanksEverywhere, shell);
});

test("vite's dev server: an app reranks", async (t) => {
  const server = { host: "127.0.0.1", port: 0 };
  const dev = await vite.createServer({ root: project, logLevel: "warn", configFile: false, server });
  t.after(() => dev.close());
  await dev.listen();
  await visit(dev.resolvedUrls.local[0], assertRanksEverywhere);
});

test("no bundler: an app with an import map reranks, under a strict policy", async () => {
  const map = /(?<=<script type="importmap">)[\s\S]*?(?=<\/script>)/.exec(
    readFileSync(join(project, "page.html")),
  );
  const page = readFileSync(join(APPS, "index.html"), "utf8");
  const script = `<script type="importmap">${map}</script>\n  <script type="module"`;
  writeFileSync(join(project, "index.html"), page.replace('<script type="module"', script));
  const hash = createHash("sha256").update(map[0]).digest("base64");
  await visitStrictly(join(project, "index.html"), assertRanksEverywhere, `'sha256-${hash}'`);
});

test("an extension reranks, on its pages and in its service worker", async (t) => {
  const folder = join(project, "extension");
  cpSync(join(APPS, "extension"), folder, { recursive: true });
  for (const name of ["rank.js", "index.html"]) cpSync(join(APPS, name), join(folder, name));
  cpSync(join(project, "node_modules"), join(folder, "node_modules"), { recursive: true });
  const browser = await launch("chromium", { enableExtensions: [folder], pipe: true });
  t.after(() => browser.close());
  const target = await browser.waitForTarget((target) => target.type() === "service_worker");
  const worker = await target.worker();
  await assertRanks(await rankOf(worker), [["in-thread", {}]]);
  // Only `import()` could find the default model.
  const refused = await worker.evaluate(() =>
    globalThis.loadDefault().catch(({ code, message }) => [code, message]),
  );
  assert.equal(refused[0], "runtime-failed");
  assert.match(refused[1], /import\(\) is disallowed.*pass it to Reranker\.load\({ model }\)/);
  const page = await browser.newPage();
  await page.goto(new URL("index.html", target.url()).href);
  await assertRanks(await rankOf(page));
});
