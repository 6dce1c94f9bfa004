// The search of a static site: its parts with a fake index, a whole site, and the element with a fake search in
// Chromium. Runs on the packed package in the test project (CROSSRANK_PROJECT). CROSSRANK_SITE names the command.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { launch } from "./browsers.mjs";
import { serve } from "./server.mjs";

const project = process.env.CROSSRANK_PROJECT;
const program = process.env.CROSSRANK_SITE;
const STAGES = ["terms", "vectors", "reranked"];
const dist = (name) => import(pathToFileURL(join(project, "node_modules/crossrank/dist/site", `${name}.js`)));

/** A host's files by name, which are what their names say. It notes how each was asked for. */
class Host {
  log = [];
  files = new Map();
  isOnline = true;

  open = async (name, mode) => {
    this.log.push(`${name} ${mode}`);
    if (!this.isOnline) throw new Error("no network");
    const content = this.files.get(name);
    // A browser's copy may be of another version.
    return mode === "copy" && this.stale?.has(name) ? this.stale.get(name) : content;
  };
}

/** An index whose files are `words`, which it needs for all, `texts`, and `vectors`. `heads` make it partial. */
function fakeIndex() {
  const added = new Set();
  const failed = new Set();
  return {
    search(query, { vectors, texts }) {
      const names = [
        "words",
        ...(vectors ? ["vectors"] : []),
        ...(texts && added.has("words") ? ["texts"] : []),
      ];
      return {
        stage: vectors ? "vectors" : "terms",
        isPartial: names.includes("texts") && added.has("heads") && !added.has("texts"),
        needs: names.filter((name) => !added.has(name) && !failed.has(name)),
        missing: names.filter((name) => failed.has(name)),
        results: [...added].map((name, id) => ({ id, title: `${query} ${name}` })),
        total: added.size,
      };
    },
    add(name, content) {
      if (content !== name) throw { code: "integrity", message: `${name} is ${content}` };
      failed.delete(name);
      added.add(name);
    },
    fail: (name) => failed.add(name),
    useful: () => ["heads"].filter((name) => !added.has(name)),
    free() {},
  };
}

async function finderOn(host, { renewed } = {}) {
  const [{ Finder }, { IndexFiles }] = await Promise.all([dist("finder"), dist("files")]);
  const loadedIndex = () => {
    const index = fakeIndex();
    return { index, files: new IndexFiles(index, host.open), use: (act) => act() };
  };
  return new Finder({ load: async () => loadedIndex(), renew: async () => renewed?.() && loadedIndex() });
}

/** The answers to a query, of which the last one is complete. */
async function answersOf(finder, query, options) {
  const answers = [];
  for await (const answer of finder.find(query, options)) answers.push(answer);
  return answers;
}

const complete = async (...given) => (await answersOf(...given)).at(-1);

const OPTIONS = { limit: 10, filters: {}, language: undefined };
const words = { ...OPTIONS, vectors: false };
const vectors = { ...OPTIONS, vectors: true };

test("a query fetches what it needs and nothing twice", async () => {
  const host = new Host();
  for (const name of ["words", "vectors"]) host.files.set(name, name);
  const finder = await finderOn(host);
  const [first, second] = await Promise.all([complete(finder, "a", words), complete(finder, "b", words)]);
  assert.deepEqual([first.results[0].title, second.results[0].title], ["a words", "b words"]);
  assert.deepEqual(host.log, ["words copy"]);
  await complete(finder, "a", vectors);
  assert.deepEqual(host.log, ["words copy", "vectors copy"]);
});

test("where pages have heads, an answer is partial at first, while the texts are on their way", async () => {
  const host = new Host();
  for (const name of ["words", "heads", "texts"]) host.files.set(name, name);
  const finder = await finderOn(host);
  await complete(finder, "a", words);
  await finder.improve("en");
  assert.deepEqual(host.log, ["words copy", "heads copy"]);
  const answers = finder.find("b", { ...words, texts: true });
  assert.deepEqual((await answers.next()).value.needs, ["texts"]);
  assert.deepEqual(host.log.at(-1), "texts copy", "they are asked for before the partial answer is given");
  assert.equal((await answers.next()).value.isPartial, false);
  const again = await answersOf(finder, "c", { ...words, texts: true });
  assert.deepEqual(
    again.map(({ isPartial, needs }) => [isPartial, needs]),
    [[false, []]],
  );
});

