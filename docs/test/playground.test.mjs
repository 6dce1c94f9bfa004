// The playground.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { visit } from "../../www/test/visit.mjs";
import { SETS } from "../.vitepress/theme/playground/sets.js";
import { DIST, IS_MODEL, isHydrated, requestsOf, scored, start } from "./site.mjs";

const PAGE = "/playground.html";

let site;
before(async () => (site = await start()));
after(async () => {
  await site.browser.close();
  site.close();
});

async function openPlayground(site) {
  const visited = await visit(site, PAGE);
  await isHydrated(visited.page);
  return visited;
}

/** What `crossrank rerank` gives for a set. */
function rankedByCommand(query, documents, ...options) {
  const args = [
    "rerank",
    "--json",
    "--top-k",
    String(documents.length),
    "--query",
    query,
    "--text-field",
    "text",
    ...options,
  ];
  const input = documents.map((text) => `${JSON.stringify({ text })}\n`).join("");
  return JSON.parse(execFileSync(process.env.CROSSRANK, args, { input, encoding: "utf8" }));
}

function assertSame(shown, expected) {
  assert.deepEqual(
    shown.map(({ index, score, logit }) => [index, score, Math.fround(Number(logit))]),
    expected.map(({ index, score, logit }) => [index, score.toFixed(4), Math.fround(logit)]),
  );
}

const setQuery = async (page, query) => {
  await page.$eval(".inputs input[type=text]", (field) => field.select());
  await page.keyboard.type(query);
};

test("scores are those of the command, and change as one types", async () => {
  const { page, complaints } = await openPlayground(site);
  await page.click(".primary");
  const [shop, moon, long] = SETS;
  assertSame(await scored(page), rankedByCommand(shop.query, shop.documents));

  /** Waits until the command's first document is the first and the list before has gone, and compares all. */
  async function assertRanking(query, documents) {
    const expected = rankedByCommand(query, documents);
    const isShown = (logit, count) =>
      Number(document.querySelector(".logit data")?.value) === logit &&
      document.querySelectorAll(".ranking > li").length === count;
    await page.waitForFunction(isShown, {}, Math.fround(expected[0].logit), expected.length);
    assertSame(await scored(page), expected);
  }
  await setQuery(page, "the parcel arrived broken");
  await assertRanking("the parcel arrived broken", shop.documents);
  const timing = await page.$eval(".timing", ({ textContent }) => textContent);
  assert.match(timing, /8 documents in [\d.]+ m?s[\s\S]*CPU, \d worker[\s\S]*(relaxed|simd128)/);
  await page.select(".inputs select", moon.id);
  await assertRanking(moon.query, moon.documents);

  await page.select(".inputs select", long.id);
  await assertRanking(long.query, long.documents);
  const shown = await scored(page);
  const expected = rankedByCommand(long.query, long.documents);
  // The command's spans are in bytes, and these texts are in ASCII.
  assert.deepEqual(
    shown.map(({ marked }) => marked),
    expected.map(({ document, span }) => document.text.slice(span.start, span.end)),
  );
  assert.match(shown[0].marked, /refrigerator/);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("the model is loaded at the first input, and a shared address shows the same", async () => {
  const { page } = await openPlayground(site);
  const requests = requestsOf(page);
  await page.evaluate(() => caches.delete("crossrank"));
  await page.goto(
    `${site.origin}${PAGE}#set=own&split=paragraphs&query=eggs&text=${encodeURIComponent("One.\nTwo.\n\nBoil eggs.")}`,
  );
  await page.reload({ waitUntil: "networkidle0" });
  assert.deepEqual(
    requests.filter((address) => IS_MODEL.test(address)),
    [],
  );
  assert.equal((await page.$$(".ranking > li")).length, 2);
  assert.equal(await page.$eval("textarea", ({ value }) => value), "One.\nTwo.\n\nBoil eggs.");
  await page.type("textarea", " For seven minutes.");
  const [first] = await scored(page);
  assert.equal(first.index, 1);
  assert.ok(requests.some((address) => address.endsWith(".crossrank")));
  await page.waitForFunction(() => location.hash.includes("seven+minutes"));
  await page.click("#code-tab-command");
  assert.match(
    await page.$eval("#code-panel", ({ textContent }) => textContent),
    /documents\.jsonl[\s\S]*seven minutes/,
  );
  await page.close();
});

test("everything is reached with the keyboard", async () => {
  const { page, complaints } = await openPlayground(site);
  const { keyboard } = page;
  const active = () => page.evaluate(() => document.activeElement.textContent.trim().slice(0, 40));
  const press = async (key, times = 1) => {
    for (let i = 0; i < times; i++) await keyboard.press(key);
  };
  await page.focus(".inputs select");
  await press("Tab");
  await keyboard.press("End");
  await keyboard.type(" again");
  await scored(page);
  // Documents, the choice of their form, and the options.
  await press("Tab", 2);
  await press("ArrowDown");
  await page.waitForFunction(() => document.querySelectorAll(".ranking > li").length === 1);
  await press("ArrowUp");
  await page.waitForFunction(() => document.querySelectorAll(".ranking > li").length === 8);
  await press("Tab");
  assert.equal(await active(), "Model, device and threads");
  await press("Enter");
  await press("Tab", 3);
  await keyboard.type("1");
  await page.waitForFunction(() => location.hash.includes("threads=1"));
  await scored(page);
  await press("Tab");
  assert.equal(await active(), "Copy a link to this");
  await press("Tab");
  assert.equal(await active(), "JavaScript");
  await press("ArrowRight");
  assert.equal(await active(), "Rust");
  assert.match(await page.$eval("#code-panel", ({ textContent }) => textContent), /use crossrank::Reranker/);
  await press("End");
  assert.equal(await active(), "curl");
  await press("Tab");
  assert.equal(await active(), "Copy the code");
  assert.deepEqual(complaints, []);
  await page.close();
});

test("a model that cannot be loaded is reported, and another choice works", async () => {
  const { page } = await openPlayground(site);
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (request.url().startsWith("https://huggingface.co/")) request.respond({ status: 404 });
    else request.continue();
  });
  await page.click(".options summary");
  await page.select(".options select", "hub");
  assert.match(await page.$eval("#hub-warning", ({ textContent }) => textContent), /huggingface\.co/);
  await page.type(".options input[type=text]", "someone/something");
  await page.keyboard.press("Tab");
  await page.waitForSelector(".playground .failure");
  assert.equal((await page.$$(".ranking data")).length, 0);
  await page.select(".options select", "local");
  const model = join(import.meta.dirname, "../../benches/model/minilm-l6-en");
  const files = await page.$(".options input[type=file]");
  await files.uploadFile(join(model, "onnx/model_quantized.onnx"), join(model, "config.json"));
  await page.waitForFunction(() =>
    document.querySelector(".playground .failure")?.textContent.includes("tokenizer"),
  );
  await files.uploadFile(
    ...["onnx/model_quantized.onnx", "config.json", "tokenizer.json"].map((name) => join(model, name)),
  );
  assertSame(await scored(page), rankedByCommand(SETS[0].query, SETS[0].documents, "--model", model));
  assert.equal(await page.$(".playground .failure"), null);
  await page.close();
});

