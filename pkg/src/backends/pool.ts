// One model in several executors, which share the documents of a call.

import type { Encoding } from "../../types/index.js";
import type { Backend, Job, Lists, RunControl } from "../core/backend.js";
import { disposedError, isComputeFailure } from "../core/errors.js";
import type { Task } from "../core/task.js";
import type { Weights } from "../model/files.js";
import type { CacheLookup, CachingExecutor, Executor } from "../runtime/executor.js";
import { distribute, type Item, listsOf } from "./distribute.js";

/** The length of a key of the score cache. */
const KEY_BYTES = 32;
/** How many workers may die in one call, beyond one death of each. */
const MAX_EXTRA_DEATHS = 2;
/** How long new scores wait for others before they are saved together. */
const SAVE_DELAY_MS = 1000;

/** A result that was not in the cache, and the key to store it under. */
interface NewResult<T extends Task> {
  key: Uint8Array;
  result: T["result"];
}

/**
 * A job is computed in parts of about this many characters. The thread cannot do anything else while
 * the cache looks for the documents of a part.
 */
const PART_CHARACTERS = 1 << 19;
/** What looking for a document costs, beside its length. */
const DOCUMENT_CHARACTERS = 256;

function* partsOf(job: Job): Generator<Item[]> {
  let part: Item[] = [];
  let size = 0;
  for (const [list, documents] of job.documents.entries()) {
    for (const [index, document] of documents.entries()) {
      part.push({ list, index });
      size += document.length + DOCUMENT_CHARACTERS;
      if (size < PART_CHARACTERS) continue;
      yield part;
      part = [];
      size = 0;
    }
  }
  if (part.length > 0) yield part;
}

/** A document, and its position in a part of a job. */
interface PositionedItem extends Item {
  position: number;
}

/** Stores the scores of a cache between visits. */
export interface ScorePersistence {
  load(): Promise<Uint8Array | undefined>;
  save(scores: Uint8Array): Promise<void>;
}

export interface PoolOptions<T extends Task> {
  /** What `info` calls this backend. */
  backend: "workers" | "in-thread";
  /** Why it computes there. */
  backendReason: string;
  /** The executor whose cache serves all executors. */
  cache: CachingExecutor<T> | undefined;
  /** Where the cache is stored, if it is. */
  persistence(): Promise<ScorePersistence | undefined>;
  /**
   * Whether others compute what a dead worker held, while a new worker replaces it. If not, a call
   * fails with the first worker that dies. Default: true.
   */
  replaceDeadWorkers?: boolean;
}

export class Pool<T extends Task> implements Backend<T> {
  readonly #executors: Executor<T>[];
  readonly #backend: Pick<PoolOptions<T>, "backend" | "backendReason">;
  readonly #cache: CachingExecutor<T> | undefined;
  readonly #maxDeaths: number;
  #persistence: ScorePersistence | undefined;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  /** Why this device computes, if there was a choice. */
  deviceReason: string | undefined;

  /** The file with the weights, if they are in a file. */
  weights: Weights | undefined;

  private constructor(
    executors: Executor<T>[],
    { backend, backendReason, cache, replaceDeadWorkers = true }: PoolOptions<T>,
  ) {
    this.#executors = executors;
    this.#maxDeaths = replaceDeadWorkers ? executors.length + MAX_EXTRA_DEATHS : 1;
    this.#backend = { backend, backendReason };
    this.#cache = cache;
  }

  /** Resolves when the first executor is ready. The others may take longer. */
  static async load<T extends Task>(executors: Executor<T>[], options: PoolOptions<T>): Promise<Pool<T>> {
    const pool = new Pool(executors, options);
    try {
      const [first, ...others] = executors;
      await first!.ready();
      for (const executor of others) executor.ready().catch(() => {});
      pool.#persistence = await options.persistence();
      const saved = await pool.#persistence?.load();
      if (saved) await options.cache?.restore(saved);
    } catch (error) {
      void pool.dispose();
      throw error;
    }
    return pool;
  }