test("a copy with another content is asked for again, and a host with another content is told of", async () => {
  const host = new Host();
  host.files.set("words", "words");
  host.stale = new Map([["words", "old"]]);
  const finder = await finderOn(host);
  assert.deepEqual((await complete(finder, "a", words)).missing, []);
  assert.deepEqual(host.log, ["words copy", "words reload"]);

  host.files.set("vectors", "other");
  const answer = await complete(finder, "a", vectors);
  assert.deepEqual(answer.missing, ["vectors"]);
  assert.equal(answer.results.length, 1, "the rest is served");
});

test("files that the network kept back are asked for by the next search, and missing ones are not", async () => {
  const host = new Host();
  host.isOnline = false;
  const finder = await finderOn(host);
  assert.deepEqual((await complete(finder, "a", words)).missing, ["words"]);
  host.isOnline = true;
  host.files.set("words", "words");
  assert.deepEqual((await complete(finder, "a", words)).missing, []);

  await complete(finder, "a", vectors);
  await complete(finder, "b", vectors);
  assert.deepEqual(
    host.log.filter((line) => line.startsWith("vectors")),
    ["vectors copy"],
  );
});

test("where a file is missing because the site was built again, the new index is used", async () => {
  const host = new Host();
  let compared = 0;
  const finder = await finderOn(host, {
    renewed() {
      compared++;
      host.files.set("words", "words");
      return true;
    },
  });
  const { missing, results } = await complete(finder, "a", words);
  assert.deepEqual([missing, results.length, compared], [[], 1, 1]);
  await complete(finder, "a", vectors);
  assert.equal(compared, 1, "it was compared with the host's");
});

test("an index that cannot be loaded is asked for again by the next search", async () => {
  const { Finder } = await dist("finder");
  let attempts = 0;
  const load = async () => {
    if (attempts++ === 0) throw new Error("no network");
    return {
      index: fakeIndex(),
      files: { load: async () => {}, mayReturn: () => false },
      use: (act) => act(),
    };
  };
  const finder = new Finder({ load, renew: async () => undefined });
  await assert.rejects(complete(finder, "a", words), /no network/);
  await complete(finder, "a", words);
  assert.equal(attempts, 2);
});

// --- A whole site -----------------------------------------------------------------------------

const SITE = {
  "index.html": "<h1>Welcome</h1><p>This site tells how to go back in Git.",
  "reset.html": `<h1>Reset</h1><p>Moves the head.<h2 id="undo">Undo a commit</h2><p>Take the last commit back, and keep the
    changes in the index.`,
  "stash.html": `<h1>Stash</h1><h2 id="aside">Put work aside</h2><p>Record the working directory, and go back to a clean one.`,
};

/** Builds a site with an index, and gives its folder. */
function buildSite(t, { pages = SITE, language = "en", options = ["--reranker"] } = {}) {
  const site = mkdtempSync(join(project, "site-"));
  t.after(() => rmSync(site, { recursive: true }));
  for (const [name, content] of Object.entries(pages)) {
    writeFileSync(
      join(site, name),
      `<!doctype html><html lang="${language}"><title>${name}</title><main>${content}</main>`,
    );
  }
  const packages = join(project, "node_modules/crossrank");
  execFileSync(program, ["site", site, "--package", packages, ...options], { stdio: "pipe" });
  return site;
}

const SCRIPT =
  '<script type="module" src="crossrank/crossrank-search.js"></script><crossrank-search></crossrank-search>';

/** A page of a site with the script of its search. */
async function openSite(t, site) {
  appendFileSync(join(site, "index.html"), SCRIPT);
  const host = await serve(site);
  t.after(() => host.close());
  const page = await browser.newPage();
  await page.goto(`${host.origin}/index.html`);
  await page.waitForFunction(() => document.querySelector("crossrank-search")?.shadowRoot);
  return { host, page };
}

