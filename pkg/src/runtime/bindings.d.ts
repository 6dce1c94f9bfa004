// Types of the bindings that scripts/build.sh makes from src/wasm/api with wasm-bindgen.

import type { Encoding } from "../../types/index.js";
import type { WasmFiles } from "../core/content.js";
import type { CacheSetup, EmbedderSetup, Embedding, ModelInfo, Reranking, Task } from "../core/task.js";

/** A model inside a WebAssembly instance. The errors that it throws are `{ code, message }`. */
export interface WasmModel<T extends Task> {
  start(queries: string[], documents: string[][], options: T["options"]): WasmRun<T>;
  encode(...given: T["encode"]): Encoding;
  info(): ModelInfo<T>;
  free(): void;
}

/** The methods of a model that has a score cache. */
export interface WasmScoreCache<T extends Task> {
  cacheKeys(query: string, documents: string[], options: T["options"]): Uint8Array;
  recall(keys: Uint8Array): (T["result"] | undefined)[];
  remember(keys: Uint8Array, results: T["result"][]): void;
  save(): Uint8Array;
  restore(saved: Uint8Array): void;
}

/** The lists of a job while they are computed. */
export interface WasmRun<T extends Task> {
  /** Computes a part. Positions count through all lists. */
  step(model: WasmModel<T>): [position: number, result: T["result"]][];
  readonly done: boolean;
  /** The document that an error of `step` is about, if it is about one. */
  readonly position: number | undefined;
  free(): void;
}

/** The same on a GPU. */
export interface WasmGpuRun<T extends Task> extends WasmRun<T> {
  /** Computes a batch. The run must not be freed before this settles. */
  stepOnGpu(model: WasmModel<T>): Promise<ReturnType<WasmRun<T>["step"]>>;
}

/** The bindings of one instance. Calling them with a module creates the instance. */
export interface Bindings {
  (module: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  Files: new () => WasmFiles;
  Model: new (
    files: WasmFiles,
    cache: CacheSetup | undefined,
    isVerified: boolean,
    keepFloats: boolean,
  ) => WasmModel<Reranking>;
  Embedder: new (files: WasmFiles, setup: EmbedderSetup, isVerified: boolean) => WasmModel<Embedding>;
  lastPanic(): string | undefined;
}

/** The bindings of an instance that computes on a GPU. */
export interface GpuBindings extends Bindings {
  Model: Bindings["Model"] & {
    loadOnGpu(
      files: WasmFiles,
      cache: CacheSetup | undefined,
      isVerified: boolean,
    ): Promise<WasmModel<Reranking>>;
  };
}

/** Makes bindings with a state of their own, for one more instance. */
export declare function bind(): Bindings;
