// Reranks the results of Orama.

import type { HitReranker } from "../../types/hits.js";
import type { CrossrankPlugin, OramaHit, OramaOptions, PluginOptions } from "../../types/orama.js";
import { rerankHits } from "./hits.js";
import { modelOf } from "./source.js";

export function pluginCrossrank({ reranker, ...options }: PluginOptions): CrossrankPlugin {
  const load = modelOf(reranker, "rerank");
  return {
    name: "crossrank",
    // Orama waits only for functions that are declared `async`.
    async afterSearch(_db, params, _language, results) {
      const { term } = params as { term?: string };
      // Without a term, Orama lists documents or compares vectors.
      if (!term?.trim()) return;
      results.hits = (await rerankResults(await load(), term, results, options)).hits;
    },
  };
}

export async function rerankResults<R extends { hits: OramaHit[] }>(
  reranker: HitReranker,
  query: string,
  results: R,
  options: OramaOptions<R["hits"][number]> = {},
): Promise<R> {
  const { text = ({ document }: OramaHit) => document.text, ...hitOptions } = options;
  const ranking = await rerankHits(reranker, query, results.hits, { ...hitOptions, text });
  const hits = ranking.results.map(({ hit, score }) => (ranking.error ? hit : { ...hit, score }));
  return { ...results, hits };
}
