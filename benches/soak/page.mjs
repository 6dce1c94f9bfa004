// Calls in one Chromium page for a long time; see README.md. `node page.mjs PROJECT [--calls N] [--out FILE]`,
// where PROJECT is a folder with page.html, calls.js and the installed packages.

import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { launch, memoryOfBrowser } from "../../pkg/test/browsers.mjs";
import { serve } from "../../pkg/test/server.mjs";

/** Each begins with loads of both kinds of reranker, and ends with a measurement of memory. */
const STEPS = 40;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    calls: { type: "string", default: "400" },
    out: { type: "string", default: "target/soak/page.json" },
  },
});
const server = await serve(positionals[0]);
const browser = await launch("chromium");
const start = performance.now();
const now = () => (performance.now() - start) / 1000;
const samples = [];
const unexpected = [];
const save = () => {
  writeFileSync(
    options.out,
    JSON.stringify({ seconds: now(), calls: Number(options.calls), samples, unexpected }),
  );
};
const report = (what) => {
  console.error(`${now().toFixed(0)} s: ${what}`);
  unexpected.push({ t: now(), what });
};
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => report(`uncaught: ${error}`));
  page.on("error", (error) => report(`the page crashed: ${error}`));
  const session = await page.createCDPSession();
  await page.goto(`${server.origin}/page.html`);
  for (let i = 0; i < STEPS; i++) {
    const count = Math.floor(((i + 1) * options.calls) / STEPS) - Math.floor((i * options.calls) / STEPS);
    const seen = await page.evaluate(async (count) => (await import("/calls.js")).step(count), count);
    seen.unexpected.forEach(report);
    await session.send("HeapProfiler.collectGarbage");
    await sleep(500);
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    const memory = { browser: memoryOfBrowser(browser.pid) / 2 ** 20, heap: usedSize / 2 ** 20 };
    samples.push({
      t: now(),
      ...memory,
      load: loadavg()[0],
      loads: seen.loads,
      calls: seen.calls,
      faults: seen.faults,
    });
    save();
  }
} catch (error) {
  report(`${error.stack}`);
} finally {
  save();
  await browser.close();
  server.close();
}
console.log(`${options.calls} calls in ${now().toFixed(0)} s, ${unexpected.length} unexpected`);
process.exitCode = unexpected.length > 0 ? 1 : 0;
