// Searches with MiniSearch and reranks what it finds.

import type { HitRanking, HitReranker } from "../../types/hits.js";
import type { MiniSearchOptions } from "../../types/minisearch.js";
import { checkCandidates, rerankHits } from "./hits.js";

export async function searchAndRerank<H extends { score: number }, S>(
  reranker: HitReranker,
  miniSearch: { search(query: string, options?: S): H[] },
  query: string,
  { candidates, search, ...options }: MiniSearchOptions<H, S> = {},
): Promise<HitRanking<H>> {
  const limit = checkCandidates(candidates);
  return rerankHits(reranker, query, miniSearch.search(query, search).slice(0, limit), options);
}
