// The suites in browsers: on a page, with and without workers, and in a dedicated worker.
// CROSSRANK_PROJECT is the test project. This file itself runs from the source tree, in which
// puppeteer-core is installed.

import { after, before, test } from "node:test";
import { ENGINES, launch, MAIN_ENGINES } from "./browsers.mjs";
import { tinyHub } from "./hub-server.mjs";
import { serve } from "./server.mjs";
import { startStub } from "./service-stub.mjs";

let server;
let stub;
let hub;
before(async () => {
  stub = await startStub();
  hub = await tinyHub(new URL(`file://${process.env.CROSSRANK_PROJECT}/`));
  server = await serve(process.env.CROSSRANK_PROJECT);
});
after(() => {
  server?.close();
  stub?.close();
  hub?.close();
});

/** Where the suite runs, and with how many workers. Workers run the most of the code. */
const PLACES = [
  ["page, workers", "runHere", 2],
  ["page, in-thread", "runHere", 0],
  ["in a worker", "runInWorker", 0],
];

for (const name of ENGINES) {
  test(name, async (t) => {
    const browser = await launch(name);
    t.after(() => browser.close());
    for (const [place, entry, workers] of MAIN_ENGINES.includes(name) ? PLACES : PLACES.slice(0, 1)) {
      await t.test(place, async (t) => runSuite(t, await browser.newPage(), entry, workers));
    }
  });
}

async function runSuite(t, page, entry, workers) {
  await page.goto(`${server.origin}/page.html`);
  const records = await page
    .evaluate(
      async (entry, origins, workers) => {
        const suite = await import("/browser-suite.mjs");
        const report = (name) => navigator.sendBeacon(`/running/${encodeURIComponent(name)}`);
        return suite[entry](report, origins, workers);
      },
      entry,
      { stub: stub.origin, hub: hub.origin },
      workers,
    )
    .catch((error) => {
      const running = server.log.findLast(({ path }) => path.startsWith("/running/"));
      throw new Error(`${running?.path ?? "loading"}: ${error.message}`);
    });
  for (const { name, error, note, ms } of records) {
    await t.test(name, (t) => {
      t.diagnostic(note ? `${ms} ms; ${note}` : `${ms} ms`);
      if (error) throw new Error(error);
    });
  }
  await page.close();
}
