// The built site in Chromium.

import { join } from "node:path";
import { launch } from "../../pkg/test/browsers.mjs";
import { serve } from "../../www/serve.mjs";

export const BASE = process.env.CROSSRANK_DOCS_BASE;
export const DIST = join(import.meta.dirname, "dist");

/** A server of the site, or of another folder, and a browser, for `visit` of the demo's tests. */
export async function start({ root = DIST, webgpu = false } = {}) {
  const server = await serve(0, { root, base: BASE });
  const browser = await launch("chromium", { webgpu });
  return { origin: `${server.origin}${BASE.slice(0, -1)}`, close: server.close, browser };
}

/** Collects the addresses that a page asks for. */
export function requestsOf(page) {
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  return addresses;
}

/** The files of the model and of the package, and of the search's index. */
export const IS_HEAVY = /\.(crossrank|wasm)$|\/web\.|\/worker-|\/crossrank\//;

export const IS_MODEL = /\.crossrank$|crossrank-(?!site)[^/]*\.wasm$/;

/** Waits until the page's scripts have taken over its HTML and listen. */
export const isHydrated = (page) =>
  page.waitForFunction(() => document.getElementById("app").__vue_app__ !== undefined);

/** Opens the search with the keyboard, once its script is there. */
export async function openSearch(page) {
  await isHydrated(page);
  await page.waitForFunction(() => document.querySelector("crossrank-search").shadowRoot !== null);
  await page.keyboard.down("Control");
  await page.keyboard.press("k");
  await page.keyboard.up("Control");
  await page.waitForFunction(() => document.querySelector("crossrank-search").isOpen);
}

/** Calls a function in the page with the shadow root of the search. */
export async function inSearch(page, use, ...given) {
  const root = await page.evaluateHandle(() => document.querySelector("crossrank-search").shadowRoot);
  return page.evaluate(use, root, ...given);
}

/** Waits until every document of the playground has a score, and gives what is shown, best first. */
export async function scored(page) {
  const isDone = () => {
    const list = document.querySelector(".ranking");
    const scores = list.querySelectorAll("data.score");
    return list.ariaBusy === "false" && scores.length > 0 && scores.length === list.children.length;
  };
  await page.waitForFunction(isDone, { timeout: 120_000 });
  return page.$$eval(".ranking > li", (items) =>
    items.map((item) => ({
      index: Number(item.dataset.index),
      score: item.querySelector(".score").textContent,
      logit: item.querySelector(".logit data").value,
      marked: item.querySelector("mark")?.textContent,
    })),
  );
}
