// The packed packages in frameworks, older dev servers, test runners and other runtimes, in the versions
// that bundlers/ pins. Runs on a copy of that folder with the packages installed (CROSSRANK_HOSTS).

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify, stripVTControlCharacters } from "node:util";
import { launch } from "./browsers.mjs";
import { assertFindsGpuFiles, assertRanks, pairs, pretendGpu, rankOf } from "./golden.mjs";
import { startServer } from "./processes.mjs";
import { assertEdgeAnswers, assertTestRanks, rankOfProgram } from "./programs.mjs";
import { serve } from "./server.mjs";

const hosts = process.env.CROSSRANK_HOSTS;
const bin = (name) => join(hosts, "node_modules/.bin", name);
const PACKAGES = ["crossrank", "crossrank-minilm-l6-en"];
const QUIET = { NEXT_TELEMETRY_DISABLED: "1", ASTRO_TELEMETRY_DISABLED: "1", NG_CLI_ANALYTICS: "false" };

let browser;
before(async () => {
  writeFileSync(join(hosts, "pairs.json"), JSON.stringify(pairs));
  browser = await launch("chromium");
});
after(() => browser?.close());

async function withPage(url, use) {
  const page = await browser.newPage();
  try {
    await pretendGpu(page);
    await page.goto(url);
    await use(await rankOf(page));
  } finally {
    await page.close();
  }
}

const assertPageRanks = (url) =>
  withPage(url, async (rank) => {
    await assertRanks(rank);
    await assertFindsGpuFiles(rank);
  });

const assertOwnWorkerRanks = (url) => withPage(url, assertRanks);

/** Runs a build in a folder. No line of its output is a warning, except those that `allowed` knows. */
async function build(folder, [program, ...arguments_], { env, allowed = /^$/ } = {}) {
  const options = { cwd: join(hosts, folder), env: { ...process.env, ...QUIET, ...env } };
  const { stdout, stderr } = await promisify(execFile)(bin(program), arguments_, options);
  const lines = stripVTControlCharacters(stdout + stderr).split("\n");
  assert.deepEqual(
    lines.filter((line) => /warn/i.test(line) && !allowed.test(line)),
    [],
  );
}

const start = (t, cwd, command) => startServer(t, { cwd, command, env: QUIET });

const rankOfServer = (origin) => async (pairs, options) => {
  const body = JSON.stringify({ pairs, options });
  const headers = { "content-type": "application/json" };
  return (await fetch(`${origin}/rank`, { method: "POST", headers, body })).json();
};

for (const [runtime, arguments_] of [
  ["bun", []],
  ["deno", ["run", "--allow-read"]],
]) {
  test(`${runtime}: a program reranks, and answers requests`, async () => {
    const command = (name) => [bin(runtime), ...arguments_, name];
    await assertRanks(rankOfProgram(command("program.js"), { cwd: hosts }));
    assertEdgeAnswers(command("edge.js"), { cwd: hosts });
  });
}

test("bun: a program in one executable, with the files as bytes, reranks", async () => {
  const outfile = join(hosts, "out/compiled");
  await build(".", ["bun", "build", "--compile", "compiled.js", "--outfile", outfile]);
  await assertRanks(rankOfProgram([outfile], { cwd: "/" }), [["in-thread", { workers: 0 }]]);
});

for (const bundler of ["turbopack", "webpack"]) {
  test(`next with ${bundler}: a server component, a route and a page rerank, also standalone`, async (t) => {
    const folder = join(hosts, "next");
    rmSync(join(folder, ".next"), { recursive: true, force: true });
    await build("next", ["next", "build", `--${bundler}`]);
    const standalone = join(folder, ".next/standalone");
    cpSync(join(folder, ".next/static"), join(standalone, "next/.next/static"), { recursive: true });
    // Nothing is found above that folder.
    const elsewhere = join(hosts, `../next-${bundler}`);
    cpSync(standalone, elsewhere, { recursive: true });
    t.after(() => rmSync(elsewhere, { recursive: true, force: true }));
    for (const origin of [
      await start(t, folder, (port) => [bin("next"), "start", "--port", port]),
      await start(t, elsewhere, () => [process.execPath, "next/server.js"]),
    ]) {
      await assertRanks(rankOfServer(origin));
      await assertPageRanks(origin);
      const page = await browser.newPage();
      await page.goto(`${origin}/component`);
      const answer = await page.$eval("pre", ({ textContent }) => textContent);
      await page.close();
      await assertRanks(async () => JSON.parse(answer), [["in-thread", {}]]);
    }
  });
}

