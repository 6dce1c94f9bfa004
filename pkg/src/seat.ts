// Where one model computes: an instance on this thread, or one in a worker.

import type { Encoding, Score } from "../types/index.js";
import type { CacheOptions, WasmModel } from "./bindings.js";
import type { Lists, ScoreOptions } from "./home.js";
import type { ModelFiles } from "./model.js";

/** What an instance is made of. */
export interface Source {
  module(): Promise<WebAssembly.Module>;
  files(): Promise<ModelFiles>;
  cache: CacheOptions | undefined;
}

/** Scores with the positions of their documents, counted through all lists of a job. */
export type Scored = [position: number, score: Score][];

/** Scores that were looked up in the cache, with the keys to keep new ones under. */
export interface Recalled {
  /** 32 bytes a document; none where there is no cache. */
  keys: Uint8Array;
  scores: (Score | undefined)[];
}

export interface Seat {
  /** Resolves when the model is loaded. */
  ready(): Promise<void>;
  /** Scores a job, after those that came before it; `scored` is told as scores become known. */
  score(
    lists: Lists,
    options: ScoreOptions,
    signal: AbortSignal,
    scored: (scored: Scored) => void,
  ): Promise<void>;
  encode(query: string, document: string): Promise<Encoding>;
  recall(lists: Lists, options: ScoreOptions): Promise<Recalled>;
  remember(keys: Uint8Array, scores: Score[]): Promise<void>;
  save(): Promise<Uint8Array>;
  restore(saved: Uint8Array): Promise<void>;
  info(): Promise<ReturnType<WasmModel["info"]>>;
  dispose(): void;
}
