// The packed packages in a framework, an older dev server and other runtimes, in the versions that
// bundlers/ pins. Runs on a copy of that folder with the packages installed (CROSSRANK_HOSTS).

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { launch } from "./browsers.mjs";
import { assertFindsGpuFiles, assertRanks, pretendGpu, rankOf } from "./golden.mjs";
import { serve } from "./server.mjs";

const hosts = process.env.CROSSRANK_HOSTS;
const bin = (name) => join(hosts, "node_modules/.bin", name);

let browser;
before(async () => {
  browser = await launch("chromium");
});
after(() => browser?.close());

async function assertPageRanks(url) {
  const page = await browser.newPage();
  await pretendGpu(page);
  await page.goto(url);
  const rank = await rankOf(page);
  await assertRanks(rank);
  await assertFindsGpuFiles(rank);
  await page.close();
}

for (const [runtime, arguments_] of [
  ["bun", []],
  ["deno", ["run", "--allow-read"]],
]) {
  test(`${runtime}: a program reranks, and answers requests`, async () => {
    const rank = async (pairs, options) => {
      const input = JSON.stringify({ pairs, options });
      const answer = execFileSync(bin(runtime), [...arguments_, "host.mjs"], { cwd: hosts, input });
      const { edge, ...rest } = JSON.parse(answer);
      const score = 1 / (1 + Math.exp(-rest.logits[0]));
      assert.ok(Math.abs(edge - score) < 1e-6, `${edge} instead of ${score}`);
      return rest;
    };
    await assertRanks(rank);
  });
}

for (const bundler of ["turbopack", "webpack"]) {
  test(`next with ${bundler}: the server and the page rerank`, async (t) => {
    const folder = join(hosts, "next");
    const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", BUNDLER: bundler };
    const options = { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] };
    rmSync(join(folder, ".next"), { recursive: true, force: true });
    execFileSync(bin("next"), ["build", `--${bundler}`], options);
    const server = spawn(bin("next"), ["start", "--port", "0"], options);
    t.after(() => server.kill());
    let origin;
    for await (const line of createInterface(server.stdout)) {
      origin ??= /http:\/\/localhost:\d+/.exec(line)?.[0];
      if (/Ready/.test(line)) break;
    }
    await assertRanks(async (pairs, options) => {
      const body = JSON.stringify({ pairs, options });
      return (await fetch(`${origin}/rank`, { method: "POST", body })).json();
    });
    await assertPageRanks(origin);
  });
}

test("vite 7: an app reranks; its dev server leaves the packages out of its bundles", async (t) => {
  const vite = await import(pathToFileURL(join(hosts, "node_modules/vite/dist/node/index.js")));
  const options = { root: hosts, logLevel: "error", configFile: false };
  const build = { outDir: join(hosts, "built") };
  await vite.build({ ...options, base: "./", build });
  const server = await serve(build.outDir);
  t.after(() => server.close());
  await assertPageRanks(`${server.origin}/index.html`);

  const optimizeDeps = { exclude: ["crossrank", "crossrank-minilm-l6-en"] };
  const address = { host: "127.0.0.1", port: 0 };
  const dev = await vite.createServer({ ...options, optimizeDeps, server: address });
  t.after(() => dev.close());
  await dev.listen();
  await assertPageRanks(dev.resolvedUrls.local[0]);
});
