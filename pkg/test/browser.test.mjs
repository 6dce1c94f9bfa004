// The suite in Chromium: on a page, with the models in workers or not, and in a dedicated worker. CROSSRANK_PROJECT is the test
// project; this file itself runs from the source tree, where playwright-core is installed.

import { after, before, test } from "node:test";
import { launch } from "./chromium.mjs";
import { serve } from "./server.mjs";
import { startStub } from "./stub.mjs";

let server;
let stub;
let browser;
before(async () => {
  stub = await startStub();
  server = await serve(process.env.CROSSRANK_PROJECT);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.close();
  stub?.close();
});

for (const [home, entry, workers] of [
  ["page, in-thread", "runHere", 0],
  ["page, workers", "runHere", 2],
  ["in a worker", "runInWorker", 0],
]) {
  test(`chromium, ${home}`, async (t) => {
    const page = await browser.context.newPage();
    let current = "loading";
    await page.exposeFunction("report", (name) => (current = name));
    await page.goto(`${server.origin}/page.html`);
    const records = await page
      .evaluate(
        async ([entry, stub, workers]) => {
          const home = await import("/browser-home.mjs");
          return home[entry](globalThis.report, stub, workers);
        },
        [entry, stub.origin, workers],
      )
      .catch((error) => {
        throw new Error(`${current}: ${error.message}`);
      });
    for (const { name, error, note, ms } of records) {
      await t.test(name, (t) => {
        t.diagnostic(note ? `${ms} ms; ${note}` : `${ms} ms`);
        if (error) throw new Error(error);
      });
    }
    await page.close();
  });
}
