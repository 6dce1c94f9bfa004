// Loads models in Chromium for run.py: `node page.mjs DIST FILE...`, where DIST holds the built package and each
// FILE is a prepared model. Prints a line of JSON for each file: the milliseconds until a page that opens for
// the first time has scored a pair, and the most bytes of memory that the browser's processes took for it.

import { basename, dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, memoryOfBrowser } from "../../pkg/test/browsers.mjs";
import { serve } from "../../pkg/test/server.mjs";

const [dist, ...files] = process.argv.slice(2).map((path) => resolve(path));
// Memory is looked at so often, in milliseconds.
const INTERVAL = 20;

/** Runs on the page. */
async function load(code, model) {
  const start = performance.now();
  const { Reranker } = await import(`${code}/web.js`);
  const options = { model, wasm: `${code}/crossrank.wasm`, workers: 1, storage: "none" };
  const reranker = await Reranker.load(options);
  const { results } = await reranker.rerank("base de données", ["Eine Datenbank.", "Un gatto."]);
  const milliseconds = performance.now() - start;
  const { kernel } = await reranker.info();
  return { milliseconds, kernel, logits: results.map(({ logit }) => logit) };
}

// A worker's script must have the origin of its page.
const code = await serve(dist, (path) => ({
  content: path === "/page.html" ? Buffer.from("<!doctype html><title>load</title>") : undefined,
}));
for (const file of files) {
  const models = await serve(dirname(file), () => ({ headers: { "access-control-allow-origin": "*" } }));
  const browser = await launch("chromium");
  try {
    const page = await browser.newPage();
    await page.goto(`${code.origin}/page.html`);
    await sleep(1000);
    const before = memoryOfBrowser(browser.pid);
    let [peak, done] = [0, false];
    const watch = async () => {
      for (; !done; await sleep(INTERVAL)) peak = Math.max(peak, memoryOfBrowser(browser.pid));
    };
    const watching = watch();
    const url = `${models.origin}/${basename(file)}`;
    const found = await page.evaluate(load, code.origin, url).finally(() => (done = true));
    await watching;
    await sleep(2000);
    const after = memoryOfBrowser(browser.pid) - before;
    console.log(JSON.stringify({ file: basename(file), ...found, peak: peak - before, after }));
  } finally {
    await browser.close();
    models.close();
  }
}
code.close();