  async run(job: Job, control: RunControl<T>): Promise<void> {
    if (this.#disposed) throw disposedError();
    let { hasTimeLimit } = control;
    for (const items of partsOf(job)) {
      await this.#runPart(items, job, { ...control, hasTimeLimit });
      hasTimeLimit = false;
    }
  }

  async #runPart(items: Item[], job: Job, control: RunControl<T>): Promise<void> {
    const { keys, results } = await this.#recall(listsOf(items, job), control);
    const newResults: NewResult<T>[] = [];
    const missing: PositionedItem[] = [];
    items.forEach(({ list, index }, position) => {
      const result = results[position];
      if (result) control.onResult(list, index, result);
      else missing.push({ list, index, position });
    });
    const onResult = ({ list, index, position }: PositionedItem, result: T["result"]) => {
      const start = position * KEY_BYTES;
      if (keys.length > 0) newResults.push({ key: keys.subarray(start, start + KEY_BYTES), result });
      control.onResult(list, index, result);
    };
    try {
      await distribute(this.#executors, this.#maxDeaths, job, missing, control, onResult);
    } catch (error) {
      // The cache may be lost with its executor, which would be loaded again to store these.
      if (isComputeFailure(error)) newResults.length = 0;
      throw error;
    } finally {
      this.#remember(newResults);
    }
  }

  /** Resolves when each executor is ready or has failed to become so. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#executors.map((executor) => executor.ready()));
  }

  /** Ends at once, and saves nothing: the executor with the cache may be lost. */
  abandon(): void {
    this.#disposed = true;
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    for (const executor of this.#executors) executor.dispose();
  }

  encode(...given: T["encode"]): Promise<Encoding> {
    return this.#first.encode(...given);
  }

  async info(): Promise<T["info"]> {
    const backend = this.#backend;
    const workers = backend.backend === "workers" ? this.#executors.length : 0;
    const modelInfo = await this.#first.info();
    const device = "gpu" in modelInfo && modelInfo.gpu ? "gpu" : "cpu";
    const { deviceReason, weights } = this;
    const reason = deviceReason !== undefined && { deviceReason };
    const file = weights && { weights };
    return { ...backend, workers, device, ...reason, ...file, ...modelInfo };
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const executor of this.#executors.slice(1)) executor.dispose();
    // Scores that wait to be saved are saved first.
    if (this.#saveTimer !== undefined) {
      clearTimeout(this.#saveTimer);
      await this.#save().catch(() => {});
    }
    this.#executors[0]!.dispose();
  }

  get #first(): Executor<T> {
    if (this.#disposed) throw disposedError();
    return this.#executors[0]!;
  }

  async #recall(lists: Lists, { options, skipCache }: RunControl<T>): Promise<CacheLookup<T>> {
    const nothing = { keys: new Uint8Array(), results: [] };
    if (skipCache || !this.#cache) return nothing;
    try {
      return await this.#cache.recall(lists, options);
    } catch (error) {
      // The cache was lost with its executor. The scores can be computed.
      if (this.#disposed) throw error;
      return nothing;
    }
  }

  #remember(newResults: NewResult<T>[]): void {
    if (newResults.length === 0 || this.#disposed) return;
    const keys = new Uint8Array(newResults.length * KEY_BYTES);
    for (const [i, { key }] of newResults.entries()) keys.set(key, i * KEY_BYTES);
    // If this fails, the scores are computed again.
    this.#cache!.remember(
      keys,
      newResults.map(({ result }) => result),
    ).catch(() => {});
    if (this.#persistence && this.#saveTimer === undefined) {
      this.#saveTimer = setTimeout(() => this.#save().catch(() => {}), SAVE_DELAY_MS);
    }
  }

  async #save(): Promise<void> {
    this.#saveTimer = undefined;
    await this.#persistence!.save(await this.#cache!.save());
  }
}
