// Two stages on the server: a search by words finds candidates, and the reranker puts them in order.

import { Reranker } from "crossrank";
import MiniSearch from "minisearch";
import documents from "./documents.json";

export type Document = (typeof documents)[number];

export interface SearchResults {
  byWords: Document[];
  reranked: (Document & { score: number })[];
}

const index = new MiniSearch<Document>({ fields: ["title", "text"] });
index.addAll(documents);
const byId = new Map(documents.map((document) => [document.id, document]));

let loading: Promise<Reranker> | undefined;

/** The reranker, which the first request loads. After a failure the next request tries again. */
function loadReranker(): Promise<Reranker> {
  loading ??= Reranker.load({ workers: "auto" }).catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

export async function search(query: string, signal: AbortSignal): Promise<SearchResults> {
  const hits = index.search(query, { prefix: true, fuzzy: 0.2 });
  const found = hits.slice(0, 20).map(({ id }) => byId.get(id)!);
  const reranker = await loadReranker();
  const text = (document: Document) => `${document.title}. ${document.text}`;
  const { results } = await reranker.rerank(query, found, 10, { text, signal });
  return {
    byWords: found.slice(0, 10),
    reranked: results.map(({ document, score }) => ({ ...document, score })),
  };
}
