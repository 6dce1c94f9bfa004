// The search of the site.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Reranker } from "crossrank";
import { rerankHits } from "crossrank/hits";
import MiniSearch from "minisearch";
import { visit } from "../../www/test/visit.mjs";
import { OPTIONS } from "../.vitepress/theme/search/options.js";
import { DIST, IS_HEAVY, IS_MODEL, openSearch, requestsOf, start } from "./site.mjs";

const QUERY = "how can I stop a call that takes too long";

let site;
before(async () => (site = await start()));
after(async () => {
  await site.browser.close();
  site.close();
});

const linksOf = (page) => page.$$eval("[role=option]", (options) => options.map(({ href }) => href));
const stateOf = (page) => page.$eval(".state", ({ textContent }) => textContent.trim());
const hasState = (page, text) =>
  page.waitForFunction((text) => document.querySelector(".state").textContent.includes(text), {}, text);

/** The orders of sections that MiniSearch and crossrank give, computed here. */
async function expectedOrders() {
  const file = readdirSync(join(DIST, "assets")).find((name) => /^search\..*\.json$/.test(name));
  const index = MiniSearch.loadJSON(readFileSync(join(DIST, "assets", file), "utf8"), OPTIONS);
  const hits = index.search(QUERY).slice(0, 30);
  const reranker = await Reranker.load();
  const text = ({ trail, title, text }) => [trail, title, text].filter(Boolean).join(". ");
  const { results } = await rerankHits(reranker, QUERY, hits, { text });
  await reranker.dispose();
  const sections = (hits) => [...new Set(hits.map(({ url }) => `${site.origin}/${url}`))].slice(0, 10);
  return { words: sections(hits), reranked: sections(results.map(({ hit }) => hit)) };
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
      const loaded = page.waitForResponse((response) => response.url().includes("/assets/search."));
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

/** Holds the request for the model back until the function that it gives is called. */
async function holdModel(page) {
  let letGo;
  const mayLoad = new Promise((resolve) => (letGo = resolve));
  await page.setRequestInterception(true);
  page.on("request", async (request) => {
    if (request.url().endsWith(".crossrank")) await mayLoad;
    request.continue();
  });
  return letGo;
}

test("results by words are shown at once, then reranked ones, and announced once", async () => {
  const { words, reranked } = await expectedOrders();
  assert.notDeepEqual(words, reranked);
  const { page, complaints } = await visit(site, "/guides/gpu.html");
  const letGo = await holdModel(page);
  await openSearch(page);
  assert.match(await stateOf(page), /a model of 14 MB/);
  await page.evaluate(() => {
    window.said = [];
    const region = document.querySelector("dialog [role=status]");
    new MutationObserver(() => window.said.push(region.textContent)).observe(region, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  await page.keyboard.type(QUERY);
  await page.waitForSelector("progress");
  assert.deepEqual(await linksOf(page), words);
  assert.equal(await page.$eval("[role=combobox]", (field) => field.ariaExpanded), "true");
  letGo();
  await hasState(page, "reranked");
  assert.deepEqual(await linksOf(page), reranked);
  const said = await page.evaluate(() => window.said);
  assert.equal(said.length, 1, said.join(" | "));
  assert.match(said[0], /^10 results\. First: /);

  await page.keyboard.press("ArrowUp");
  const active = () => page.$eval("[role=combobox]", (field) => field.getAttribute("aria-activedescendant"));
  assert.equal(await active(), "search-result-9");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await active(), "search-result-1");
  assert.equal(await page.$eval("#search-result-1", (option) => option.ariaSelected), "true");
  await page.keyboard.press("Enter");
  await page.waitForFunction((href) => location.href === href, {}, reranked[1]);
  assert.equal(await page.$("dialog"), null);
  const isThere = () => document.getElementById(decodeURIComponent(location.hash.slice(1))) !== null;
  await page.waitForFunction(isThere);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("the order does not change while the reader is choosing", async () => {
  const { words, reranked } = await expectedOrders();
  for (const choose of ["keyboard", "pointer"]) {
    const { page } = await visit(site, "/");
    const letGo = await holdModel(page);
    // Copies of an earlier visit would not be asked for.
    await page.evaluate(() => caches.delete("crossrank"));
    await openSearch(page);
    await page.keyboard.type(QUERY);
    await page.waitForSelector("progress");
    if (choose === "keyboard") await page.keyboard.press("ArrowDown");
    else {
      const { x, y, width } = await (await page.$("#search-result-2")).boundingBox();
      await page.mouse.move(x + width / 2, y + 10);
      await page.mouse.move(x + width / 2 + 5, y + 12);
    }
    letGo();
    await hasState(page, "Show the reranked order");
    assert.deepEqual(await linksOf(page), words);
    await page.click(".state button");
    assert.deepEqual(await linksOf(page), reranked);
    await page.close();
  }
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
  await page.waitForFunction(() => document.querySelector("dialog [role=status]").textContent !== "");
  assert.match(await stateOf(page), /saves data/);
  assert.equal(await page.$eval(".foot input", ({ disabled, checked }) => disabled && !checked), true);
  assert.ok((await linksOf(page)).length > 0);

  await page.removeScriptToEvaluateOnNewDocument(script.identifier);
  await page.goto(`${site.origin}/guides/gpu.html`);
  await openSearch(page);
  await page.click(".foot input");
  await page.reload();
  await openSearch(page);
  assert.equal(await page.$eval(".foot input", ({ disabled, checked }) => !disabled && !checked), true);
  await page.keyboard.type("score");
  await page.waitForFunction(() => document.querySelector("dialog [role=status]").textContent !== "");
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(
    requests.filter((address) => IS_MODEL.test(address)),
    [],
  );
  // Where the search finds nothing, it says so.
  await page.$eval("[role=combobox]", (field) => field.select());
  await page.keyboard.type("zzzzqqq");
  await page.waitForSelector("dialog .nothing");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.querySelector("dialog") === null);
  await page.evaluate(() => localStorage.clear());
  await page.close();
});

test("if the model cannot be loaded, the results by words stay and the search says why", async () => {
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
  await page.waitForSelector("dialog .failure");
  assert.ok((await linksOf(page)).length > 0);
  assert.match(await page.$eval("dialog .failure", ({ textContent }) => textContent), /by words, because/);
  await page.close();
});
