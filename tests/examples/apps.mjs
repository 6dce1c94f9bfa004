// What the tests of the example apps have in common.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launch } from "../../pkg/test/browsers.mjs";
import { startServer } from "../../pkg/test/processes.mjs";

export const examples = fileURLToPath(new URL("../../examples/", import.meta.url));

/** Questions, with the title of the best document by each stage. */
export const QUESTIONS = [
  { question: "how do I repair a flat tire", byWords: "Worn tyres", reranked: "Fixing a puncture" },
  { question: "how much air should I put in my tires", byWords: "Storage", reranked: "Tyre pressure" },
];
const SETTINGS = {
  NEXT_TELEMETRY_DISABLED: "1",
  WRANGLER_SEND_METRICS: "false",
  CARGO_TARGET_DIR: fileURLToPath(new URL("../../target/rust-service", import.meta.url)),
};

/** Runs a script of an app's package.json. */
export const runScript = (app, script) =>
  promisify(execFile)("npm", ["run", script], {
    cwd: join(examples, app),
    env: { ...process.env, ...SETTINGS },
  });

/** Starts an app by a command until the test ends, and gives its address. */
export const start = (t, app, command) =>
  startServer(t, { cwd: join(examples, app), command, env: SETTINGS });

export const read = (path) => readFileSync(join(examples, path), "utf8");

/** Asks a server `${url}?q=...`, and checks its answers and its errors. */
export async function assertServes(url) {
  const ask = (question, options) => fetch(`${url}?q=${encodeURIComponent(question)}`, options);
  for (const { question, byWords, reranked } of QUESTIONS) {
    const stop = new AbortController();
    const aborted = ask(question, { signal: stop.signal });
    stop.abort();
    await assert.rejects(aborted, { name: "AbortError" });
    const answer = await (await ask(question)).json();
    assert.equal(answer.byWords[0].title, byWords);
    assert.equal(answer.reranked[0].title, reranked);
    assert.ok(answer.reranked[0].score > answer.reranked[1].score);
    assert.equal(answer.reranked.length, 10);
  }
  const nothing = await (await ask("qqqq")).json();
  assert.deepEqual(nothing, { byWords: [], reranked: [] });
  const refused = await ask(" ");
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).error, /ask a question/);
}

/** Opens pages in one Chromium, which ends with the file's tests. */
export function usePages() {
  let browser;
  before(async () => {
    browser = await launch("chromium");
  });
  after(() => browser?.close());
  return async (t, url, prepare = () => {}) => {
    const page = await browser.newPage();
    t.after(() => page.close());
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await prepare(page);
    // The scripts run by then.
    await page.goto(url, { waitUntil: "networkidle0" });
    return { page, errors };
  };
}

/** Waits until a list of a page begins with a title. */
export function waitForFirst(page, heading, title) {
  const isFirst = (heading, title) => {
    const headings = [...document.querySelectorAll("h2")];
    const list = headings.find(({ textContent }) => textContent === heading).parentElement;
    return list.querySelector("li strong")?.textContent === title;
  };
  return page.waitForFunction(isFirst, { timeout: 0 }, heading, title);
}

/** Types each question into a page, where a letter aborts the search for those before it. */
export async function assertSearches({ page, errors }) {
  for (const { question, byWords, reranked } of QUESTIONS) {
    await page.$eval("input", (input) => input.select());
    await page.type("input", question);
    await waitForFirst(page, "By words", byWords);
    await waitForFirst(page, "Reranked", reranked);
    assert.equal((await page.$$("li")).length, 20);
    await page.waitForFunction(() => /results$/.test(document.querySelector("[role=status]").textContent));
  }
  assert.equal(await page.$("[role=alert]"), null);
  assert.deepEqual(errors, []);
}

/** Waits for the message about an error. */
export async function assertAlert(page, message) {
  const alert = await page.waitForSelector("[role=alert]:not(:empty)", { timeout: 0 });
  assert.match(await alert.evaluate(({ textContent }) => textContent), message);
}
