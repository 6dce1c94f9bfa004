// Opens the demo in Chromium and records complaints of the browser.

import { launch } from "../../pkg/test/browsers.mjs";
import { serve } from "../serve.mjs";

/** A server of www/dist and a browser. */
export async function start() {
  const server = await serve();
  const browser = await launch("chromium");
  return { ...server, browser };
}

/** Opens a page of the demo. `complaints` collects errors on the console and violations of the policy. */
export async function visit(
  { origin, browser },
  path = "/",
  { width = 1280, height = 900, dark = false } = {},
) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  await page.exposeFunction("refused", (what) => complaints.push(`policy: ${what}`));
  await page.evaluateOnNewDocument(() => {
    const note = ({ violatedDirective, blockedURI }) => window.refused(`${violatedDirective} ${blockedURI}`);
    document.addEventListener("securitypolicyviolation", note);
  });
  await page.setViewport({ width, height, isMobile: width < 600, hasTouch: width < 600 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  await page.goto(`${origin}${path}`);
  return { page, complaints };
}

/** Waits until the reranked list belongs to the question in the field. */
export async function reranked(page) {
  const ready = () =>
    document.querySelector(".reranked").getAttribute("aria-busy") === "false" &&
    document.getElementById("reranked").dataset.query === document.getElementById("query").value.trim();
  await page.waitForFunction(ready, { timeout: 120_000 });
}

/** Puts a question in the field and waits for its ranking. */
export async function ask(page, question) {
  await page.$eval("#query", (field) => (field.value = ""));
  await page.type("#query", question);
  await reranked(page);
}

/** The entries of a list: `{ name, text, candidate }`, best first. */
export const list = (page, id) =>
  page.$$eval(`#${id} > li`, (items) =>
    items.map((item) => ({
      name: item.querySelector(".name").textContent,
      text: item.querySelector(".text").textContent,
      candidate: Number(item.dataset.candidate),
    })),
  );
