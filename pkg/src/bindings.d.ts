// Types of what scripts/build.sh generates from src/wasm_api.rs with wasm-bindgen.

import type { Encoding, Info, Score } from "../types/index.js";
import type { ScoreOptions } from "./home.js";

/** A model inside a WebAssembly instance. Errors that it throws are `{ code, message }`. */
export interface WasmModel {
  start(queries: string[], documents: string[][], options: ScoreOptions): WasmScoring;
  encode(query: string, document: string): Encoding;
  cacheKeys(query: string, documents: string[], options: ScoreOptions): Uint8Array;
  recall(keys: Uint8Array): (Score | undefined)[];
  remember(keys: Uint8Array, scores: Score[]): void;
  save(): Uint8Array;
  restore(saved: Uint8Array): void;
  info(): Pick<Info, "kernel" | "warning" | "maxLength" | "cache">;
}

/** Lists that are being scored. */
export interface WasmScoring {
  /** Does a piece of the work. Positions count through all lists. */
  step(model: WasmModel): [position: number, score: Score][];
  readonly done: boolean;
  /** The document that an error of `step` is about, where it is about one. */
  readonly position: number | undefined;
  free(): void;
}

export interface CacheOptions {
  bytes: number;
  fingerprint?: string;
}

/** The bindings of one instance; calling them with a module makes the instance. */
export interface Bindings {
  (module: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  Model: new (
    onnx: Uint8Array,
    tokenizer: Uint8Array,
    config: Uint8Array,
    tokenizerConfig?: Uint8Array,
    cache?: CacheOptions,
  ) => WasmModel;
  lastPanic(): string | undefined;
}

/** Bindings with a state of their own, for one more instance. */
export function bind(): Bindings;
