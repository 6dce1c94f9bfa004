// The documents to search, and the models.

import { Embedder, Reranker } from "crossrank";
import * as embedderModel from "crossrank-all-minilm-l6-v2";
import * as rerankerModel from "crossrank-minilm-l6-en";
import { loadCorpus, loadVectors, ownDocuments } from "./corpus.js";
import { plural } from "./dom.js";
import { createIndex, textOf } from "./search.js";

/** The models; undefined until they are loaded. */
export const models = { reranker: undefined, embedder: undefined };

export async function loadReranker(onProgress) {
  models.reranker = await Reranker.load({ model: rerankerModel, onProgress });
}

/** The corpus: `{ name, documents, index, vectors(onProgress) }`. `loadRust` adds the documents and the index. */
export const rust = {
  name: "the Rust documentation",
  vectors: () => loadVectors("corpus/rust.vectors", rust.documents.length),
};

export async function loadRust() {
  Object.assign(rust, await createIndex(await loadCorpus("corpus/rust.json")));
}

/** The same for texts `{ name, text }`; undefined if they are empty. */
export async function own(texts) {
  const documents = ownDocuments(texts);
  if (documents.length === 0) return undefined;
  const vectors = (onProgress) => models.embedder.embed(documents.map(textOf), { onProgress });
  return { name: `your ${plural(documents.length, "passage")}`, vectors, ...(await createIndex(documents)) };
}

/** Adds the vectors of documents to their index when they are first needed. */
export function addVectors(searched, onProgress) {
  async function add() {
    models.embedder ??= await Embedder.load({ model: embedderModel, workers: 1, onProgress });
    Object.assign(searched, await createIndex(searched.documents, await searched.vectors(onProgress)));
  }
  searched.withVectors ??= add().catch((error) => {
    searched.withVectors = undefined;
    throw error;
  });
  return searched.withVectors;
}
