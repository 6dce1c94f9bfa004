// What computes with one copy of a model: an instance on this thread, or one in a worker.

import type { Encoding } from "../../types/index.js";
import type { Lists } from "../core/backend.js";
import type { ModelInfo, Task } from "../core/task.js";
import type { ModelFiles } from "../model/files.js";
import type { WasmModules } from "./modules.js";

/** What an instance is created from. */
export interface InstanceSource<T extends Task> {
  modules: Pick<WasmModules, "load">;
  files(): Promise<ModelFiles>;
  setup: T["setup"];
}

/** Results with the positions of their documents, counted through all lists of a job. */
export type PositionedResults<T extends Task> = [position: number, result: T["result"]][];

export type OnResults<T extends Task> = (results: PositionedResults<T>) => void;

/** Results from the cache, and the keys to store new ones under. */
export interface CacheLookup<T extends Task> {
  /** 32 bytes for each document; empty if there is no cache. */
  keys: Uint8Array;
  results: (T["result"] | undefined)[];
}

export interface Executor<T extends Task> {
  /** Resolves when the model is loaded. */
  ready(): Promise<void>;
  /** Runs a job after those that came before it. Calls `onResults` as results become known. */
  run(lists: Lists, options: T["options"], signal: AbortSignal, onResults: OnResults<T>): Promise<void>;
  encode(...given: T["encode"]): Promise<Encoding>;
  info(): Promise<ModelInfo<T>>;
  dispose(): void;
}

/** An executor that has a score cache. */
export interface CachingExecutor<T extends Task> extends Executor<T> {
  recall(lists: Lists, options: T["options"]): Promise<CacheLookup<T>>;
  remember(keys: Uint8Array, results: T["result"][]): Promise<void>;
  save(): Promise<Uint8Array>;
  restore(saved: Uint8Array): Promise<void>;
}