for (const [folder, command, server, allowed] of [
  // A plugin of its own gives no source map.
  ["nuxt", ["nuxt", "build"], ".output/server/index.mjs", /plugin nuxt:module-preload-polyfill/],
  ["sveltekit", ["vite", "build"], "build/index.js"],
  ["astro", ["astro", "build"], "dist/server/entry.mjs"],
]) {
  test(`${folder}: a route and a page rerank`, async (t) => {
    await build(folder, command, { allowed });
    let root = join(hosts, folder);
    if (folder === "nuxt") {
      // Its output runs by itself.
      root = join(hosts, "../nuxt");
      cpSync(join(hosts, folder, ".output"), join(root, ".output"), { recursive: true });
      t.after(() => rmSync(root, { recursive: true, force: true }));
    }
    const origin = await start(t, root, () => [process.execPath, server]);
    await assertRanks(rankOfServer(origin));
    await assertPageRanks(origin);
  });
}

test("angular: an app reranks, built and on its dev server", async (t) => {
  const folder = join(hosts, "angular");
  for (const name of PACKAGES) {
    // It takes assets from the app's own folder only.
    cpSync(join(hosts, "node_modules", name), join(folder, "node_modules", name), { recursive: true });
  }
  await build("angular", ["ng", "build"]);
  const server = await serve(join(folder, "dist/browser"));
  t.after(() => server.close());
  await assertPageRanks(`${server.origin}/index.html`);
  const command = (port) => [bin("ng"), "serve", "--host", "127.0.0.1", "--port", port];
  await assertPageRanks(await start(t, folder, command));
});

test("parcel: an app reranks", async (t) => {
  await build(".", ["parcel", "build", "index.html", "--public-url", "./", "--dist-dir", "out/parcel"]);
  for (const name of ["crossrank-gpu.wasm", "gpu-bindings.js"]) {
    cpSync(join(hosts, "node_modules/crossrank/dist", name), join(hosts, "out/parcel/gpu", name));
  }
  const server = await serve(join(hosts, "out/parcel"));
  t.after(() => server.close());
  await withPage(`${server.origin}/index.html`, async (rank) => {
    await assertRanks(rank);
    await assertFindsGpuFiles(rank, { gpuFiles: "/gpu" });
  });
});

for (const [version, name] of Object.entries({ 5: "vite-5", 6: "vite-6", 7: "vite" })) {
  test(`vite ${version}: an app reranks, also in a worker of its own; the dev server does not bundle the packages`, async (t) => {
    const vite = await import(pathToFileURL(join(hosts, `node_modules/${name}/dist/node/index.js`)));
    const warnings = [];
    const customLogger = vite.createLogger("warn");
    customLogger.warn = (message) => warnings.push(message);
    const options = { root: hosts, configFile: false, customLogger };
    const outDir = join(hosts, `out/${name}`);
    const input = ["index.html", "worker-app.html"].map((name) => join(hosts, name));
    const build = { outDir, rollupOptions: { input } };
    await vite.build({ ...options, base: "./", build, worker: { format: "es" } });
    const server = await serve(outDir);
    t.after(() => server.close());
    await assertPageRanks(`${server.origin}/index.html`);
    await assertOwnWorkerRanks(`${server.origin}/worker-app.html`);

    const address = { host: "127.0.0.1", port: 0 };
    const dev = await vite.createServer({ ...options, optimizeDeps: { exclude: PACKAGES }, server: address });
    t.after(() => dev.close());
    await dev.listen();
    await assertPageRanks(dev.resolvedUrls.local[0]);
    await assertOwnWorkerRanks(`${dev.resolvedUrls.local[0]}worker-app.html`);
    assert.deepEqual(warnings, []);
  });
}

for (const environment of ["node", "jsdom", "@happy-dom/jest-environment"]) {
  test(`jest: a test in the environment ${environment} reranks`, async () => {
    const folder = join(hosts, "runner");
    const arguments_ = ["--env", environment, "--testTimeout", "100000000"];
    await assertTestRanks(
      folder,
      (env) =>
        promisify(execFile)(bin("jest"), arguments_, {
          cwd: folder,
          env: { ...env, NODE_OPTIONS: "--experimental-vm-modules" },
        }),
      environment !== "node",
    );
  });
}
