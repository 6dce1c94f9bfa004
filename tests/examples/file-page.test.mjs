import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { examples, QUESTIONS, runScript, usePages, waitForFirst } from "./apps.mjs";

const open = usePages();

test("the page reranks at a `file:` URL, and stops", async (t) => {
  await runScript("file-page", "start");
  const { page, errors } = await open(t, pathToFileURL(join(examples, "file-page/dist/index.html")).href);
  for (const { question, byWords, reranked } of QUESTIONS) {
    await page.$eval("input", (input) => input.select());
    await page.type("input", question);
    await page.keyboard.press("Enter");
    await waitForFirst(page, "By words", byWords);
    await waitForFirst(page, "Reranked", reranked);
  }
  const isStopped = () => page.$eval("[name=stop]", ({ disabled }) => disabled);
  assert.equal(await isStopped(), true);
  await page.evaluate(() => {
    document.querySelector("form").requestSubmit();
    document.querySelector("[name=stop]").click();
  });
  await page.waitForFunction(() => document.querySelector("[role=status]").textContent === "Stopped");
  assert.equal(await isStopped(), true);
  assert.equal(await page.$eval("[role=alert]", ({ textContent }) => textContent), "");
  assert.deepEqual(errors, []);
});
