// Lighthouse on the home page and the playground, and pictures of the site.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { assertAudit, DEVICES, takePictures } from "../../www/test/lighthouse.mjs";
import { visit } from "../../www/test/visit.mjs";
import { isHydrated, openSearch, scored, start } from "./site.mjs";

const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];
const WIDTHS = { phone: 375, desktop: 1280 };

let site;
before(async () => (site = await start()));
after(async () => {
  await site.browser.close();
  site.close();
});

for (const path of ["/", "/playground.html"]) {
  for (const device of DEVICES) {
    test(`Lighthouse finds ${path} well built on a ${device}`, (t) =>
      assertAudit(t, site.browser, `${site.origin}${path}`, { device, categories: CATEGORIES }));
  }
}

const pictures = (page, name) => takePictures(page, join(import.meta.dirname, "pictures"), name, WIDTHS);

for (const [name, path] of Object.entries({
  home: "/",
  guide: "/guides/adapters.html",
  http: "/reference/http.html",
  api: "/reference/api/crossrank/hits.html",
  benchmarks: "/project/benchmarks.html",
  missing: "/nothing.html",
})) {
  test(`the page ${name} in pictures`, async () => {
    const { page } = await visit(site, path);
    await pictures(page, name);
    await page.close();
  });
}

test("the playground and the search in pictures", async () => {
  const { page, complaints } = await visit(site, "/playground.html");
  await isHydrated(page);
  await pictures(page, "playground-before");
  await page.click(".primary");
  await scored(page);
  await pictures(page, "playground");
  await page.click(".options summary");
  await page.select(".inputs select", "long");
  await page.waitForSelector("mark");
  await pictures(page, "playground-long");
  await openSearch(page);
  await page.keyboard.type("how can I stop a call");
  await page.waitForFunction(() =>
    document
      .querySelector("crossrank-search")
      .shadowRoot.querySelector(".state")
      .textContent.includes("Reranked"),
  );
  await page.keyboard.press("ArrowDown");
  await pictures(page, "search");
  assert.deepEqual(complaints, []);
  await page.close();
});
