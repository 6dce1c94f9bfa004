// What each API is sent and what it answers, from its documentation:
// Cohere https://docs.cohere.com/reference/rerank, Jina https://api.jina.ai/redoc, Voyage
// https://docs.voyageai.com/reference/reranker-api, and Hugging Face's text-embeddings-inference
// (TEI) https://huggingface.github.io/text-embeddings-inference. src/remote/api.rs is its twin.

import type { RemoteApi } from "../types/index.js";
import { CrossrankError } from "./errors.js";
import { show } from "./input.js";

export interface Shape {
  /** What follows the base address. */
  path: string;
  /** The most documents in a request: a limit of the API, or of its default settings. */
  maxDocuments: number;
  /** A request names a model; TEI serves a single one. */
  namesModel: boolean;
  /** The values are logits, because the request asks for them. */
  rawScores: boolean;
  /** The field of a result that holds its value. */
  value: string;
  request(query: string, documents: string[], model: string | undefined): object;
  /** The list of results in an answer. */
  results(answer: any): unknown;
}

export const SHAPES: Record<RemoteApi, Shape> = {
  cohere: {
    path: "/v2/rerank",
    maxDocuments: 1000,
    namesModel: true,
    rawScores: false,
    value: "relevance_score",
    request: (query, documents, model) => ({ model, query, documents }),
    results: (answer) => answer?.results,
  },
  jina: {
    path: "/v1/rerank",
    maxDocuments: 1000,
    namesModel: true,
    rawScores: false,
    value: "relevance_score",
    request: (query, documents, model) => ({ model, query, documents, return_documents: false }),
    results: (answer) => answer?.results,
  },
  voyage: {
    path: "/v1/rerank",
    maxDocuments: 1000,
    namesModel: true,
    rawScores: false,
    value: "relevance_score",
    request: (query, documents, model) => ({ model, query, documents, truncation: true }),
    results: (answer) => answer?.data,
  },
  tei: {
    path: "/rerank",
    maxDocuments: 32,
    namesModel: false,
    rawScores: true,
    value: "score",
    request: (query, texts) => ({ query, texts, raw_scores: true, truncate: true }),
    results: (answer) => answer,
  },
};

/** The documents' values in the order of the request; every document has exactly one. */
export function valuesOf(answer: unknown, shape: Shape, count: number): number[] {
  const results = shape.results(answer);
  if (!Array.isArray(results)) throw bad("holds no list of results");
  const values: number[] = [];
  for (const result of results) {
    const index = result?.index;
    const value = result?.[shape.value];
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw bad(`names document ${show(index)} of ${count}`);
    }
    if (values[index] !== undefined) throw bad(`names document ${index} twice`);
    if (!Number.isFinite(value)) throw bad(`gives ${show(value)} for document ${index}`);
    values[index] = value;
  }
  if (results.length !== count) throw bad(`has ${results.length} results for ${count} documents`);
  return values;
}

function bad(what: string): CrossrankError {
  const message = `the answer ${what}; check that the service speaks the API that was named`;
  return new CrossrankError("remote-invalid-answer", message);
}

/** What an error's body says, in any of the APIs' forms. */
export function complaintOf(text: string): string {
  let said: unknown = text;
  try {
    const body = JSON.parse(text);
    said = body?.message ?? body?.detail ?? body?.error?.message ?? body?.error ?? text;
  } catch {
    // A proxy's page, for one.
  }
  const line = (typeof said === "string" ? said : JSON.stringify(said)).replace(/\s+/g, " ").trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
