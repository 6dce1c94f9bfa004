// The search of the site.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createSiteSearch } from "crossrank/site";
import { visit } from "../../www/test/visit.mjs";
import { DIST, IS_HEAVY, IS_MODEL, inSearch, openSearch, requestsOf, start } from "./site.mjs";

const QUERY = "how can I stop a call that takes too long";

let site;
before(async () => (site = await start()));
after(async () => {
  await site.browser.close();
  site.close();
});

const linksOf = (page) =>
  inSearch(page, (root) => [...root.querySelectorAll("[role=option]")].map(({ href }) => href));
const textOf = (page, selector) =>
  inSearch(page, (root, selector) => root.querySelector(selector).textContent, selector);

async function hasText(page, selector, text) {
  const has = (selector, text) =>
    document.querySelector("crossrank-search").shadowRoot.querySelector(selector).textContent.includes(text);
  await page.waitForFunction(has, {}, selector, text);
}

/** Waits until the list is in this order. */
const hasOrder = (page, links) =>
  page.waitForFunction(
    (links) => {
      const { shadowRoot } = document.querySelector("crossrank-search");
      return [...shadowRoot.querySelectorAll("[role=option]")].map(({ href }) => href).join() === links;
    },
    {},
    links.join(),
  );

/** The sections of each stage, computed here, in the order in which pages show them: those of a page together. */
async function expectedOrders() {
  const search = createSiteSearch({ base: join(DIST, "crossrank"), root: new URL(`${site.origin}/`) });
  const stages = {};
  for await (const { stage, results } of search.search(QUERY)) {
    const pages = new Map();
    for (const { url } of results) {
      const page = url.split("#")[0];
      pages.set(page, [...(pages.get(page) ?? []), url]);
    }
    stages[stage] = [...pages.values()].flat();
  }
  return stages;
}

test("a page loads neither the model nor the index before the search is used", async () => {
  for (const path of ["/", "/guides/gpu.html", "/playground.html"]) {
    const { page, complaints } = await visit(site, "/404.html");
    const requests = requestsOf(page);
    await page.goto(`${site.origin}${path}`, { waitUntil: "networkidle0" });
    assert.deepEqual(
      requests.filter((address) => IS_HEAVY.test(address)),
      [],
    );
    for (const address of requests)
      assert.ok(/^data:/.test(address) || address.startsWith(site.origin), address);
    if (path === "/") {
      const loaded = page.waitForResponse((response) => response.url().includes("/crossrank/manifest"));
      await openSearch(page);
      await loaded;
      // Whatever the open search asks for has time to begin.
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.deepEqual(
        requests.filter((address) => IS_MODEL.test(address)),
        [],
        "no model before the first word",
      );
    }
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test("the stages are those that node computes, and the router follows a result", async () => {
  const expected = await expectedOrders();
  assert.deepEqual(Object.keys(expected), ["terms", "vectors", "reranked"]);
  assert.notDeepEqual(expected.vectors, expected.reranked);
  const { page, complaints } = await visit(site, "/guides/gpu.html");
  let letGo;
  const mayLoad = new Promise((resolve) => (letGo = resolve));
  await page.setRequestInterception(true);
  page.on("request", async (request) => {
    if (request.url().endsWith(".crossrank")) await mayLoad;
    request.continue();
  });
  await openSearch(page);
  await page.evaluate((query) => document.querySelector("crossrank-search").open(query), QUERY);
  await hasText(page, "[role=status]", "Results: 10");
  await hasOrder(page, expected.vectors);
  letGo();
  await hasText(page, ".state", "Reranked");
  assert.deepEqual(await linksOf(page), expected.reranked);
  await hasText(page, "[role=status]", "First: ");

  await page.evaluate(() => (window.isSamePage = true));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForFunction((href) => location.href === href, {}, expected.reranked[1]);
  assert.ok(await page.evaluate(() => window.isSamePage));
  const isThere = () => document.getElementById(decodeURIComponent(location.hash.slice(1))) !== null;
  await page.waitForFunction(isThere);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("the model is not loaded where the browser saves data or the reader switches it off", async () => {
  const { page } = await visit(site, "/404.html");
  const requests = requestsOf(page);
  const script = await page.evaluateOnNewDocument(() => {
    Object.defineProperty(navigator, "connection", { value: { saveData: true } });
  });
  await page.goto(`${site.origin}/`);
  await openSearch(page);
  await page.keyboard.type("score");
  await hasText(page, "[role=status]", "Results");
  assert.ok((await linksOf(page)).length > 0);
  assert.match(await textOf(page, ".state"), /saves data/);
  assert.ok(await inSearch(page, (root) => root.querySelector(".foot input").disabled));

  await page.removeScriptToEvaluateOnNewDocument(script.identifier);
  await page.goto(`${site.origin}/guides/gpu.html`);
  await openSearch(page);
  await page.waitForFunction(
    () => !document.querySelector("crossrank-search").shadowRoot.querySelector(".foot").hidden,
  );
  await inSearch(page, (root) => root.querySelector(".foot input").click());
  await page.reload();
  await openSearch(page);
  await page.keyboard.type("score");
  await hasText(page, "[role=status]", "Results");
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(
    requests.filter((address) => IS_MODEL.test(address)),
    [],
  );
  // Where the search finds nothing, it says so.
  await page.evaluate(() => document.querySelector("crossrank-search").open("\u4e00\u4e8c"));
  await hasText(page, ".nothing", "Nothing was found");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("crossrank-search").isOpen);
  await page.evaluate(() => localStorage.clear());
  await page.close();
});

test("if the model cannot be loaded, the results stay and the search says why", async () => {
  const { page } = await visit(site, "/");
  await page.evaluate(() => caches.delete("crossrank"));
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    // The package asks once more, past copies, with a query.
    if (request.url().includes(".crossrank")) request.respond({ status: 404 });
    else request.continue();
  });
  await openSearch(page);
  await page.keyboard.type("score");
  await hasText(page, ".failure", "Not ordered by answers: ");
  assert.ok((await linksOf(page)).length > 0);
  await page.close();
});
