// What the tests of devices do on a page.

import * as crossrank from "crossrank";
import * as model from "crossrank-minilm-l6-en";
import { rejection } from "./checks.mjs";
import { loseNext, play } from "./gpu-tricks.mjs";

const warnings = [];
console.warn = (...given) => void warnings.push(given.join(" "));

/** The workers that have been started. */
const workers = [];
globalThis.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    workers.push(this);
  }
};

/** Loads; tricks are played on this page and in workers. */
function load({ tricks = [], ...options }) {
  play(tricks);
  const worker = `/gpu-worker.mjs#${encodeURIComponent(JSON.stringify(tricks))}`;
  return crossrank.Reranker.load({ model, ...(options.workers !== 0 && { worker }), ...options });
}

/** The logits of pairs, and what there is to be seen beside them. */
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

/** In the order given; null where there is none, as NaN leaves the page. */
const logitsOf = ({ results }) => results.sort((a, b) => a.index - b.index).map(({ logit }) => logit);

/** Aborts, hurries and disposes in the middle of calls on the GPU. */
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
 * Fails in the middle of a call, which knows the first documents from the cache, and scores pairs
 * then. `way` is how: the device is lost, or the worker dies.
 */
export async function fail(way, options, query, documents, pairs) {
  const reranker = await load({ ...options, tricks: ["lose"] });
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

/** Scores on the GPU and saves; then on the CPU, which is given what was saved. */
export async function mixCaches(options, pairs) {
  const scoreCache = { persistent: true };
  const gpu = await load({ ...options, device: "gpu", scoreCache });
  const byGpu = await score(gpu, pairs);
  await gpu.dispose();
  const cache = await caches.open("crossrank");
  for (const { url } of await cache.keys()) {
    const other = url.replace(/%20of%20GPU[^?]*/, "");
    if (other !== url) await cache.put(other, await cache.match(url));
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
