// The first stage: a search by words finds the candidates.

import MiniSearch from "minisearch";
import documents from "./documents.json";

export type Document = (typeof documents)[number];

const index = new MiniSearch<Document>({ fields: ["title", "text"] });
index.addAll(documents);
const byId = new Map(documents.map((document) => [document.id, document]));

export function searchByWords(query: string): Document[] {
  const hits = index.search(query, { prefix: true, fuzzy: 0.2 });
  return hits.slice(0, 20).map(({ id }) => byId.get(id)!);
}
