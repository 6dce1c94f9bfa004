// What the tests of the adapters rank, and with what. A ranking of `Reranker.rerank` is the reference.

import assert from "node:assert/strict";
import { after } from "node:test";
import { Embedder, Reranker } from "crossrank";

export const QUERY = "what is a vector database";
export const PASSAGES = [
  "Bananas are rich in potassium and grow in tropical regions.",
  "Milvus is an open source vector database built for similarity search at scale.",
  "Relational databases keep rows in tables and answer SQL queries.",
  "A vector database stores embeddings and finds the nearest neighbours of a query vector.",
  "An inverted index maps every term to the documents that contain it.",
  "PostgreSQL can store vectors with the pgvector extension and search them by distance.",
];

export const reranker = await Reranker.load();
export const embedder = await Embedder.load();
after(async () => {
  await reranker.dispose();
  await embedder.dispose();
});

/** `[{ index, score }]` of some texts, best first. */
export async function reference(texts = PASSAGES, query = QUERY) {
  const { results } = await reranker.rerank(query, texts);
  const ranked = results.map(({ index, score }) => ({ index, score }));
  // A mapping that keeps the order, or turns it round, must not pass.
  const order = ranked.map(({ index }) => index).join();
  const given = texts.map((_, index) => index);
  assert.notEqual(order, given.join());
  assert.notEqual(order, given.reverse().join());
  return ranked;
}

/** A reranker that counts its calls, and one that fails. */
export function spy(rerank = (...call) => reranker.rerank(...call)) {
  const calls = [];
  return {
    calls,
    rerank(...call) {
      calls.push(call);
      return rerank(...call);
    },
  };
}

export const failure = new Error("the model is broken");
export const failing = () => spy(async () => Promise.reject(failure));

/** A reranker whose calls end only when their signal aborts. */
export const hanging = () =>
  spy(
    (_query, _documents, _topK, { signal } = {}) =>
      new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
  );
