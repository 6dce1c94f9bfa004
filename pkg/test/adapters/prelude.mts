// What the examples of docs/guides/adapters.md use without making it. The clients of services are the official
// ones; a server on this machine answers them in the documented shapes.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { algoliasearch } from "algoliasearch";
import { Embedder, Reranker } from "crossrank";
import { Meilisearch } from "meilisearch";
import { Client } from "typesense";

export { Reranker };
export const reranker = await Reranker.load();
export const embedder = await Embedder.load();
export const query = "what is a vector database";
export const signal = new AbortController().signal;
export const folder = mkdtempSync(join(tmpdir(), "crossrank-adapters-"));

export const articles = [
  { id: "1", title: "Bananas", text: "Bananas are rich in potassium and grow in tropical regions." },
  { id: "2", title: "SQL", text: "Relational databases keep rows in tables, and what a query is, says a standard." },
  { id: "3", title: "Vector database", text: "A vector database stores embeddings and finds the nearest ones." },
  { id: "4", title: "Inverted index", text: "An inverted index maps every term to the documents that contain it." },
  { id: "5", title: "Milvus", text: "Milvus is an open source vector database built for search at scale." },
];

export async function fetchText(id: string): Promise<string> {
  return articles.find((article) => article.id === id)!.text;
}

/** The part of pagefind.js that is used. Its package has no types for pages. */
export const pagefind = {
  async search(_query: string) {
    const results = articles.map(({ id, title, text }, place) => ({
      id: `en_${id}`,
      score: 5 - place,
      words: [1],
      data: async () => ({ url: `/${id}/`, content: text, excerpt: text.slice(0, 20), meta: { title } }),
    }));
    return { results, unfilteredResultCount: results.length, filters: {}, totalFilters: {}, timings: {} };
  },
};

// --- Services ----------------------------------------------------------------------------------

/** Of https://typesense.org/docs/latest/api/search.html#search-parameters. */
const typesenseAnswer = {
  facet_counts: [],
  found: articles.length,
  out_of: articles.length,
  page: 1,
  request_params: { collection_name: "articles", per_page: 50, q: query },
  search_time_ms: 1,
  hits: articles.map((document, place) => ({
    document,
    highlights: [{ field: "title", matched_tokens: ["vector"], snippet: document.title }],
    text_match: 1157451471441100921 - 1e15 * place,
  })),
};

/** Of https://www.algolia.com/doc/rest-api/search/search-single-index. */
const algoliaAnswer = {
  hits: articles.map((article) => ({
    ...article,
    objectID: article.id,
    _highlightResult: { title: { value: article.title, matchLevel: "none", matchedWords: [] } },
  })),
  nbHits: articles.length,
  page: 0,
  nbPages: 1,
  hitsPerPage: 50,
  processingTimeMS: 1,
  query,
  params: "",
};

/** Of https://www.meilisearch.com/docs/reference/api/search. */
const meilisearchAnswer = {
  hits: articles.map((article, place) => ({ ...article, _rankingScore: 0.9 - place / 10 })),
  query,
  limit: 50,
  offset: 0,
  estimatedTotalHits: articles.length,
  processingTimeMs: 1,
};

/** The requests that the server got. */
export const requests: { method: string; path: string; input: string }[] = [];
const answers: [path: RegExp, answer: object][] = [
  [/^\/collections\/articles\/documents\/search\b/, typesenseAnswer],
  [/^\/1\/indexes\/articles\/query\b/, algoliaAnswer],
  [/^\/indexes\/articles\/search\b/, meilisearchAnswer],
];
const server = createServer(async (request, response) => {
  let input = "";
  for await (const chunk of request) input += chunk;
  const path = request.url!;
  requests.push({ method: request.method!, path, input });
  const answer = answers.find(([pattern]) => pattern.test(path))?.[1];
  response.writeHead(answer ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify(answer ?? { message: "not found" }));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;

export const typesense = new Client({
  nodes: [{ host: "127.0.0.1", port, protocol: "http" }],
  apiKey: "key",
});
export const algolia = algoliasearch("APP", "key", {
  hosts: [{ url: `127.0.0.1:${port}`, protocol: "http", accept: "readWrite" }],
});
export const meilisearch = new Meilisearch({ host: `http://127.0.0.1:${port}`, apiKey: "key" });

export async function close(): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await Promise.all([reranker.dispose(), embedder.dispose()]);
  rmSync(folder, { recursive: true });
}
