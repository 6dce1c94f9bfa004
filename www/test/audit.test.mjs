// Lighthouse on both pages, pictures of them, and a run of the bench page.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { assertAudit, audit, DEVICES, MIN_SCORE, takePictures } from "./lighthouse.mjs";
import { reranked, start, visit } from "./visit.mjs";

const CATEGORIES = ["accessibility", "best-practices"];
const pictures = (page, name) => takePictures(page, join(import.meta.dirname, "pictures"), name);

let site;
before(async () => (site = await start()));
after(async () => {
  await site.browser.close();
  site.close();
});

for (const path of ["/", "/bench.html"]) {
  for (const device of DEVICES) {
    test(`Lighthouse finds ${path} accessible and well built on a ${device}`, async (t) => {
      await assertAudit(t, site.browser, `${site.origin}${path}`, { device, categories: CATEGORIES });
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
  const { scores, failed } = await audit(`${site.origin}/`, page, { categories: CATEGORIES });
  await page.close();
  assert.ok(
    failed.some((line) => line.startsWith("label")),
    failed.join(", "),
  );
  assert.ok(Object.fromEntries(scores).accessibility < MIN_SCORE);
});

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
