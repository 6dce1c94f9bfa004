/**
 * Searches with MiniSearch and reranks what it finds.
 *
 * ```js
 * import { searchAndRerank } from "crossrank/minisearch";
 * const { results } = await searchAndRerank(reranker, miniSearch, query, { topK: 10 });
 * for (const { hit, score } of results) console.log(score, hit.id);
 * ```
 */

import type { HitOptions, HitRanking, HitReranker } from "./hits.js";

export type { HitRanking, HitReranker };

/** Options of {@link searchAndRerank}: those of `rerankHits`. */
export interface MiniSearchOptions<H, S> extends Omit<HitOptions<H>, "score"> {
  /** The number of hits that are reranked. Default: 50. */
  candidates?: number | undefined;
  /** MiniSearch's own options for the search. */
  search?: S | undefined;
}

/**
 * Finds candidates by words, and puts those first that answer the query. The hits are MiniSearch's. The
 * default `text` is their field `text`, which MiniSearch stores if it is listed in `storeFields`.
 */
export function searchAndRerank<H extends { score: number }, S>(
  reranker: HitReranker,
  miniSearch: { search(query: string, options?: S): H[] },
  query: string,
  options?: MiniSearchOptions<NoInfer<H>, NoInfer<S>>,
): Promise<HitRanking<H>>;
