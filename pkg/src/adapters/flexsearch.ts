// Searches with FlexSearch and reranks what it finds.

import type * as declared from "../../types/flexsearch.js";
import type { HitRanking, HitReranker } from "../../types/hits.js";
import { checkCandidates, rerankHits, textOf } from "./hits.js";

type Hit = declared.FlexSearchHit<unknown> | number | string;

export const searchAndRerank: typeof declared.searchAndRerank = async (
  reranker: HitReranker,
  index: declared.FlexSearchDocument<unknown> | declared.FlexSearchIndex,
  query: string,
  { candidates, search, ...options }: declared.FlexSearchOptions<never> = {},
): Promise<HitRanking<never>> => {
  // An Index ignores the options of a Document.
  const own = { ...search, limit: checkCandidates(candidates), enrich: true, merge: true };
  const hits = (await index.search(query, own as never)) as Hit[];
  return rerankHits<Hit>(reranker, query, hits, {
    text: (hit) => textOf(typeof hit === "object" ? hit.doc : hit),
    ...(options as declared.FlexSearchOptions<Hit>),
    score: (_hit, place) => -place,
  }) as Promise<HitRanking<never>>;
};
