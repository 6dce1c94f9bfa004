/**
 * Reranks the hits of any search.
 *
 * ```js
 * import { rerankHits } from "crossrank/hits";
 * const { results } = await rerankHits(reranker, query, hits, { text: (hit) => hit.body, topK: 10 });
 * for (const { hit, score } of results) console.log(score, hit.url);
 * ```
 */

import type { CallOptions, RankedDocument, Ranking, Reranker } from "./index.js";

/** A `Reranker`, or another object with its method `rerank`. */
export type HitReranker = Pick<Reranker, "rerank">;

/** Options of {@link rerankHits}: those of `Reranker.rerank`, and how a hit is read. */
export interface HitOptions<H> extends Omit<CallOptions<never>, "text"> {
  /**
   * Gives the text of a hit, or a promise of it. All texts are asked for at once. The time that they
   * take counts towards `timeoutMs`. Default: the hit itself if it is a string, else its field `text`.
   */
  text?: ((hit: H, index: number) => string | PromiseLike<string>) | undefined;
  /** The maximum number of results. Default: all. */
  topK?: number | undefined;
  /**
   * The weight of the first stage's score, from 0 to 1. Its scores are scaled so that the lowest of the
   * list is 0 and the highest 1; if all are equal, each is 1. The reranker's score has the remaining
   * weight. Default: 0, which ignores the first stage's scores.
   */
  blend?: number | undefined;
  /**
   * Gives the first stage's score of a hit, higher for better hits. Only `blend` needs it. Default: the
   * hit's field `score`.
   */
  score?: ((hit: H, index: number) => number) | undefined;
}

/** A hit in a ranking. */
export interface RankedHit<H> extends Omit<RankedDocument<H>, "document"> {
  /** The hit that was given: the same object, not a copy. */
  hit: H;
  /** The score that the hits are sorted by: that of the reranker, or its blend with the first stage's. */
  score: number;
  /** The reranker's score, from 0 to 1. */
  rerankScore: number;
}

/** Reranked hits, the best first. The fields are those of `Ranking`. */
export interface HitRanking<H> extends Omit<Ranking<H>, "results"> {
  /** The best hits, `topK` at most. */
  results: RankedHit<H>[];
}

/**
 * Puts the hits that answer the query first. It rejects as `Reranker.rerank` does. A text that cannot
 * be had is a failure as well, for which `onError: "original-order"` keeps the hits in the order given.
 */
export function rerankHits<H>(
  reranker: HitReranker,
  query: string,
  hits: readonly H[],
  options?: HitOptions<H>,
): Promise<HitRanking<H>>;
