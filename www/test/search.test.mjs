// The search page as visitors use it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, list, reranked, start, visit } from "./visit.mjs";

let site;
before(async () => (site = await start()));
after(async () => {
  await site.browser.close();
  site.close();
});

test("a search shows both orders, and reranking brings up the right passage", async () => {
  const { page, complaints } = await visit(site, "/?q=remove+duplicates+from+a+vector");
  await reranked(page);
  const first = await list(page, "first");
  const second = await list(page, "reranked");
  assert.equal(first.length, 10);
  assert.equal(second.length, 10);
  assert.match(second[0].name, /dedup/);
  assert.doesNotMatch(first[0].name, /dedup/);
  // A candidate is the same passage in both lists.
  const known = new Map(first.map(({ candidate, text }) => [candidate, text]));
  const common = second.filter(({ candidate }) => known.has(candidate));
  assert.ok(common.length > 0);
  for (const { candidate, text } of common) assert.equal(text, known.get(candidate));
  assert.ok((await page.$$("#moves path.up")).length > 0, "lines show the movement");
  const said = (id) => page.$eval(`#${id}`, ({ textContent }) => textContent);
  assert.match(await said("timing"), /Full text.*ms.*Reranking 30 passages.*ms.*worker/);
  assert.match(await said("status"), /30 candidates .* reranked in .* First is std::vec::Vec/);

  await page.select("#limit", "10");
  await page.waitForFunction(() => document.getElementById("timing").textContent.includes("Reranking 10"));
  const ten = (await list(page, "reranked")).map(({ candidate }) => candidate);
  assert.deepEqual(
    ten.sort((a, b) => a - b),
    [...Array(10).keys()],
  );
  assert.deepEqual(complaints, []);
  await page.close();
});

test("vector and hybrid search find what full text does not, and each is reranked", async () => {
  const { page, complaints } = await visit(site, "/?q=who+gives+memory+back");
  const orders = {};
  for (const mode of ["fulltext", "vector", "hybrid"]) {
    await page.evaluate((mode) => {
      document.querySelector(".reranked").setAttribute("aria-busy", "true");
      document.querySelector(`[value=${mode}]`).click();
      document.getElementById("modes").dispatchEvent(new Event("change"));
    }, mode);
    await reranked(page);
    const metas = await page.$$eval("#first .meta", (metas) => metas.map(({ textContent }) => textContent));
    assert.match(metas[0], { fulltext: /^BM25 \d/, vector: /^cosine 0\.\d/, hybrid: /^RRF 0\.0\d+/ }[mode]);
    orders[mode] = { first: await list(page, "first"), second: await list(page, "reranked"), metas };
  }
  const names = (order) => order.map(({ name, text }) => `${name} ${text}`);
  const lacks = (mode, than) =>
    names(orders[mode].first).filter((name) => !names(orders[than].first).includes(name));
  assert.ok(lacks("vector", "fulltext").length >= 3, "vectors find others than words");
  const joined = [...names(orders.vector.first), ...names(orders.fulltext.first)];
  assert.ok(
    names(orders.hybrid.first).filter((name) => joined.includes(name)).length >= 5,
    "the fusion is of both",
  );
  assert.ok(
    orders.hybrid.metas.some((meta) => /full text .*vector/.test(meta)),
    "some passages are in both lists",
  );
  for (const { first, second } of Object.values(orders)) assert.notDeepEqual(names(first), names(second));
  assert.deepEqual(complaints, []);
  await page.close();
});

