// Search in two stages, in the browser. Orama finds candidates by words, by vectors, or by both.
// crossrank then reads each candidate together with the query, and puts the best ones first.

import { create, insertMultiple, search, searchVector } from "@orama/orama";
import { stopwords } from "@orama/stopwords/english";

/** The text of a document `{ title, section, text }` in both stages. */
export const textOf = ({ title, section, text }) => [title, section, text].filter(Boolean).join(". ");

/** Makes an index of documents. With one vector for each document, vector search works too. */
export async function createIndex(documents, vectors) {
  const index = create({
    schema: {
      title: "string",
      section: "string",
      text: "string",
      ...(vectors && { vector: `vector[${vectors[0].length}]` }),
    },
    // Orama matches words by their beginnings, so that "a" would match every document.
    components: { tokenizer: { stemming: true, stopWords: [...stopwords, "a"] } },
  });
  for (let start = 0; start < documents.length; start += BATCH) {
    const batch = documents.slice(start, start + BATCH).map(({ title, section, text }, i) => {
      const id = String(start + i);
      return { id, title, section, text, ...(vectors && { vector: Array.from(vectors[start + i]) }) };
    });
    await insertMultiple(index, batch);
    // The page stays responsive while its documents are indexed.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return { index, documents };
}

const BATCH = 100;

/** The first stage: `[{ document, score, ranks }]`. `ranks` holds the document's rank in each list. */
export async function findCandidates({ index, documents, embedder }, query, { mode, limit, signal }) {
  const lists = {};
  const value = mode !== "fulltext" && (await embedder.embedQuery(query, { signal }));
  if (mode !== "vector") {
    const { hits } = await search(index, { term: query, properties: ["title", "section", "text"], limit });
    lists.fulltext = hits;
  }
  if (mode !== "fulltext") {
    const { hits } = await searchVector(index, {
      vector: { value, property: "vector" },
      similarity: -1,
      limit,
    });
    lists.vector = hits.filter(Boolean);
  }
  return reciprocalRankFusion(lists, limit).map(({ id, ...found }) => ({
    document: documents[id],
    ...found,
  }));
}

/**
 * Merges several lists: each adds 1 / (k + rank) to a document's score. Cormack, Clarke and Buettcher,
 * "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009.
 * A single list keeps its own scores.
 */
export function reciprocalRankFusion(lists, limit, k = 60) {
  const found = new Map();
  const single = Object.keys(lists).length === 1;
  for (const [name, hits] of Object.entries(lists)) {
    hits.forEach(({ id, score }, i) => {
      const one = found.get(id) ?? { id, score: 0, ranks: {} };
      one.score += single ? score : 1 / (k + i + 1);
      one.ranks[name] = i + 1;
      found.set(id, one);
    });
  }
  return [...found.values()].sort((a, b) => b.score - a.score).slice(0, limit);
}

/**
 * Both stages. `mode` is "fulltext", "vector" or "hybrid". `limit` is the number of candidates, and
 * `topK` the number of results. `onCandidates` is called with the candidates before the second stage
 * begins; without a reranker there is no second stage. Other options are those of `Reranker.rerank`.
 * `signal` and `latest` stop the first stage too.
 */
export async function searchWithRerank(engine, query, options = {}) {
  const { mode = "fulltext", limit = 50, topK = 10, onCandidates, ...rerankOptions } = options;
  const { signal, latest = false } = rerankOptions;
  signal?.throwIfAborted();
  const isNewest = engine.reranker && latest !== false ? newest(engine.reranker, latest) : () => true;
  const candidates = await findCandidates(engine, query, { mode, limit, signal });
  signal?.throwIfAborted();
  // This call would end that of the later search, which may have reached the second stage first.
  if (!isNewest()) throw new DOMException("a later search took the place of this one", "AbortError");
  onCandidates?.(candidates);
  if (!engine.reranker || candidates.length === 0) return { candidates, results: candidates.slice(0, topK) };
  const text = ({ document }) => textOf(document);
  const ranking = await engine.reranker.rerank(query, candidates, topK, { text, ...rerankOptions });
  return { candidates, results: ranking.results, ranking };
}

/** The newest search of each reranker and each name that `latest` gave. */
const turns = new WeakMap();

/** Makes a search the newest of its name. Gives a function that tells whether it still is. */
function newest(reranker, name) {
  const ofReranker = turns.get(reranker) ?? new Map();
  turns.set(reranker, ofReranker);
  const turn = Symbol();
  ofReranker.set(name, turn);
  return () => ofReranker.get(name) === turn;
}
