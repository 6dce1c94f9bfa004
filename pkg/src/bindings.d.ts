// Types of what scripts/build.sh generates from src/wasm_api.rs with wasm-bindgen.

import type { Encoding, Score } from "../types/index.js";

export interface RawRanking {
  results: { index: number; score: number; logit: number; truncated: boolean }[];
  queryTruncated: boolean;
}

/** A model inside a WebAssembly instance. Errors that it throws are `{ code, message }`. */
export interface WasmModel {
  rerank(query: string, documents: string[], topK: number): RawRanking;
  rerankBatch(queries: string[], candidates: string[][], topK: number): RawRanking[];
  score(pairs: [string, string][]): Score[];
  encode(query: string, document: string): Encoding;
}

/** The bindings of one instance; calling them with a module makes the instance. */
export interface Bindings {
  (module: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  Model: new (
    onnx: Uint8Array,
    tokenizer: Uint8Array,
    config: Uint8Array,
    tokenizerConfig?: Uint8Array,
  ) => WasmModel;
  lastPanic(): string | undefined;
}

/** Bindings with a state of their own, for one more instance. */
export function bind(): Bindings;
