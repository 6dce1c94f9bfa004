// The two tasks of a model: what each is given and what it returns. All code between a call and
// the WebAssembly instance is shared by both.

import type { EmbedderInfo, Info, Score } from "../../types/index.js";

export interface Reranking {
  /** The result of a document. */
  result: Score;
  /** How the core scores. The core's defaults apply to options that are left out. */
  options: { longDocuments?: "truncate" | "windows"; maxWindows?: number };
  /** The arguments of `encode`. */
  encode: [query: string, document: string];
  info: Info;
  setup: { kind: "reranker"; cache: CacheSetup | undefined; keepFloats: boolean; gpu?: GpuSetup };
}

/** The texts form one list of documents with an empty query. */
export interface Embedding {
  /** A document's vector. */
  result: Float32Array;
  options: { query?: boolean; truncate?: boolean; normalize?: boolean };
  encode: [text: string, options: Embedding["options"]];
  info: EmbedderInfo;
  setup: { kind: "embedder"; options: EmbedderSetup };
}

/** How the score cache of a reranker is created. */
export interface CacheSetup {
  bytes: number;
  fingerprint?: string;
}

/** How a reranker is created on a GPU. */
export interface GpuSetup {
  /** The browser's description of the GPU. Scores differ a little from one GPU to another. */
  adapter: string;
  /** The URL of the bindings. They are not part of a worker's script, since most pages never need them. */
  bindings: string;
}

/** How an embedder is created. The core's defaults apply to options that are left out. */
export interface EmbedderSetup {
  maxLength?: number;
  queryPrefix?: string;
  documentPrefix?: string;
  keepFloats?: boolean;
  fingerprint?: string;
}

export type Task = Reranking | Embedding;

/** What an instance reports about its model. A backend adds the rest of `info`. */
export type ModelInfo<T extends Task> = Omit<
  T["info"],
  "backend" | "backendReason" | "workers" | "device" | "deviceReason" | "weights"
>;