test("it works without a network after the first visit, and never mixes two builds", async () => {
  const root = mkdtempSync(join(tmpdir(), "crossrank-docs-"));
  cpSync(DIST, root, { recursive: true });
  const away = await start({ root });
  try {
    const { page } = await openPlayground(away);
    await page.click(".primary");
    const before = await scored(page);
    await page.waitForFunction(() => navigator.serviceWorker.controller, { timeout: 30_000 });

    // Another build: a page with other contents, and a worker with another version.
    const edit = (name, from, to) => {
      const text = readFileSync(join(root, name), "utf8");
      assert.ok(text.includes(from));
      writeFileSync(join(root, name), text.replaceAll(from, to));
    };
    edit("index.html", "What it does", "What it did");
    const [, version] = /"version":"(\w+)"/.exec(readFileSync(join(root, "sw.js"), "utf8"));
    edit("sw.js", version, "another");
    await page.goto(`${away.origin}/`);
    assert.match(
      await page.$eval("body", ({ textContent }) => textContent),
      /What it did/,
      "pages come from the network",
    );
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
    await page.waitForFunction(
      async () => (await navigator.serviceWorker.getRegistration()).waiting !== null,
    );

    away.close();
    await assert.rejects(fetch(away.origin));
    await page.goto(`${away.origin}/`);
    const kept = () => page.evaluate(async () => (await caches.match(location.href)).text());
    assert.match(await kept(), /What it does/, "the kept page is that of the kept scripts");
    await page.goto(`${away.origin}${PAGE}`);
    await isHydrated(page);
    await page.click(".primary");
    assert.deepEqual(await scored(page), before);
    await page.close();

    // Once no page of the old build is open, only the new one is kept. A closed page may still count as open.
    const { page: next } = await openPlayground(away);
    const keptBuilds = () =>
      next.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith("crossrank-docs")));
    const isNew = (names) => names.length === 1 && names[0].endsWith(" another");
    for (let i = 0; i < 20 && !isNew(await keptBuilds()); i++) {
      await next.goto("about:blank");
      await new Promise((resolve) => setTimeout(resolve, 200));
      await next.goto(`${away.origin}${PAGE}`);
    }
    assert.ok(isNew(await keptBuilds()));
    await isHydrated(next);
    await next.click(".primary");
    assert.deepEqual(await scored(next), before);
  } finally {
    await away.browser.close();
    away.close();
    rmSync(root, { recursive: true });
  }
});
