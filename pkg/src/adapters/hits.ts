// Reranks the hits of any search.

import type { HitOptions, HitRanking, HitReranker, RankedHit } from "../../types/hits.js";
import type { CallOptions, Ranking, WithText } from "../../types/index.js";
import { abortable, LinkedAbortController, MAX_TIMER_MS } from "../core/abort.js";
import { toError } from "../core/errors.js";
import { isSignal } from "../core/realm.js";
import { checkOption, describeValue, isObject, isPositiveInteger } from "../core/validate.js";
import { checkModel, invalidArgument } from "./source.js";

export async function rerankHits<H>(
  reranker: HitReranker,
  query: string,
  hits: readonly H[],
  options: HitOptions<H> = {},
): Promise<HitRanking<H>> {
  checkModel(reranker, "rerank");
  if (!Array.isArray(hits)) throw invalidArgument(`hits is ${describeValue(hits)}; give an array`);
  if (!isObject(options)) throw invalidArgument(`options is ${describeValue(options)}; give an object`);
  const { signal, latest = false } = options;
  checkOption("signal", signal, "an AbortSignal", isSignal(signal));
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

function scoreOf(hit: unknown): unknown {
  return (hit as { score?: unknown } | null)?.score;
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
  readonly #text: (hit: H, index: number) => unknown;
  readonly #score: (hit: H, index: number) => unknown;
  readonly #options: Omit<CallOptions<never>, "text">;

  constructor(reranker: HitReranker, query: string, hits: H[], options: HitOptions<H>) {
    const { topK, blend = 0, text = textOf, score = scoreOf, ...callOptions } = options;
    if (topK !== undefined && !isPositiveInteger(topK)) {
      throw invalidArgument(`topK is ${describeValue(topK)}; give a whole number from 1`);
    }
    if (!(typeof blend === "number" && blend >= 0 && blend <= 1)) {
      throw invalidArgument(`blend is ${describeValue(blend)}; give a number from 0 to 1`);
    }
    for (const [name, getter] of Object.entries({ text, score })) {
      if (typeof getter === "function") continue;
      throw invalidArgument(`options.${name} is ${describeValue(getter)}; give a function`);
    }
    this.#reranker = reranker;
    this.#query = query;
    this.#hits = hits;
    this.#topK = topK;
    this.#blend = blend;
    this.#text = text;
    this.#score = score;
    this.#options = callOptions;
  }

  async run(signal: AbortSignal): Promise<HitRanking<H>> {
    const { timeoutMs, onError } = this.#options;
    // A wrong value is left to the reranker, which reports it.
    const limit = typeof timeoutMs === "number" && timeoutMs >= 0 ? timeoutMs : undefined;
    const firstStage = this.#blend > 0 ? this.#firstStageScores() : [];
    const start = performance.now();
    let texts: unknown[] | undefined;
    try {
      texts = await inTime(limit, Promise.all(this.#hits.map((hit, index) => this.#text(hit, index))));
    } catch (error) {
      if (onError !== "original-order" || signal.aborted) throw error;
      return this.#unscored(toError(error));
    }
    if (!texts) return this.#unscored();
    signal.throwIfAborted();
    const rest = limit !== undefined && { timeoutMs: Math.max(0, limit - (performance.now() - start)) };
    const callOptions: WithText<object, CallOptions<object>> = {
      ...(this.#options as CallOptions<object>),
      ...rest,
      signal,
      text: (_document, index) => texts[index] as string,
    };
    // A blend may lift any hit to the top.
    const topK = this.#blend > 0 ? undefined : this.#topK;
    const documents = this.#hits.map((): object => ({}));
    return this.#blended(await this.#reranker.rerank(this.#query, documents, topK, callOptions), firstStage);
  }

  #firstStageScores(): number[] {
    const scores = this.#hits.map((hit, index) => {
      const value = this.#score(hit, index);
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
    const isUnscored = ({ score }: RankedHit<H>) => Number(Number.isNaN(score));
    if (blend > 0) ranked.sort((a, b) => isUnscored(a) - isUnscored(b) || b.score - a.score);
    return { ...ranking, results: ranked.slice(0, this.#topK) };
  }

  /** The first hits in the order given. Only after a failure do they pass a minimum score. */
  #unscored(error?: Error): HitRanking<H> {
    const unknown = { score: NaN, rerankScore: NaN, logit: NaN, truncated: false };
    const passing = error || this.#options.minScore === undefined ? this.#hits : [];
    return {
      results: passing.slice(0, this.#topK).map((hit, index) => ({ hit, index, ...unknown })),
      queryTruncated: false,
      partial: this.#hits.length > 0,
      ...(error && { error }),
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