test("typing quickly leaves only the last question's results", async () => {
  const { page, complaints } = await visit(site, "/?q=what+is+a+trait");
  await reranked(page);
  // Each pause is long enough for a search to begin, but too short for a hundred passages.
  await page.evaluate(async () => {
    const field = document.getElementById("query");
    const list = document.getElementById("reranked");
    window.shown = [];
    const note = () => list.children.length > 0 && window.shown.push(list.dataset.query);
    new MutationObserver(note).observe(list, { childList: true });
    document.getElementById("limit").value = "100";
    for (const text of ["what is a closure", "catch a panic", "read a file", "read a file line by line"]) {
      field.value = text;
      field.dispatchEvent(new Event("input"));
      await new Promise((resolve) => setTimeout(resolve, 220));
    }
  });
  await reranked(page);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(await page.evaluate(() => window.shown), ["read a file line by line"]);
  const last = await list(page, "reranked");
  assert.match(last[0].name, /BufRead|read_to_string|Read|lines/);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("the visitor's documents are searched with the keyboard only, and the corpus comes back", async () => {
  const { page, complaints } = await visit(site, "/?q=");
  const { keyboard } = page;
  const focused = () =>
    page.evaluate(() => document.activeElement.id || document.activeElement.closest("[id]")?.id);
  /** Presses Tab until an element has the focus, which must be visible. */
  async function tabTo(id) {
    for (let i = 0; i < 40; i++) {
      await keyboard.press("Tab");
      if ((await focused()) !== id) continue;
      const { outline, shadow } = await page.evaluate(() => {
        const { outlineStyle, boxShadow } = getComputedStyle(document.activeElement);
        return { outline: outlineStyle, shadow: boxShadow };
      });
      assert.ok(outline !== "none" || shadow !== "none", `${id} shows its focus`);
      return;
    }
    assert.fail(`Tab does not come to ${id}`);
  }
  // The first stop leads over the navigation to the search.
  await keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await keyboard.press("Enter");
  assert.equal(await page.evaluate(() => location.hash), "#query");
  await tabTo("own");
  await keyboard.press("Enter");
  await tabTo("own-text");
  await keyboard.type("# Garden\nTomatoes want sun.\n\nSlugs come out at night.\n\n");
  await keyboard.type("# Kitchen\n\nBoil the eggs for seven minutes.");
  await tabTo("own-files");
  await tabTo("own-form");
  await keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("subject").textContent === "your 3 passages");
  assert.equal(await focused(), "query");
  await keyboard.type("how long does an egg take to cook");
  await reranked(page);
  const found = await list(page, "reranked");
  assert.match(found[0].text, /Boil the eggs/);
  assert.match(found[0].name, /Kitchen/);

  // Back, and on by "/" to the search and by Tab to the first result.
  await page.evaluate(() => document.activeElement.blur());
  await page.focus("#own summary");
  await keyboard.press("Enter");
  await tabTo("own-back");
  await keyboard.press("Enter");
  await page.waitForFunction(
    () => document.getElementById("subject").textContent === "the Rust documentation",
  );
  await page.focus("#own summary");
  await keyboard.press("/");
  assert.equal(await focused(), "query");
  await keyboard.type("catch a panic");
  await reranked(page);
  await tabTo("first");
  assert.match(await page.evaluate(() => document.activeElement.href), /^https:\/\/doc\.rust-lang\.org\//);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("complaints of the browser are noticed", async () => {
  const { page, complaints } = await visit(site);
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
    const image = document.createElement("img");
    image.src = "https://example.org/pixel.png";
    document.body.append(image);
    console.error("an error");
  });
  await page.waitForFunction(() => true);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(await page.evaluate(() => window.ran), undefined);
  for (const part of [/policy: script-src/, /policy: img-src/, /console: an error/]) {
    assert.ok(
      complaints.some((complaint) => part.test(complaint)),
      `${part} in ${complaints}`,
    );
  }
  await page.close();
});

test("after the first visit the page searches and reranks without a network", async () => {
  const away = await start();
  try {
    const first = await visit(away, "/?q=catch+a+panic");
    await reranked(first.page);
    await first.page.waitForFunction(() => navigator.serviceWorker.controller, { timeout: 30_000 });
    const before = await list(first.page, "reranked");
    await first.page.close();
    away.close();
    await assert.rejects(fetch(away.origin));

    const { page } = await visit(away, "/?q=catch+a+panic");
    await reranked(page);
    assert.deepEqual(await list(page, "reranked"), before);
    await ask(page, "difference between copy and clone");
    assert.match((await list(page, "reranked"))[0].name, /Copy|Clone/);
  } finally {
    await away.browser.close();
    away.close();
  }
});

test("if the model cannot be loaded, the first stage stays and the page says why", async () => {
  const away = await start();
  try {
    const page = await away.browser.newPage();
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      if (new URL(request.url()).pathname.endsWith(".crossrank")) request.respond({ status: 404 });
      else request.continue();
    });
    await page.goto(`${away.origin}/?q=catch+a+panic`);
    await page.waitForFunction(() =>
      document.querySelector("#timing .error")?.textContent.includes("model could not be loaded"),
    );
    await page.select("#limit", "10");
    await page.waitForFunction(() =>
      /10 candidates.*the model could not be loaded/.test(document.getElementById("timing").textContent),
    );
    assert.equal((await list(page, "first")).length, 10);
    assert.equal(await page.$eval(".reranked", (column) => column.getAttribute("aria-busy")), "false");
    assert.equal(await page.$eval("#reranked-loading", (note) => note.hidden), true);
  } finally {
    await away.browser.close();
    away.close();
  }
});
