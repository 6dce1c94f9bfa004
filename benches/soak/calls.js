// Runs on the page: calls of rerankers on this thread and in workers, with loads, disposes and faults
// among them.

import { CrossrankError, Reranker } from "crossrank";
import * as model from "crossrank-minilm-l6-en";

/** Two rerankers stay for the whole time. The others are loaded anew in each step. */
const RERANKERS = [
  { name: "in-thread, kept", workers: 0, kept: true },
  { name: "workers, kept", workers: 2, kept: true },
  { name: "in-thread, renewed", workers: 0, kept: false },
  { name: "workers, renewed", workers: 2, kept: false },
];
/** Characters of a document that has two windows. */
const LONG = 3000;
const SUBJECTS = [
  "a vector database",
  "potassium in fruit",
  "the tides",
  "a compiler",
  "rye bread",
  "tax law",
];

/** Numbers from 0 to below 1. The same seed gives the same ones. */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const random = mulberry32(24);
const below = (n) => Math.floor(random() * n);
const query = (i) => `what is known of ${SUBJECTS[i % SUBJECTS.length]}, part ${i}`;
const passage = (i) => {
  const sentence = `Much has been written on ${SUBJECTS[i % SUBJECTS.length]}. `;
  return `Passage ${i}. ${sentence.repeat(1 + (i % 4))}`;
};

let next = 1000;
/** A query and documents that no earlier call had. */
function fresh(count = 1 + below(6)) {
  const from = (next += count);
  return [query(from), Array.from({ length: count }, (_, i) => passage(from - i))];
}

/** The logits that each repeated request had first, with whichever reranker. */
const first = new Map();

const check = (holds, what) => {
  if (!holds) throw new Error(what);
};
const whole = ({ results, partial }, count) => {
  check(!partial && results.length === count, `${results.length} of ${count} results, partial: ${partial}`);
  check(
    results.every(({ score }) => score >= 0 && score <= 1),
    "a result has no score",
  );
};
/** Checks that a call rejects as it must. */
async function rejects(call, isRight) {
  const error = await call.then(
    () => undefined,
    (error) => error ?? "nothing",
  );
  check(error !== undefined && isRight(error), `rejected with ${error?.code ?? ""} ${error}`);
}
const hasCode = (code) => (error) => error instanceof CrossrankError && error.code === code;

/** The calls that give results. Their times are the latency. */
const CALLS = {
  async new(reranker) {
    const [query, documents] = fresh();
    whole(await reranker.rerank(query, documents), documents.length);
  },
  async repeated(reranker) {
    const i = below(12);
    const skipCache = random() < 0.5;
    const documents = [passage(i), passage(i + 1), passage(7 * i)];
    const { results } = await reranker.rerank(query(i), documents, undefined, { skipCache });
    const logits = JSON.stringify(results.map(({ index, logit }) => [index, logit]));
    if (!first.has(i)) first.set(i, logits);
    check(first.get(i) === logits, `${logits} instead of ${first.get(i)}`);
  },
  async long(reranker) {
    const [query] = fresh(1);
    whole(await reranker.rerank(query, [passage(next).repeat(80).slice(0, LONG)]), 1);
  },
  async stream(reranker) {
    const [query, documents] = fresh(8);
    const leaves = random() < 0.5;
    let last;
    for await (last of reranker.rerankStream(query, documents)) if (leaves) return;
    whole(last, documents.length);
  },
  async batch(reranker) {
    const [one, two] = [fresh(), fresh()];
    const rankings = await reranker.rerankBatch([one[0], two[0]], [one[1], two[1]]);
    for (const [i, [, documents]] of [one, two].entries()) whole(rankings[i], documents.length);
  },
  async score(reranker) {
    const [query, documents] = fresh(3);
    check(
      (await reranker.score(documents.map((document) => [query, document]))).length === 3,
      "too few scores",
    );
  },
  async together(reranker) {
    const given = [fresh(), fresh(), fresh()];
    const rankings = await Promise.all(given.map(([query, documents]) => reranker.rerank(query, documents)));
    for (const [i, [, documents]] of given.entries()) whole(rankings[i], documents.length);
  },
};

