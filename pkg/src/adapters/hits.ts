// Reranks the hits of any search.

import type { HitOptions, HitRanking, HitReranker, RankedHit } from "../../types/hits.js";
import type { CallOptions, Ranking } from "../../types/index.js";
import { abortable, LinkedAbortController, MAX_TIMER_MS } from "../core/abort.js";
import { toError } from "../core/errors.js";
import { describeValue, isPositiveInteger } from "../core/validate.js";
import { checkModel, invalidArgument } from "./source.js";

export async function rerankHits<H>(
  reranker: HitReranker,
  query: string,
  hits: readonly H[],
  options: HitOptions<H> = {},
): Promise<HitRanking<H>> {
  checkModel(reranker, "rerank");
  if (!Array.isArray(hits)) throw invalidArgument(`hits is ${describeValue(hits)}; give an array`);
  const { signal, latest = false } = options;
  if (signal !== undefined && typeof signal?.throwIfAborted !== "function") {
    throw invalidArgument(`options.signal is ${describeValue(signal)}; give an AbortSignal`);
  }
  const call = new HitCall(reranker, query, [...hits], options);
  const controller = new LinkedAbortController(signal);
  const end = latest === false ? () => {} : takeTurn(reranker, latest, controller);
  try {
    return await abortable(controller.signal, () => call.run(controller.signal));
  } finally {
    controller.unlink();
    end();
  }
}

/** The text of a hit that is a string or has a field `text`. Of others it is undefined, which is an error. */
export function textOf(hit: unknown): string {
  return (typeof hit === "string" ? hit : (hit as { text?: string } | null)?.text) as string;
}

/** Checks the number of candidates that a search is asked for. */
export function checkCandidates(candidates = 50): number {
  if (isPositiveInteger(candidates)) return candidates;
  throw invalidArgument(`candidates is ${describeValue(candidates)}; give a whole number from 1`);
}

class HitCall<H> {
  readonly #reranker: HitReranker;
  readonly #query: string;
  readonly #hits: H[];
  readonly #topK: number | undefined;
  readonly #blend: number;
  readonly #options: HitOptions<H>;

  constructor(reranker: HitReranker, query: string, hits: H[], options: HitOptions<H>) {
    const { topK, blend = 0, text } = options;
    if (topK !== undefined && !isPositiveInteger(topK)) {
      throw invalidArgument(`topK is ${describeValue(topK)}; give a whole number from 1`);
    }
    if (!(typeof blend === "number" && blend >= 0 && blend <= 1)) {
      throw invalidArgument(`blend is ${describeValue(blend)}; give a number from 0 to 1`);
    }
    if (text !== undefined && typeof text !== "function") {
      throw invalidArgument(`options.text is ${describeValue(text)}; give a function`);
    }
    this.#reranker = reranker;
    this.#query = query;
    this.#hits = hits;
    this.#topK = topK;
    this.#blend = blend;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<HitRanking<H>> {
    const { text: _, topK: __, blend: ___, score: ____, ...options } = this.#options;
    const { timeoutMs, minScore, onError } = options;
    // A wrong value is left to the reranker, which reports it.
    const limit = typeof timeoutMs === "number" && timeoutMs >= 0 ? timeoutMs : undefined;
    const firstStage = this.#blend > 0 ? this.#firstStageScores() : [];
    const start = performance.now();
    let texts: unknown[] | undefined;
    try {
      texts = await inTime(limit, Promise.all(this.#texts()));
    } catch (error) {
      if (onError !== "original-order" || signal.aborted) throw error;
      return this.#unscored({ error: toError(error) });
    }
    if (!texts) return this.#unscored({}, minScore === undefined ? this.#hits.length : 0);
    signal.throwIfAborted();
    const rest = limit !== undefined && { timeoutMs: Math.max(0, limit - (performance.now() - start)) };
    const callOptions: CallOptions<object> = {
      ...(options as CallOptions<object>),
      ...rest,
      signal,
      text: (_document, index) => texts[index] as string,
    };
    // A blend may lift any hit to the top.
    const topK = this.#blend > 0 ? undefined : this.#topK;
    const documents = this.#hits.map(() => ({}));
    return this.#blended(await this.#reranker.rerank(this.#query, documents, topK, callOptions), firstStage);
  }

  #texts(): unknown[] {
    const { text = textOf } = this.#options;
    return this.#hits.map((hit, index) => text(hit, index));
  }

  #firstStageScores(): number[] {
    const { score = (hit: H) => (hit as { score?: number } | null)?.score } = this.#options;
    const scores = this.#hits.map((hit, index) => {
      const value = score(hit, index);
      if (Number.isFinite(value)) return value as number;
      const advice = 'blend needs a number, which the option "score" may give';
      throw invalidArgument(`the score of hit ${index} is ${describeValue(value)}; ${advice}`);
    });
    const min = scores.reduce((a, b) => Math.min(a, b), Infinity);
    const max = scores.reduce((a, b) => Math.max(a, b), -Infinity);
    return scores.map((score) => (max > min ? (score - min) / (max - min) : 1));
  }

  #blended({ results, ...ranking }: Ranking<object>, firstStage: number[]): HitRanking<H> {
    const blend = this.#blend;
    const ranked = results.map(({ document: _, score: rerankScore, ...result }): RankedHit<H> => {
      const score = blend > 0 ? (1 - blend) * rerankScore + blend * firstStage[result.index]! : rerankScore;
      return { ...result, hit: this.#hits[result.index]!, score, rerankScore };
    });
    // Hits without a score stay behind the others. The sort is stable.
    if (blend > 0) ranked.sort((a, b) => (Number.isNaN(a.score) ? 0 : b.score - a.score));
    return { ...ranking, results: ranked.slice(0, this.#topK) };
  }

  /** The first hits in the order given. */
  #unscored(failure: { error?: Error }, count = this.#hits.length): HitRanking<H> {
    const unknown = { score: NaN, rerankScore: NaN, logit: NaN, truncated: false };
    const results = this.#hits.slice(0, count).map((hit, index) => ({ hit, index, ...unknown }));
    return {
      results: results.slice(0, this.#topK),
      queryTruncated: false,
      partial: this.#hits.length > 0,
      ...failure,
    };
  }
}

/** Resolves to undefined if the time is up first. */
async function inTime<T>(milliseconds: number | undefined, promise: Promise<T>): Promise<T | undefined> {
  if (milliseconds === undefined) return promise;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.min(milliseconds, MAX_TIMER_MS));
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** The calls of each reranker that a later one with the same name ends, also while they wait for texts. */
const turns = new WeakMap<object, Map<string | true, AbortController>>();

function takeTurn(reranker: object, name: string | true, controller: AbortController): () => void {
  const calls = turns.get(reranker) ?? new Map<string | true, AbortController>();
  turns.set(reranker, calls);
  calls.get(name)?.abort(new DOMException("a later call took the place of this one", "AbortError"));
  calls.set(name, controller);
  return () => {
    if (calls.get(name) === controller) calls.delete(name);
  };
}
