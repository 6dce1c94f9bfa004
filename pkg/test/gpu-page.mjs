// The part of gpu.test.mjs that runs on a page.

import * as crossrank from "crossrank";
import * as model from "crossrank-minilm-l6-en";
import { rejection } from "./assertions.mjs";
import { inject, loseNext } from "./gpu-faults.mjs";

const warnings = [];
console.warn = (...given) => void warnings.push(given.join(" "));

/** The workers that were started. */
const workers = [];
globalThis.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    workers.push(this);
  }
};

/** Loads a reranker. The faults are injected into this page and into workers. */
function load({ faults = [], ...options }) {
  inject(faults);
  const worker = `/gpu-worker.mjs#${encodeURIComponent(JSON.stringify(faults))}`;
  return crossrank.Reranker.load({ model, ...(options.workers !== 0 && { worker }), ...options });
}

/** The logits of pairs, with the info and the warnings. */
async function score(reranker, pairs) {
  const scores = await reranker.score(pairs);
  return { logits: scores.map(({ logit }) => logit), info: await reranker.info(), warnings };
}

/** Loads, scores twice and disposes. */
export async function visit(options, pairs) {
  const reranker = await load(options);
  const seen = await score(reranker, pairs);
  const again = await score(reranker, pairs);
  await reranker.dispose();
  return { ...seen, again };
}

/** The logits in the order given. A missing one is NaN, which leaves the page as null. */
const logitsOf = ({ results }) => results.sort((a, b) => a.index - b.index).map(({ logit }) => logit);

/** Aborts, limits and disposes during calls on the GPU. */
export async function interrupt(options, query, documents) {
  const reranker = await load(options);
  const [known, unknown] = [documents.slice(0, 2), documents.slice(2)];
  await reranker.rerank(query, known);
  const stop = new AbortController();
  const aborted = rejection(() => reranker.rerank(query, unknown, 9, { signal: stop.signal }));
  setTimeout(() => stop.abort(), 50);
  const abort = (await aborted).name;
  const { partial, ...late } = await reranker.rerank(query, documents, 9, { timeoutMs: 50 });
  const whole = logitsOf(await reranker.rerank(query, documents));
  const disposed = rejection(() => reranker.rerank(query, unknown, 9, { skipCache: true }));
  setTimeout(() => reranker.dispose(), 50);
  return { abort, partial, late: logitsOf(late), whole, disposed: (await disposed).code, warnings };
}

/**
 * Fails in the middle of a call whose first documents are in the cache, and then scores pairs. `way` says
 * how it fails: the device is lost, or the worker dies.
 */
export async function fail(way, options, query, documents, pairs) {
  const reranker = await load({ ...options, faults: ["lose"] });
  await reranker.rerank(query, documents.slice(0, 2));
  if (way === "lose") await loseNext();
  const rankings = [];
  for await (const ranking of reranker.rerankStream(query, documents)) {
    if (way === "die") workers[0].terminate();
    rankings.push(ranking);
  }
  const last = rankings.at(-1);
  const scored = await score(reranker, pairs);
  await reranker.dispose();
  const first = logitsOf(rankings[0]);
  return { first, last: logitsOf(last), fallback: last.fallback?.code, ...scored };
}

/** Scores on the GPU and saves its scores, and then scores on the CPU with them in the storage. */
export async function mixCaches(options, pairs) {
  const scoreCache = { persistent: true };
  const gpu = await load({ ...options, device: "gpu", scoreCache });
  const byGpu = await score(gpu, pairs);
  await gpu.dispose();
  const cache = await caches.open("crossrank");
  const ofCpu = (name) => name.replace(/%20of%20GPU[^?]*/, "");
  for (const { url } of await cache.keys()) {
    if (ofCpu(url) === url) continue;
    const copy = await cache.match(url);
    const headers = { "crossrank-copy": ofCpu(copy.headers.get("crossrank-copy")) };
    await cache.put(ofCpu(url), new Response(copy.body, { headers }));
  }
  const cpu = await load({ ...options, scoreCache });
  const byCpu = await score(cpu, pairs);
  await cpu.dispose();
  return { byGpu, byCpu };
}

export async function embedderWith(options) {
  const { code, message } = await rejection(() => crossrank.Embedder.load(options));
  return { code, message };
}
