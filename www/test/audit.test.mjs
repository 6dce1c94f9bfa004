// Lighthouse on both pages, pictures of them, and a run of the bench page.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import lighthouse, { desktopConfig } from "lighthouse";
import { reranked, start, visit } from "./visit.mjs";

const PICTURES = join(import.meta.dirname, "pictures");
const MIN_SCORE = 95;

let site;
before(async () => {
  site = await start();
  mkdirSync(PICTURES, { recursive: true });
});
after(async () => {
  await site.browser.close();
  site.close();
});

/** Lighthouse's scores from 0 to 100, and the audits that failed. */
async function audit(url, page, config) {
  const flags = { onlyCategories: ["accessibility", "best-practices"], output: "json", logLevel: "error" };
  const { lhr } = await lighthouse(url, flags, config, page);
  const failed = Object.values(lhr.audits)
    .filter(({ score, scoreDisplayMode }) => scoreDisplayMode === "binary" && score !== 1)
    .map(({ id, details }) => `${id} ${JSON.stringify(details?.items?.[0]?.node?.selector ?? "")}`);
  const scores = Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(score * 100)]);
  return { scores, failed };
}

for (const path of ["/", "/bench.html"]) {
  for (const [device, config] of [
    ["phone", undefined],
    ["desktop", desktopConfig],
  ]) {
    test(`Lighthouse finds ${path} accessible and well built on a ${device}`, async (t) => {
      const page = await site.browser.newPage();
      const { scores, failed } = await audit(`${site.origin}${path}`, page, config);
      await page.close();
      t.diagnostic(
        `${scores.map(([id, score]) => `${id} ${score}`).join(", ")}; failed: ${failed.join(", ") || "none"}`,
      );
      for (const [id, score] of scores) {
        assert.ok(score >= MIN_SCORE, `${id} is ${score}: ${failed.join(", ")}`);
      }
    });
  }
}

test("Lighthouse finds a label that is missing", async () => {
  const page = await site.browser.newPage();
  await page.evaluateOnNewDocument(() =>
    addEventListener("DOMContentLoaded", () => {
      for (const label of document.querySelectorAll("label")) label.replaceWith(...label.childNodes);
      for (const element of document.querySelectorAll("[lang]")) element.removeAttribute("lang");
    }),
  );
  const { scores, failed } = await audit(`${site.origin}/`, page, undefined);
  await page.close();
  assert.ok(
    failed.some((line) => line.startsWith("label")),
    failed.join(", "),
  );
  assert.ok(Object.fromEntries(scores).accessibility < MIN_SCORE);
});

/** Takes pictures at both widths and in both color schemes, of the first screen and of the whole page. */
async function pictures(page, name) {
  for (const [device, width, height] of [
    ["desktop", 1280, 900],
    ["phone", 390, 844],
  ]) {
    await page.setViewport({ width, height });
    for (const scheme of ["light", "dark"]) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await new Promise((resolve) => setTimeout(resolve, 400));
      const wide = await page.$eval("html", ({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
      assert.ok(wide <= 0, `${name} is ${wide} pixels too wide at ${width}`);
      const path = join(PICTURES, `${name}-${device}-${scheme}`);
      await page.screenshot({ path: `${path}.png` });
      await page.screenshot({ path: `${path}-full.png`, fullPage: true });
    }
  }
}

test("the search page in pictures", async () => {
  const { page, complaints } = await visit(site, "/?q=remove+duplicates+from+a+vector");
  await reranked(page);
  await pictures(page, "search");
  await page.evaluate(() => {
    document.querySelector(".reranked").setAttribute("aria-busy", "true");
    document.querySelector("[value=hybrid]").click();
  });
  await reranked(page);
  await pictures(page, "hybrid");
  await page.click("#own summary");
  await pictures(page, "own");
  assert.deepEqual(complaints, []);
});

test("the bench page times both libraries, and both give similar rankings", async (t) => {
  const { page, complaints } = await visit(site, "/bench.html");
  await pictures(page, "bench-before");
  await page.setViewport({ width: 1280, height: 900 });
  await page.select("#passages", "30");
  await page.click("#run");
  await page.waitForFunction(() => !document.getElementById("outcome").hidden, { timeout: 300_000 });
  const textsOf = (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent));
  const rows = await page.$$eval("#rows tr", textsOf);
  t.diagnostic(JSON.stringify(rows));
  const [name, , median, fastest, slowest, share] = rows[0];
  assert.equal(name, "crossrank");
  assert.equal(rows.at(-1)[0], "transformers.js");
  const number = (text) => Number(text.replaceAll(",", ""));
  assert.ok(number(fastest) <= number(median) && number(median) <= number(slowest));
  assert.ok(Math.abs(number(share) - number(median) / number(rows.at(-1)[2])) < 0.01);
  assert.equal(await page.$$eval("#chart circle", (dots) => dots.length), 3 * rows.length);
  const agreement = await page.$eval("#agreement", ({ textContent }) => textContent);
  const [, common] = /of the best 10 both have (\d+) in common/.exec(agreement);
  assert.ok(Number(common) >= 7, `${common} of the best ten in common`);
  await pictures(page, "bench");
  assert.deepEqual(complaints, []);
});
