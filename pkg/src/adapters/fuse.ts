// Searches with Fuse.js and reranks what it finds.

import type { FuseHit, FuseOptions } from "../../types/fuse.js";
import type { HitRanking, HitReranker } from "../../types/hits.js";
import { checkCandidates, rerankHits, textOf } from "./hits.js";
import { invalidArgument } from "./source.js";

export async function searchAndRerank<H extends FuseHit<unknown>>(
  reranker: HitReranker,
  fuse: { search(query: string, options?: { limit: number }): H[] },
  query: string,
  { candidates, text = ({ item }) => textOf(item), ...options }: FuseOptions<H> = {},
): Promise<HitRanking<H>> {
  const hits = fuse.search(query, { limit: checkCandidates(candidates) });
  return rerankHits(reranker, query, hits, { ...options, text, score: goodness });
}

/** Fuse.js scores distances. */
function goodness({ score }: FuseHit<unknown>): number {
  if (score !== undefined) return 1 - score;
  throw invalidArgument("blend needs scores; give Fuse the option includeScore: true");
}
