/**
 * Searches with FlexSearch and reranks what it finds.
 *
 * ```js
 * import { searchAndRerank } from "crossrank/flexsearch";
 * const { results } = await searchAndRerank(reranker, index, query, { topK: 10 });
 * for (const { hit, score } of results) console.log(score, hit.id);
 * ```
 */

import type { HitOptions, HitRanking, HitReranker } from "./hits.js";

export type { HitRanking, HitReranker };

/** A hit of a FlexSearch `Document`. */
export interface FlexSearchHit<D> {
  id: number | string;
  /** The stored document. */
  doc: D | null;
  /** The fields that matched. */
  field?: string[] | undefined;
}

/** Options of {@link searchAndRerank}: those of `rerankHits`. */
export interface FlexSearchOptions<H> extends Omit<HitOptions<H>, "score"> {
  /** The number of hits that are reranked. Default: 50. */
  candidates?: number | undefined;
  /** FlexSearch's own options for the search, such as `{ suggest: true }`. */
  search?: { suggest?: boolean; resolution?: number; context?: boolean; cache?: boolean } | undefined;
}

/**
 * Finds candidates by words, and puts those first that answer the query. FlexSearch gives no scores, so
 * `blend` weighs a hit's place, from 1 for the first to 0 for the last.
 *
 * The hits of a `Document` are `{ id, doc, field }`; the default `text` is the field `text` of the stored
 * document. Those of an `Index` are its ids, and `text` has to give a text for an id.
 */
export function searchAndRerank<D>(
  reranker: HitReranker,
  index: FlexSearchDocument<D>,
  query: string,
  options?: FlexSearchOptions<FlexSearchHit<NoInfer<D>>>,
): Promise<HitRanking<FlexSearchHit<D>>>;
export function searchAndRerank(
  reranker: HitReranker,
  index: FlexSearchIndex,
  query: string,
  options: FlexSearchOptions<number | string> & {
    text: (id: number | string, index: number) => string | PromiseLike<string>;
  },
): Promise<HitRanking<number | string>>;

/** What is used of a FlexSearch `Document`. */
export interface FlexSearchDocument<D> {
  add(document: D): unknown;
  search(query: string, options: never): unknown;
}

/** What is used of a FlexSearch `Index`. */
export interface FlexSearchIndex {
  search(query: string, options: never): (number | string)[] | PromiseLike<(number | string)[]>;
}
