// What tests of loading do on pages: visits to servers with origins of their own, so that each test begins
// with nothing stored.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { serve } from "./server.mjs";

const project = process.env.CROSSRANK_PROJECT;
/** A tiny model. */
export const FOLDER = "/graphs/int8-tensor/";
export const PATHS = {
  onnx: `${FOLDER}onnx/model_quantized.onnx`,
  tokenizer: `${FOLDER}tokenizer.json`,
  config: `${FOLDER}config.json`,
  tokenizerConfig: `${FOLDER}tokenizer_config.json`,
};
/** The files of WebAssembly, of which a browser asks for one. */
export const WASM = ["crossrank", "crossrank-relaxed-simd"].map(
  (name) => `/node_modules/crossrank/dist/${name}.wasm`,
);
export const contents = Object.fromEntries(
  Object.values(PATHS).map((path) => [path, readFileSync(join(project, path))]),
);
const PACKAGE = {
  name: "tiny",
  files: Object.fromEntries(
    Object.entries(PATHS).map(([key, url]) => {
      const content = contents[url];
      const sha256 = createHash("sha256").update(content).digest("hex");
      return [key, { url, bytes: content.length, sha256 }];
    }),
  ),
};
/** The options that load the tiny model. */
export const asPackage = { model: PACKAGE, workers: 0 };
export const asFolder = { model: FOLDER, workers: 0 };

/** The visits of one browser; `browserOf` gives it. */
export function visitsOf(browserOf) {
  const origins = new Set();
  const requests = [];

  async function newPage() {
    const page = await browserOf().newPage();
    page.on("request", (request) => requests.push(request.url()));
    return page;
  }

  /** A server that answers each path as `conducts` says, or by default with the file. */
  async function start(t, conducts = {}) {
    const uncached = { "cache-control": "no-store" };
    const server = await serve(project, (path, entry) => {
      const conduct = conducts[path]?.(entry) ?? {};
      return { ...conduct, headers: { ...uncached, ...conduct.headers } };
    });
    t.after(() => server.close());
    origins.add(server.origin);
    return {
      ...server,
      /** Empties the log, and gives its entries for a path. */
      asked: (path) => server.log.splice(0).filter((entry) => entry.path.startsWith(path)),
    };
  }

  /** Opens a page of the package's server. */
  async function open(server, prepare = () => {}) {
    const page = await newPage();
    await prepare(page);
    await page.goto(`${server.origin}/page.html`);
    return page;
  }

  /** Loads and reranks on a new page. */
  async function visit(server, options, prepare) {
    const page = await open(server, prepare);
    try {
      return await page.evaluate(rank, options);
    } finally {
      await page.close();
    }
  }

  /** The storage of an origin, as its pages see it. */
  async function stored(server, use = keys, ...given) {
    const page = await open(server);
    try {
      return await page.evaluate(use, ...given);
    } finally {
      await page.close();
    }
  }

  return { origins, requests, newPage, start, open, visit, stored };
}

/** Answers one request after the other. The last answer is repeated. */
export function inTurn(...conducts) {
  return () => (conducts.length > 1 ? conducts.shift() : conducts[0]);
}

/** Runs on the page. `model` is the package by default. The controllers of the loads are in `loads`. */
export async function rank({ abortAt, abortAfter, ...options } = {}) {
  const { Reranker } = await import("crossrank");
  const model = options.model ?? (await import("crossrank-minilm-l6-en"));
  const progress = [];
  const stop = new AbortController();
  globalThis.loads = [...(globalThis.loads ?? []), stop];
  if (abortAfter) setTimeout(() => stop.abort(), abortAfter);
  const onProgress = ({ loaded, total }) => {
    progress.push({ loaded, total });
    if (loaded > abortAt) stop.abort();
  };
  try {
    const more = { onProgress, signal: stop.signal };
    const reranker = await Reranker.load({ ...more, ...options, model });
    const documents = ["Bananas.", "A vector database stores embeddings."];
    const { results } = await reranker.rerank("what is a vector database", documents);
    return { logits: results.map((result) => result.logit), progress };
  } catch (error) {
    // The code of an abort is a number for historical reasons.
    const code = error.name === "CrossrankError" ? error.code : error.name;
    return { code, message: error.message, progress };
  }
}

/** Runs on the page. Gives the names of the stored files. A browser with relaxed SIMD also has a record. */
export async function keys() {
  if (!(await caches.has("crossrank"))) return [];
  const requests = await (await caches.open("crossrank")).keys();
  const names = requests.map(({ url }) => decodeURIComponent(new URL(url).pathname));
  return names.filter((name) => name !== "/crossrank/webassembly variant").sort();
}

/** Runs on the page. Overwrites the copies whose names contain `part` with other bytes, of the given length or their own. */
export async function damage(length, part = "") {
  const cache = await caches.open("crossrank");
  for (const request of await cache.keys()) {
    if (!decodeURIComponent(request.url).includes(part)) continue;
    const copy = await cache.match(request);
    const { byteLength } = await copy.arrayBuffer();
    const { headers } = copy;
    await cache.put(request, new Response(new Uint8Array(length ?? byteLength).fill(7), { headers }));
  }
}

/**
 * Runs on the page before its scripts. Shortens and records the delays of timers. The long ones bound what may never
 * end, and a busy machine needs a part of that time.
 */
export function hurry() {
  const { setTimeout } = globalThis;
  globalThis.delays = [];
  globalThis.setTimeout = (callback, delay, ...given) => {
    globalThis.delays.push(delay);
    return setTimeout(callback, delay < 10_000 ? delay / 50 : delay / 5, ...given);
  };
}

/** A page, as servers of single-page apps send it for a file that they do not have. */
export const HTML = {
  content: Buffer.from("<!doctype html><title>App</title>"),
  headers: { "content-type": "text/html; charset=utf-8" },
};

/** A usual service worker of an app that works offline. `put` refuses parts of files. */
const APP_WORKER = `
  addEventListener("install", () => skipWaiting());
  addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  addEventListener("fetch", (event) => {
    const answer = async () => {
      const cache = await caches.open("app");
      const copy = await cache.match(event.request);
      if (copy) return copy;
      const response = await fetch(event.request);
      if (response.ok) await cache.put(event.request, response.clone());
      return response;
    };
    if (event.request.method === "GET") event.respondWith(answer());
  });
`;

export const appWorker = {
  content: Buffer.from(APP_WORKER),
  headers: { "content-type": "text/javascript" },
};

/** Runs on the page. */
export async function registerAppWorker() {
  await navigator.serviceWorker.register("/app-worker.js");
  await navigator.serviceWorker.ready;
}
