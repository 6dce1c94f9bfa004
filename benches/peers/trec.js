// Lists of TREC DL 2019 in the BEIR layout.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Queries of TREC DL 2019 with the first 100 passages that BM25 found for each. */
export function trec(folder, count) {
  const lines = (file) => readFileSync(join(folder, file), "utf8").split("\n").filter(Boolean);
  const texts = (file) =>
    new Map(
      lines(file)
        .map((line) => JSON.parse(line))
        .map((r) => [r._id, `${r.title ?? ""} ${r.text}`.trim()]),
    );
  const queries = texts("queries.jsonl");
  const corpus = texts("corpus.jsonl");
  const found = new Map();
  for (const line of lines("bm25_top100.tsv")) {
    const [query, document] = line.split("\t");
    if (!found.has(query)) found.set(query, []);
    found.get(query).push([queries.get(query), corpus.get(document)]);
  }
  return [...found.values()].slice(0, count);
}
