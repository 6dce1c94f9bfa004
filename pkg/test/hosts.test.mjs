// The packed packages in a framework, an older dev server and other runtimes, which bundlers/ has
// pinned. Runs on a copy of that folder with the packages installed (CROSSRANK_HOSTS).

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { launch } from "./browsers.mjs";
import { assertRanks, rankOf } from "./golden.mjs";

const hosts = process.env.CROSSRANK_HOSTS;
const bin = (name) => join(hosts, "node_modules/.bin", name);

let browser;
before(async () => {
  browser = await launch("chromium");
});
after(() => browser?.close());

async function assertPageRanks(url) {
  const page = await browser.newPage();
  await page.goto(url);
  await assertRanks(await rankOf(page));
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

test("vite 7's dev server: an app reranks where the packages are left out of its bundles", async (t) => {
  const { createServer } = await import(pathToFileURL(join(hosts, "node_modules/vite/dist/node/index.js")));
  const optimizeDeps = { exclude: ["crossrank", "crossrank-minilm-l6-en"] };
  const server = { host: "127.0.0.1", port: 0 };
  const dev = await createServer({ root: hosts, logLevel: "warn", configFile: false, optimizeDeps, server });
  t.after(() => dev.close());
  await dev.listen();
  await assertPageRanks(dev.resolvedUrls.local[0]);
});
