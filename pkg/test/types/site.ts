// A program that searches a static site.

import { createSiteSearch, type SiteResult } from "crossrank/site";

const site = createSiteSearch({ base: "/crossrank/", onProgress: ({ loaded }) => loaded.toFixed() });

export async function find(query: string, signal: AbortSignal): Promise<SiteResult[]> {
  let best: SiteResult[] = [];
  for await (const { stage, results, missing, error } of site.search(query, { limit: 5, signal })) {
    if (stage === "reranked" || missing.length === 0 || error) best = results;
  }
  return best.filter(({ excerpt }) => excerpt.some(({ match }) => match));
}

createSiteSearch({ base: new URL("https://example.org/"), reranker: false });
createSiteSearch({ base: "a", reranker: { rerank: (await import("crossrank")).rerank } });
createSiteSearch({ base: "a", reranker: async () => (await import("crossrank")).Reranker.load() });
site.search("a", { filters: { part: "guides", kind: ["task", "reference"] }, rerank: false });

// @ts-expect-error: the folder is needed
createSiteSearch({});
// @ts-expect-error: no option of this name
site.search("a", { topK: 3 });