async function stagesOf(search, query, options) {
  const stages = {};
  for await (const { stage, ...page } of search.search(query, options)) stages[stage] = page;
  return stages;
}

const QUERY = "take a commit back";

test("node searches a site in a folder, and reranks with the package's own model", async (t) => {
  const site = buildSite(t);
  const { createSiteSearch } = await dist("node");
  const search = createSiteSearch({ base: join(site, "crossrank") });
  const stages = await stagesOf(search, QUERY);
  for (const [stage, { results, missing, error }] of Object.entries(stages)) {
    const { url, section, excerpt, score } = results[0];
    assert.equal(url, `${pathToFileURL(join(site, "reset.html")).href}#undo`, stage);
    assert.equal(section, "Undo a commit");
    assert.ok(excerpt.some(({ text, match }) => match && /commit/i.test(text)));
    assert.ok(score > 0);
    assert.deepEqual([missing, error], [[], undefined]);
  }
  assert.deepEqual(Object.keys(stages), STAGES);

  assert.deepEqual(Object.keys(await stagesOf(search, QUERY, { rerank: false })), STAGES.slice(0, -1));
  assert.deepEqual(await stagesOf(search, "  "), {});
  assert.equal((await stagesOf(search, "back", { limit: 1, rerank: false })).terms.results.length, 1);
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  await assert.rejects(stagesOf(search, QUERY, { signal: stop.signal }), /enough/);
  assert.throws(() => search.search(QUERY, { limit: 0 }), { code: "invalid-argument" });
  assert.throws(() => createSiteSearch({}), /options\.base is undefined/);
  const nowhere = createSiteSearch({ base: site });
  await assert.rejects(stagesOf(nowhere, QUERY), /there is no .*manifest.*run `crossrank site`/);
});

