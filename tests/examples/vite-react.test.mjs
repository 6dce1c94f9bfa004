import { join } from "node:path";
import { test } from "node:test";
import { serve } from "../../pkg/test/server.mjs";
import { assertAlert, assertSearches, examples, QUESTIONS, runScript, start, usePages } from "./apps.mjs";

const open = usePages();

test("the built app reranks while one types, and shows an error", async (t) => {
  await runScript("vite-react", "build");
  let isBroken = false;
  const server = await serve(join(examples, "vite-react/dist"), (path) =>
    isBroken && path.endsWith(".crossrank") ? { status: 404 } : {},
  );
  t.after(() => server.close());
  await assertSearches(await open(t, `${server.origin}/index.html`));

  isBroken = true;
  const { page } = await open(t, `${server.origin}/index.html`, (page) =>
    page.evaluateOnNewDocument(() => {
      // No copy of an earlier visit.
      delete globalThis.caches;
    }),
  );
  await page.type("input", QUESTIONS[0].question);
  await assertAlert(page, /could not be reranked/);
});

test("`npm start` serves it", async (t) => {
  const origin = await start(t, "vite-react", (port) => [
    "npm",
    "start",
    "--",
    "--host",
    "127.0.0.1",
    "--port",
    port,
  ]);
  await assertSearches(await open(t, origin));
});
