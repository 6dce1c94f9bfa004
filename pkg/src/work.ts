// The two kinds of work: what is asked of a model, and what it gives. Everything between a call and
// the WebAssembly instance is the same for both.

import type { EmbedderInfo, Info, Score } from "../types/index.js";
import type { CacheOptions } from "./bindings.js";

export interface Reranking {
  /** What a document's result is. */
  result: Score;
  /** How the core scores; what is left out has its defaults. */
  options: { longDocuments?: "truncate" | "windows"; maxWindows?: number };
  /** What is encoded by itself, to be looked at. */
  encode: [query: string, document: string];
  info: Info;
  setup: { kind: "reranker"; cache: CacheOptions | undefined; gpu?: GpuSetup };
}

/** Its texts are one list of documents, with an empty query. */
export interface Embedding {
  /** A document's vector. */
  result: Float32Array;
  options: { query?: boolean; truncate?: boolean; normalize?: boolean };
  encode: [text: string, options: Embedding["options"]];
  info: EmbedderInfo;
  setup: { kind: "embedder"; options: EmbedderSetup };
}

/** How a reranker is made on a GPU. */
export interface GpuSetup {
  /** What the browser tells of the GPU, whose scores differ a little from another one's. */
  adapter: string;
  /** The address of the bindings: no part of a worker's script, which most load without them. */
  bindings: string;
}

/** How an embedder is made; what is left out has the core's defaults. */
export interface EmbedderSetup {
  maxLength?: number;
  queryPrefix?: string;
  documentPrefix?: string;
  fingerprint?: string;
}

export type Work = Reranking | Embedding;

/** What an instance finds out of its model. */
export type Known<W extends Work> = Omit<W["info"], "home" | "workers" | "device" | "deviceReason">;