test("where an embedder made the vectors, the same one embeds queries", async (t) => {
  const site = buildSite(t, { options: ["--embedder"] });
  const { createSiteSearch } = await dist("node");
  const base = join(site, "crossrank");
  // No page has one of these words.
  const meaning = "cancel my latest revision";
  const own = await stagesOf(createSiteSearch({ base, reranker: false }), meaning);
  assert.deepEqual(Object.keys(own), STAGES.slice(0, 2));
  assert.deepEqual(own.terms.results, []);
  assert.match(own.vectors.results[0].url, /reset\.html#undo/);
  assert.equal(own.vectors.error, undefined);
  const { createRequire } = await import("node:module");
  const { Embedder } = await import(createRequire(join(project, "x.js")).resolve("crossrank"));
  const embedder = await Embedder.load({ workers: 0 });
  t.after(() => embedder.dispose());
  const given = createSiteSearch({ base, reranker: false, embedder });
  assert.deepEqual(await stagesOf(given, meaning), own);
  assert.equal(await given.reranking(), "possible");

  const off = createSiteSearch({ base, reranker: false, embedder: false });
  assert.deepEqual(Object.keys(await stagesOf(off, QUERY)), ["terms"]);
  assert.equal(await off.reranking(), "none");
  assert.deepEqual(Object.keys(await stagesOf(given, QUERY, { rerank: false })), ["terms"]);
  for (const [embedder, error] of [
    [
      { embedQuery: async () => new Float32Array(384), info: async () => ({ fingerprint: "x" }) },
      /another embedder made/,
    ],
    [() => Promise.reject(new Error("no model")), /no model/],
    [() => "text", /options\.embedder gave the string "text"; give an Embedder/],
  ]) {
    const search = createSiteSearch({ base, embedder });
    const stages = [];
    for await (const { stage, error, results } of search.search(QUERY))
      stages.push([stage, error, results.length]);
    assert.deepEqual(
      stages.map(([stage]) => stage),
      ["terms", "terms", "reranked"],
      "it reranks what the words found",
    );
    assert.match(stages[1][1].message, error);
    assert.ok(stages.every(([, , count]) => count > 0));
  }
});

test("a newer search ends an older one", async (t) => {
  const site = buildSite(t);
  const { createSiteSearch } = await dist("node");
  const search = createSiteSearch({ base: join(site, "crossrank"), reranker: false });
  const older = stagesOf(search, QUERY);
  const newer = stagesOf(search, "stash");
  assert.deepEqual(await older, {});
  assert.match((await newer).terms.results[0].url, /stash/);
});

test("what the host lacks is named, and the rest is served", async (t) => {
  const site = buildSite(t);
  const { createSiteSearch } = await dist("node");
  const base = join(site, "crossrank");
  const read = createSiteSearch({ base, reranker: false });
  await stagesOf(read, QUERY);
  const shards = readdirSync(base, { recursive: true }).filter((name) => /terms/.test(name));
  assert.ok(shards.length > 0);
  for (const name of shards) writeFileSync(join(base, name), "other");
  const search = createSiteSearch({ base, reranker: false });
  const pages = [];
  for await (const page of search.search(QUERY)) pages.push(page);
  assert.ok(pages[0].missing.length > 0, "the stale file is named");
});

test("one script serves a page without a bundler, with its models beside it", async (t) => {
  const site = buildSite(t, { options: ["--reranker", "--embedder"] });
  const { host, page } = await openSite(t, site);
  assert.deepEqual(
    host.log.map(({ path }) => path).filter((path) => /manifest|wasm|models/.test(path)),
    [],
    "nothing is loaded before the search is used",
  );
  await page.evaluate((query) => document.querySelector("crossrank-search").open(query), QUERY);
  const isReranked = () =>
    document.querySelector("crossrank-search").shadowRoot.querySelector(".state").textContent === "Reranked";
  await page.waitForFunction(isReranked, { timeout: 120_000 });
  const first = await page.evaluate(
    () => document.querySelector("crossrank-search").shadowRoot.querySelector("[role=option]").href,
  );
  assert.equal(first, `${host.origin}/reset.html#undo`);
  const models = host.log.map(({ path }) => path).filter((path) => path.endsWith(".crossrank"));
  assert.deepEqual(
    models,
    ["embedder", "reranker"].map((name) => `/crossrank/models/${name}.crossrank`),
  );
  await page.close();
});

test("filters narrow the search of a whole site", async (t) => {
  const page = (kind, name) => `<h1 data-crossrank-filter="kind:${kind}">${name}</h1><p>A zebra.`;
  const pages = { "a.html": page("guide", "A"), "b.html": page("api", "B"), "c.html": page("guide", "C") };
  const site = buildSite(t, { pages, options: ["--text-only"] });
  const { createSiteSearch } = await dist("node");
  const search = createSiteSearch({ base: join(site, "crossrank"), reranker: false });
  assert.deepEqual(await search.filters(), [
    {
      name: "kind",
      values: [
        { value: "api", count: 1 },
        { value: "guide", count: 2 },
      ],
    },
  ]);
  const found = async (filters) => {
    const { terms } = await stagesOf(search, "zebra", { filters });
    return terms.results.map(({ url }) => url.split("/").pop()).sort();
  };
  assert.deepEqual(await found({ kind: "guide" }), ["a.html", "c.html"]);
  assert.deepEqual(await found({ kind: ["guide", "api"] }), ["a.html", "b.html", "c.html"]);
  assert.deepEqual(await found({ kind: "none" }), []);
});

test("a German site is searched by its stems, and says so in German", async (t) => {
  const pages = {
    "index.html": `<h1 id="h">Häuser bauen</h1><p>Die Häuser stehen in der Straße am Fluss.`,
    "tiere.html": `<h1>Tiere</h1><p>Ein Zebra läuft.`,
  };
  const site = buildSite(t, { pages, language: "de", options: [] });
  const { page } = await openSite(t, site);
  const shown = async (query) => {
    const root = () => document.querySelector("crossrank-search").shadowRoot;
    await page.evaluate((query) => document.querySelector("crossrank-search").open(query), query);
    await page.waitForFunction(`(${root})().querySelector("[role=status]").textContent`);
    return page.evaluate(`[
      (${root})().querySelector("[role=status]").textContent,
      ...[...(${root})().querySelectorAll("mark")].map(({ textContent }) => textContent),
    ]`);
  };
  // The accents are written in two ways, and the engine of the browser knows that they are the same.
  assert.deepEqual(await shown("ha\u0308usern strasse"), ["Ergebnisse: 1", "Häuser", "Straße"]);
  await page.close();
});

test("after the first visit, the search works offline where a service worker keeps files", async (t) => {
  const site = buildSite(t, { options: [] });
  appendFileSync(join(site, "index.html"), SCRIPT);
  writeFileSync(
    join(site, "worker.js"),
    `addEventListener("install", () => skipWaiting());
    addEventListener("activate", (event) => event.waitUntil(clients.claim()));
    addEventListener("fetch", (event) => event.respondWith(answer(event.request)));
    async function answer(request) {
      const kept = await caches.open("kept");
      try {
        const response = await fetch(request);
        if (response.ok) await kept.put(request, response.clone());
        return response;
      } catch (error) {
        return (await kept.match(request)) ?? Promise.reject(error);
      }
    }`,
  );
  const host = await serve(site);
  const page = await browser.newPage();
  const found = async () => {
    await page.goto(`${host.origin}/index.html`);
    await page.waitForFunction(() => document.querySelector("crossrank-search")?.shadowRoot);
    return page.evaluate(async (query) => {
      const { siteSearch } = document.querySelector("crossrank-search");
      const pages = [];
      for await (const { stage, results, missing } of siteSearch.search(query)) {
        pages.push([stage, results[0].url.split("/").pop(), missing.length]);
      }
      return pages.at(-1);
    }, QUERY);
  };
  const expected = ["vectors", "reset.html#undo", 0];
  try {
    await page.goto(`${host.origin}/index.html`);
    await page.evaluate(async () => {
      await navigator.serviceWorker.register("worker.js");
      await navigator.serviceWorker.ready;
    });
    await page.waitForFunction(() => navigator.serviceWorker.controller);
    assert.deepEqual(await found(), expected);
  } finally {
    host.close();
  }
  await assert.rejects(fetch(`${host.origin}/index.html`), "the host is gone");
  assert.deepEqual(await found(), expected);
  await page.close();
});

// --- The element ------------------------------------------------------------------------------

let folder;
let server;
let browser;
before(async () => {
  folder = mkdtempSync(join(project, "site-"));
  mkdirSync(join(folder, "pages"));
  for (const name of ["a", "b", "c"])
    writeFileSync(join(folder, "pages", `${name}.html`), `<title>${name}</title>`);
  copyFileSync(new URL("site-page.html", import.meta.url), join(folder, "index.html"));
  server = await serve(project);
  browser = await launch("chromium");
});
after(async () => {
  await browser?.close();
  server?.close();
  rmSync(folder, { recursive: true });
});

async function openPage({ before = () => {}, query = "word" } = {}) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.setViewport({ width: 900, height: 700 });
  await page.goto(`${server.origin}/${folder.split("/").pop()}/index.html`);
  await page.waitForFunction(() => document.querySelector("crossrank-search").shadowRoot);
  await page.evaluate(before);
  await page.keyboard.down("Control");
  await page.keyboard.press("k");
  await page.keyboard.up("Control");
  await page.waitForFunction(() => document.querySelector("crossrank-search").isOpen);
  await page.keyboard.type(query);
  const root = async (use, ...given) => {
    const root = await page.evaluateHandle(() => document.querySelector("crossrank-search").shadowRoot);
    return page.evaluate(use, root, ...given);
  };
  const links = () =>
    root((root) =>
      [...root.querySelectorAll("[role=option]")].map(({ href }) => href.replace(/.*pages\//, "")),
    );
  const until = async (check, ...given) => {
    for (let i = 0; ; i++) {
      if (await root(check, ...given)) return;
      assert.ok(i < 400, `this did not happen: ${check}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  const shows = (first) =>
    until((root, first) => root.querySelector("[role=option]")?.href.endsWith(first), first);
  const go = (stage) => page.evaluate((stage) => window.go(stage), stage);
  return { page, complaints, root, links, until, shows, go };
}

const TERMS = ["a.html#one", "a.html#two", "b.html"];
const VECTORS = ["b.html", "a.html#one", "a.html#two"];
const RERANKED = ["c.html", "b.html", "a.html#one"];

test("the element shows each stage, groups sections by page and announces each thing once", async () => {
  const { page, complaints, root, links, shows, go } = await openPage();
  await go("terms");
  await shows("a.html#one");
  assert.deepEqual(await links(), TERMS);
  assert.deepEqual(
    await root((root) =>
      [...root.querySelectorAll("[role=group]")].map((group) => group.getAttribute("aria-labelledby")),
    ),
    ["page-0", "page-1"],
  );
  assert.equal(await root((root) => root.querySelector("mark").textContent), "found");
  await go("vectors");
  await shows("b.html");
  assert.deepEqual(await links(), VECTORS);
  await go("reranked");
  await shows("c.html");
  assert.deepEqual(await links(), RERANKED);
  await page.waitForFunction(() => window.said.length >= 2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual(await page.evaluate(() => window.said), ["Results: 3", "Reranked. First: Page c"]);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("titles come before texts, which arrive in their places also while the reader is choosing", async () => {
  const { page, root, links, until, go } = await openPage({
    before() {
      const [terms] = window.stages;
      const results = terms.results.map((result) => ({
        ...result,
        url: result.url.split("#")[0],
        section: "",
        excerpt: [],
      }));
      window.stages.unshift({ ...terms, results, partial: true });
    },
  });
  const places = () =>
    root((root) =>
      [...root.querySelectorAll("[role=option]")].map((option) => option.getBoundingClientRect().top),
    );
  await go("titles");
  await until((root) => root.querySelectorAll("[role=option]").length === 3);
  assert.deepEqual(await links(), ["a.html", "a.html", "b.html"]);
  assert.equal(await root((root) => root.querySelector("[role=option]").ariaLabel), "Page a");
  const before = await places();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await go("terms");
  await until((root) => root.querySelector("mark"));
  assert.deepEqual(await links(), TERMS);
  assert.deepEqual(await places(), before);
  const selected = await root((root) => {
    const option = root.querySelector("[aria-selected=true]");
    return [option.id, option.ariaLabel, option.href.split("/").pop()];
  });
  assert.deepEqual(selected, ["result-1", null, "a.html#two"]);
  await page.close();
});

test("the combobox is that of WAI-ARIA", async () => {
  const { page, root, shows, go } = await openPage();
  const state = () =>
    root((root) => {
      const box = root.querySelector("[role=combobox]");
      const selected = root.querySelector("[aria-selected=true]");
      return {
        name: box.ariaLabel,
        expanded: box.ariaExpanded,
        active: box.getAttribute("aria-activedescendant"),
        controls: root.getElementById(box.getAttribute("aria-controls")).getAttribute("role"),
        selected: selected?.id ?? null,
        focused: root.activeElement === box,
      };
    });
  const closed = { name: "Search", controls: "listbox", focused: true, active: null, selected: null };
  assert.deepEqual(await state(), { ...closed, expanded: "false" });
  await go("terms");
  await shows("a.html#one");
  assert.deepEqual(await state(), { ...closed, expanded: "true" });
  await page.keyboard.press("ArrowUp");
  assert.deepEqual(await state(), { ...closed, expanded: "true", active: "result-2", selected: "result-2" });
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal((await state()).active, "result-1");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.href.endsWith("pages/a.html#two"));
  await page.close();
});

for (const how of ["keyboard", "pointer"]) {
  test(`results do not move while the reader is choosing by ${how}`, async () => {
    const { page, root, links, until, shows, go } = await openPage();
    await go("terms");
    await shows("a.html#one");
    await go("vectors");
    await shows("b.html");
    if (how === "keyboard") await page.keyboard.press("ArrowDown");
    else {
      const { x, y } = await root((root) => root.getElementById("result-1").getBoundingClientRect().toJSON());
      await page.mouse.move(x + 40, y + 10);
      await page.mouse.move(x + 45, y + 12);
    }
    await go("reranked");
    await until((root) => root.querySelector(".state button"));
    assert.deepEqual(await links(), VECTORS);
    if (how === "keyboard") {
      assert.equal(await root((root) => root.querySelector("[aria-selected=true]").id), "result-0");
    }
    await root((root) => root.querySelector(".state button").click());
    assert.deepEqual(await links(), RERANKED);
    await page.close();
  });
}

test("the reranker can be switched off, and the choice is kept", async () => {
  const { page, root, shows, until, go } = await openPage();
  for (const stage of ["terms", "vectors", "reranked"]) await go(stage);
  await shows("c.html");
  await root((root) => root.querySelector(".foot input").click());
  await shows("b.html");
  assert.equal(await page.evaluate(() => window.calls.at(-1)[1].rerank), false);
  await page.reload();
  await page.waitForFunction(() => document.querySelector("crossrank-search").shadowRoot);
  await page.evaluate(() => document.querySelector("crossrank-search").open("again"));
  await until((root) => !root.querySelector(".foot").hidden);
  assert.equal(await root((root) => root.querySelector(".foot input").checked), false);
  assert.deepEqual(await page.evaluate(() => window.calls.map(([query, { rerank }]) => [query, rerank])), [
    ["again", false],
  ]);
  await page.evaluate(() => localStorage.clear());
  await page.close();
});

test("where the browser saves data, nothing is reranked and the element says why", async () => {
  const { page, root, shows, go } = await openPage({ before: () => void (window.reranking = "saves-data") });
  for (const stage of ["terms", "vectors", "reranked"]) await go(stage);
  await shows("b.html");
  const { disabled, checked } = await root((root) => {
    const { disabled, checked } = root.querySelector(".foot input");
    return { disabled, checked };
  });
  assert.deepEqual([disabled, checked], [true, false]);
  assert.match(await root((root) => root.querySelector(".state").textContent), /saves data/);
  assert.equal(await page.evaluate(() => window.calls.at(-1)[1].rerank), false);
  await page.close();
});

test("a page can follow a result by itself, and a filter narrows the search", async () => {
  const { page, root, shows, go } = await openPage({
    before() {
      document.addEventListener("crossrank-select", (event) => {
        event.preventDefault();
        window.selected = event.detail;
      });
    },
  });
  await go("terms");
  await shows("a.html#one");
  await root((root) => {
    const select = root.querySelector("select");
    select.value = "guides";
    select.dispatchEvent(new Event("change"));
  });
  assert.deepEqual(await page.evaluate(() => window.calls.at(-1)[1].filters), { part: "guides" });
  await shows("a.html#one");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => window.selected);
  assert.match(
    await page.evaluate(() => `${window.selected.url} ${window.selected.result.title}`),
    /a\.html#one Page a$/,
  );
  assert.equal(await page.evaluate(() => document.querySelector("crossrank-search").isOpen), false);
  await page.close();
});

test("what fails is said: a part of the index, the reranker, and the whole search", async () => {
  const { page, root, until, shows, go } = await openPage({
    before() {
      window.stages[1].missing = ["a file"];
      window.stages[2] = { ...window.stages[1], error: new Error("no model") };
    },
  });
  for (const stage of ["terms", "vectors"]) await go(stage);
  await shows("b.html");
  await until((root) => root.querySelector(".nothing").textContent.includes("could not be loaded"));
  await go("vectors");
  await until((root) =>
    root.querySelector(".failure").textContent.includes("Not ordered by answers: no model"),
  );
  assert.equal(await root((root) => root.querySelectorAll("[role=option]").length), 3);
  await page.evaluate(() => {
    const element = document.querySelector("crossrank-search");
    element.siteSearch.search = () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("no index")) }),
    });
  });
  await page.keyboard.type(" more");
  await until((root) =>
    root.querySelector(".failure").textContent.includes("The search does not work: no index"),
  );
  await page.close();
});

test("the texts follow the page's language and the element's own, and the direction that of the page", async () => {
  const { page, root } = await openPage({
    before() {
      document.documentElement.lang = "ar";
      document.documentElement.dir = "rtl";
      document.querySelector("crossrank-search").messages = { close: "Done" };
    },
  });
  const texts = await root((root) => ({
    placeholder: root.querySelector("input").placeholder,
    close: root.querySelector(".close").textContent,
    direction: getComputedStyle(root.querySelector("dialog")).direction,
  }));
  assert.deepEqual(texts, { placeholder: "كلمات أو سؤال", close: "Done", direction: "rtl" });
  await page.close();
});
