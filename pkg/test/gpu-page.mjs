// What the tests of devices do on a page.

import { Reranker } from "crossrank";
import * as model from "crossrank-minilm-l6-en";
import { play } from "./gpu-tricks.mjs";

const warnings = [];
console.warn = (...given) => void warnings.push(given.join(" "));

/** Every worker that has been started. */
export const started = [];
globalThis.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    started.push(this);
  }
};

/** Loads with tricks on this page or, where there are workers, in the worker. */
export function load({ tricks = [], ...options }) {
  if (options.workers === 0) play(tricks);
  const worker = `/gpu-worker.mjs#${encodeURIComponent(JSON.stringify(tricks))}`;
  return Reranker.load({ model, ...(options.workers === 0 ? {} : { worker }), ...options });
}

/** The logits of pairs, and what there is to be seen beside them. */
export async function score(reranker, pairs, options) {
  const scores = await reranker.score(pairs, options);
  return { logits: scores.map(({ logit }) => logit), info: await reranker.info(), warnings };
}

/** Loads, and scores twice. */
export async function visit(options, pairs) {
  const reranker = await load(options);
  const first = await score(reranker, pairs, { skipCache: true });
  const again = await score(reranker, pairs);
  await reranker.dispose();
  return { ...first, again };
}
