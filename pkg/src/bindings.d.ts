// Types of what scripts/build.sh generates from src/wasm_api.rs with wasm-bindgen.

import type { Encoding } from "../types/index.js";
import type { WasmFiles } from "./content.js";
import type { Embedding, EmbedderSetup, Known, Reranking, Work } from "./work.js";

/** A model inside a WebAssembly instance. Errors that it throws are `{ code, message }`. */
export interface WasmModel<W extends Work> {
  start(queries: string[], documents: string[][], options: W["options"]): WasmWork<W>;
  encode(...given: W["encode"]): Encoding;
  info(): Known<W>;
  free(): void;
}

/** What a model with a cache has beside. */
export interface WasmCache<W extends Work> {
  cacheKeys(query: string, documents: string[], options: W["options"]): Uint8Array;
  recall(keys: Uint8Array): (W["result"] | undefined)[];
  remember(keys: Uint8Array, results: W["result"][]): void;
  save(): Uint8Array;
  restore(saved: Uint8Array): void;
}

/** Lists that are being read. */
export interface WasmWork<W extends Work> {
  /** Does a piece of the work. Positions count through all lists. */
  step(model: WasmModel<W>): [position: number, result: W["result"]][];
  readonly done: boolean;
  /** The document that an error of `step` is about, where it is about one. */
  readonly position: number | undefined;
  free(): void;
}

/** The same on a GPU. */
export interface WasmGpuWork<W extends Work> extends WasmWork<W> {
  /** Does a batch. Until it is done the work may not be freed. */
  stepOnGpu(model: WasmModel<W>): Promise<ReturnType<WasmWork<W>["step"]>>;
}

export interface CacheOptions {
  bytes: number;
  fingerprint?: string;
}

/** The bindings of one instance; calling them with a module makes the instance. */
export interface Bindings {
  (module: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  Files: new () => WasmFiles;
  Model: new (
    files: WasmFiles,
    cache: CacheOptions | undefined,
    checked: boolean,
  ) => WasmModel<Reranking>;
  Embedder: new (
    files: WasmFiles,
    setup: EmbedderSetup,
    checked: boolean,
  ) => WasmModel<Embedding>;
  lastPanic(): string | undefined;
}

/** The bindings of an instance that computes on a GPU. */
export interface GpuBindings extends Bindings {
  Model: Bindings["Model"] & {
    loadOnGpu(
      files: WasmFiles,
      cache: CacheOptions | undefined,
      checked: boolean,
    ): Promise<WasmModel<Reranking>>;
  };
}

/** Bindings with a state of their own, for one more instance. */
export function bind(): Bindings;
