// Two stages: a search by words finds candidates, and the reranker puts them in order.

import { readFile } from "node:fs/promises";
import { Reranker } from "crossrank";
import MiniSearch from "minisearch";

const documents = JSON.parse(await readFile(new URL("documents.json", import.meta.url), "utf8"));
const index = new MiniSearch({ fields: ["title", "text"] });
index.addAll(documents);
const byId = new Map(documents.map((document) => [document.id, document]));

// In workers, the model leaves the server's own thread free.
export const reranker = await Reranker.load({ workers: "auto" });

export async function search(query, signal) {
  const hits = index.search(query, { prefix: true, fuzzy: 0.2 });
  const found = hits.slice(0, 20).map(({ id }) => byId.get(id));
  const text = (document) => `${document.title}. ${document.text}`;
  const { results } = await reranker.rerank(query, found, 10, { text, signal });
  return {
    byWords: found.slice(0, 10),
    reranked: results.map(({ document, score }) => ({ ...document, score })),
  };
}
