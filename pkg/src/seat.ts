// Where one model computes: an instance on this thread, or one in a worker.

import type { Encoding } from "../types/index.js";
import type { Lists } from "./home.js";
import type { ModelFiles } from "./model.js";
import type { Modules } from "./modules.js";
import type { Known, Work } from "./work.js";

/** What an instance is made of. */
export interface Source<W extends Work> {
  modules: Pick<Modules, "load">;
  files(): Promise<ModelFiles>;
  setup: W["setup"];
}

/** Results with the positions of their documents, counted through all lists of a job. */
export type Found<W extends Work> = [position: number, result: W["result"]][];

/** Results that were looked up in the cache, with the keys to keep new ones under. */
export interface Recalled<W extends Work> {
  /** 32 bytes a document; none where there is no cache. */
  keys: Uint8Array;
  results: (W["result"] | undefined)[];
}

export interface Seat<W extends Work> {
  /** Resolves when the model is loaded. */
  ready(): Promise<void>;
  /** Does a job, after those that came before it; `found` is told as results become known. */
  run(
    lists: Lists,
    options: W["options"],
    signal: AbortSignal,
    found: (found: Found<W>) => void,
  ): Promise<void>;
  encode(...given: W["encode"]): Promise<Encoding>;
  info(): Promise<Known<W>>;
  dispose(): void;
}

/** A seat with a cache. */
export interface CacheSeat<W extends Work> extends Seat<W> {
  recall(lists: Lists, options: W["options"]): Promise<Recalled<W>>;
  remember(keys: Uint8Array, results: W["result"][]): Promise<void>;
  save(): Promise<Uint8Array>;
  restore(saved: Uint8Array): Promise<void>;
}
