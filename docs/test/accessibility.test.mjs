// axe-core on pages in both color schemes, and with a phone's width.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { visit } from "../../www/test/visit.mjs";
import { isHydrated, openSearch, scored, start } from "./site.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let site;
before(async () => (site = await start()));
after(async () => {
  await site.browser.close();
  site.close();
});

/** What axe-core finds wrong: the rule, and the elements. */
async function violations(page) {
  // The debugger's scripts are not subject to the page's policy.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => (await axe.run()).violations);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}

const VIEWS = {
  home: ["/"],
  "a guide": ["/guides/gpu.html"],
  "generated pages": ["/reference/http.html", "/reference/api/crossrank.html"],
  benchmarks: ["/project/benchmarks.html"],
  "a page that does not exist": ["/nothing.html"],
};

for (const dark of [false, true]) {
  const scheme = dark ? "dark" : "light";
  for (const [name, paths] of Object.entries(VIEWS)) {
    test(`axe finds nothing on ${name}, ${scheme}`, async () => {
      for (const path of paths) {
        const { page, complaints } = await visit(site, path, { dark, width: dark ? 375 : 1280 });
        await isHydrated(page);
        assert.deepEqual(await violations(page), []);
        const expected = path === "/nothing.html" ? 1 : 0;
        assert.equal(complaints.length, expected, complaints.join("\n"));
        await page.close();
      }
    });
  }

  test(`axe finds nothing on the playground before and after scoring, ${scheme}`, async () => {
    const { page, complaints } = await visit(site, "/playground.html", { dark, width: dark ? 375 : 1280 });
    await isHydrated(page);
    assert.deepEqual(await violations(page), []);
    await page.click(".options summary");
    await page.select(".inputs select", "long");
    await scored(page);
    await page.select(".options select", "hub");
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test(`axe finds nothing on the open search, ${scheme}`, async () => {
    const { page } = await visit(site, "/guides/gpu.html", { dark, width: dark ? 375 : 1280 });
    await openSearch(page);
    assert.deepEqual(await violations(page), []);
    await page.keyboard.type("score");
    await page.waitForFunction(
      () =>
        document.querySelector("crossrank-search").shadowRoot.querySelector("[role=status]").textContent !==
        "",
    );
    await page.keyboard.press("ArrowDown");
    assert.deepEqual(await violations(page), []);
    await page.close();
  });
}

test("axe finds a field without a label", async () => {
  const { page } = await visit(site, "/playground.html");
  await page.$eval("textarea", (field) => field.closest("label").replaceWith(field));
  assert.ok((await violations(page)).some((line) => line.startsWith("label:")));
  await page.close();
});
