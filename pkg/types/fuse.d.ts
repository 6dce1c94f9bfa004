/**
 * Searches with Fuse.js and reranks what it finds.
 *
 * ```js
 * import { searchAndRerank } from "crossrank/fuse";
 * const { results } = await searchAndRerank(reranker, fuse, query, { topK: 10 });
 * for (const { hit, score } of results) console.log(score, hit.item);
 * ```
 */

import type { HitOptions, HitRanking, HitReranker } from "./hits.js";

export type { HitRanking, HitReranker };

/** A hit of Fuse.js. */
export interface FuseHit<T> {
  item: T;
  refIndex: number;
  /** From 0, the best, to 1. */
  score?: number;
}

/**
 * Options of {@link searchAndRerank}: those of `rerankHits`. With `blend`, the Fuse needs the option
 * `includeScore: true`.
 */
export interface FuseOptions<H> extends Omit<HitOptions<H>, "score"> {
  /** The number of hits that are reranked. Default: 50. */
  candidates?: number | undefined;
}

/**
 * Finds candidates by their spelling, and puts those first that answer the query. The hits are those of
 * Fuse.js. The default `text` is their item if it is a string, else its field `text`.
 */
export function searchAndRerank<H extends FuseHit<unknown>>(
  reranker: HitReranker,
  fuse: { search(query: string, options?: { limit: number }): H[] },
  query: string,
  options?: FuseOptions<NoInfer<H>>,
): Promise<HitRanking<H>>;