/** The calls that fail, or end early, as they must. */
const FAULTS = {
  async abort(reranker) {
    const stop = new AbortController();
    const reason = new Error("enough");
    const call = reranker.rerank(...fresh(8), undefined, { signal: stop.signal });
    setTimeout(() => stop.abort(reason), below(30));
    // It may be ready before.
    await call.then(
      (ranking) => whole(ranking, 8),
      (error) => check(error === reason, `rejected with ${error}`),
    );
  },
  async deadline(reranker) {
    const { results } = await reranker.rerank(...fresh(8), undefined, { timeoutMs: below(30) });
    check(results.length === 8, `${results.length} results`);
  },
  async latest(reranker) {
    const [old, current] = [fresh(6), fresh(6)].map((given) =>
      reranker.rerank(...given, 6, { latest: true }),
    );
    await rejects(old, ({ name }) => name === "AbortError");
    whole(await current, 6);
  },
  async "empty query"(reranker) {
    await rejects(reranker.rerank("", ["a text"]), hasCode("invalid-argument"));
  },
  async "half of a pair"(reranker) {
    await rejects(reranker.rerank("a text", ["\ud800"]), hasCode("invalid-text"));
  },
  async "large text"(reranker) {
    await rejects(reranker.rerank("a text", ["x".repeat(1.1 * 2 ** 20)]), hasCode("input-too-large"));
  },
};

/** Disposes of a reranker with a call in flight. */
async function dispose({ loaded }) {
  const ended = rejects(loaded.rerank(...fresh(8)), hasCode("disposed"));
  await loaded.dispose();
  await ended;
  await rejects(loaded.rerank("a", ["b"]), hasCode("disposed"));
}

/** Loads a reranker, after two loads that fail. */
async function load(reranker) {
  const { workers } = reranker;
  await rejects(
    Reranker.load({ model: new URL("/no-such-model/", location), workers }),
    hasCode("fetch-failed"),
  );
  const stop = new AbortController();
  const load = Reranker.load({ model, workers, signal: stop.signal });
  setTimeout(() => stop.abort(), below(30));
  await load.then(
    (ready) => ready.dispose(),
    ({ name }) => check(name === "AbortError", name),
  );
  reranker.loaded = await Reranker.load({ model, workers });
  check((await reranker.loaded.info()).workers === workers, "the number of workers");
}

/**
 * Loads rerankers, and makes a number of calls. Gives the milliseconds of the loads, the time and the
 * milliseconds of the calls that give results, the numbers of the others, and what was not as it must be.
 */
export async function step(count) {
  const seen = { loads: [], calls: [], faults: {}, unexpected: [] };
  const guarded = async (what, act) => {
    const start = performance.now();
    await act().catch((error) => seen.unexpected.push(`${what}: ${error?.stack ?? error}`));
    return performance.now() - start;
  };
  for (const reranker of RERANKERS) {
    if (reranker.loaded && reranker.kept) continue;
    if (reranker.loaded) await guarded(`dispose, ${reranker.name}`, () => dispose(reranker));
    seen.loads.push(await guarded(`load, ${reranker.name}`, () => load(reranker)));
  }
  for (let i = 0; i < count; i++) {
    const reranker = RERANKERS[i % RERANKERS.length];
    const isFault = random() < 0.2;
    const kinds = Object.entries(isFault ? FAULTS : CALLS);
    const [kind, call] = kinds[below(kinds.length)];
    const ms = await guarded(`${kind}, ${reranker.name}`, () => call(reranker.loaded));
    if (isFault) seen.faults[kind] = (seen.faults[kind] ?? 0) + 1;
    else seen.calls.push({ t: performance.now() / 1000, kind, workers: reranker.workers, ms });
  }
  return seen;
}
