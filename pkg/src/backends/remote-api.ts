// The requests and answers of each API, from its documentation:
// Cohere https://docs.cohere.com/reference/rerank, Jina https://api.jina.ai/redoc, Voyage
// https://docs.voyageai.com/reference/reranker-api, and Hugging Face's text-embeddings-inference
// (TEI) https://huggingface.github.io/text-embeddings-inference. src/remote/api.rs does the same.

import type { RemoteApi } from "../../types/index.js";
import { CrossrankError } from "../core/errors.js";
import { describeValue } from "../core/validate.js";

/** The answer of some API. It may be anything, and is checked field by field. */
type Answer = { results?: unknown; data?: unknown } | null | undefined;

export interface Dialect {
  /** The path that is appended to the base address. */
  path: string;
  /** The number of documents in a request: a limit of the API, or of its default settings. */
  maxDocuments: number;
  /** Whether a request names a model. TEI serves a single one. */
  namesModel: boolean;
  /** Whether the values are logits, because the request asks for them. */
  rawScores: boolean;
  /** The field of a result that holds its value. */
  valueField: string;
  request(query: string, documents: string[], model: string | undefined): object;
  /** The list of results in an answer. */
  results(answer: Answer): unknown;
}

export const DIALECTS: Record<RemoteApi, Dialect> = {
  cohere: {
    path: "/v2/rerank",
    maxDocuments: 1000,
    namesModel: true,
    rawScores: false,
    valueField: "relevance_score",
    request: (query, documents, model) => ({ model, query, documents }),
    results: (answer) => answer?.results,
  },
  jina: {
    path: "/v1/rerank",
    maxDocuments: 1000,
    namesModel: true,
    rawScores: false,
    valueField: "relevance_score",
    request: (query, documents, model) => ({ model, query, documents, return_documents: false }),
    results: (answer) => answer?.results,
  },
  voyage: {
    path: "/v1/rerank",
    maxDocuments: 1000,
    namesModel: true,
    rawScores: false,
    valueField: "relevance_score",
    request: (query, documents, model) => ({ model, query, documents, truncation: true }),
    results: (answer) => answer?.data,
  },
  tei: {
    path: "/rerank",
    maxDocuments: 32,
    namesModel: false,
    rawScores: true,
    valueField: "score",
    request: (query, texts) => ({ query, texts, raw_scores: true, truncate: true }),
    results: (answer) => answer,
  },
};

/** The values of the documents, in the order of the request. Each document must have exactly one. */
export function valuesOf(answer: unknown, dialect: Dialect, count: number): number[] {
  const results = dialect.results(answer as Answer);
  if (!Array.isArray(results)) throw invalidAnswer("holds no list of results");
  const values: number[] = [];
  for (const result of results) {
    const index = result?.index;
    const value = result?.[dialect.valueField];
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw invalidAnswer(`names document ${describeValue(index)} of ${count}`);
    }
    if (values[index] !== undefined) throw invalidAnswer(`names document ${index} twice`);
    if (!Number.isFinite(value)) {
      throw invalidAnswer(`gives ${describeValue(value)} for document ${index}`);
    }
    values[index] = value;
  }
  if (results.length !== count) {
    throw invalidAnswer(`has ${results.length} results for ${count} documents`);
  }
  return values;
}

function invalidAnswer(problem: string): CrossrankError {
  const message = `the answer ${problem}; check that the service speaks the API that was named`;
  return new CrossrankError("remote-invalid-answer", message);
}

/** The message in the body of an error, in the form of any of the APIs. */
export function errorMessageOf(text: string): string {
  let message: unknown = text;
  try {
    const body = JSON.parse(text);
    message = body?.message ?? body?.detail ?? body?.error?.message ?? body?.error ?? text;
  } catch {
    // The body need not be JSON: it may be a proxy's error page.
  }
  const string = typeof message === "string" ? message : JSON.stringify(message);
  const line = string.replace(/\s+/g, " ").trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
