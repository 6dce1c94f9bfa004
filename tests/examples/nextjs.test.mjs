import { test } from "node:test";
import { assertAlert, assertSearches, assertServes, QUESTIONS, runScript, start, usePages } from "./apps.mjs";

const open = usePages();

test("the built app serves both orders, its page shows them, and shows an error", async (t) => {
  await runScript("nextjs", "build");
  const origin = await start(t, "nextjs", (port) => ["npx", "next", "start", "--port", port]);
  await assertServes(`${origin}/api/search`);
  await assertSearches(await open(t, origin));

  const { page } = await open(t, origin, async (page) => {
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      const error = { status: 500, contentType: "application/json", body: '{ "error": "no model" }' };
      return request.url().includes("/api/") ? request.respond(error) : request.continue();
    });
  });
  await page.type("input", QUESTIONS[0].question);
  await assertAlert(page, /no model/);
});

test("`npm start` serves it", async (t) => {
  const origin = await start(t, "nextjs", (port) => ["npm", "start", "--", "--port", port]);
  // Its development server answers pages of no other host.
  await assertSearches(await open(t, origin.replace("127.0.0.1", "localhost")));
});
