// A model in a WebAssembly instance on this thread.

import type { Encoding } from "../../types/index.js";
import type { Lists } from "../core/backend.js";
import { CrossrankError, DocumentError, disposedError } from "../core/errors.js";
import { isCoreError } from "../core/panic.js";
import type { ModelInfo, Task } from "../core/task.js";
import type { WasmGpuRun, WasmModel, WasmScoreCache } from "./bindings.js";
import type { CacheLookup, CachingExecutor, InstanceSource, OnResults } from "./executor.js";
import { withGpuWatchdog } from "./gpu-watchdog.js";
import { gpuOf, instantiate, type LoadedModel, toCrossrankError } from "./instantiate.js";
import { Yielder } from "./yield.js";

/** A loaded model, which must not be touched any more once its instance has trapped. */
interface Loaded<T extends Task> extends LoadedModel<T> {
  hasTrapped: boolean;
}

/**
 * An instance's memory never shrinks. Leaving the whole instance to the garbage collector is the
 * only way to give it back.
 *
 * A trap leaves an instance in an unknown state: it is dropped, and the next call creates a new one
 * from the source.
 */
export class Instance<T extends Task> implements CachingExecutor<T> {
  readonly #source: InstanceSource<T>;
  #loading: Promise<Loaded<T>> | undefined;
  /** The end of the latest job. Jobs do not overlap, since two at once would both be late. */
  #lastJob: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(source: InstanceSource<T>) {
    this.#source = source;
  }

  async ready(): Promise<void> {
    await this.#loaded();
  }

  run(lists: Lists, options: T["options"], signal: AbortSignal, onResults: OnResults<T>): Promise<void> {
    const run = this.#lastJob.then(() => this.#run(lists, options, signal, onResults));
    this.#lastJob = run.catch(() => {});
    return run;
  }

  encode(...given: T["encode"]): Promise<Encoding> {
    return this.#call((model) => model.encode(...given));
  }

  info(): Promise<ModelInfo<T>> {
    return this.#call((model) => model.info());
  }

  recall({ queries, documents }: Lists, options: T["options"]): Promise<CacheLookup<T>> {
    return this.#callCache((model) => {
      const lists = queries.map((query, i) => model.cacheKeys(query, documents[i]!, options));
      const keys = new Uint8Array(lists.reduce((length, list) => length + list.length, 0));
      let end = 0;
      for (const list of lists) {
        keys.set(list, end);
        end += list.length;
      }
      return { keys, results: model.recall(keys) };
    });
  }

  remember(keys: Uint8Array, results: T["result"][]): Promise<void> {
    return this.#callCache((model) => model.remember(keys, results));
  }

  save(): Promise<Uint8Array> {
    return this.#callCache((model) => model.save());
  }

  restore(saved: Uint8Array): Promise<void> {
    return this.#callCache((model) => model.restore(saved));
  }

  dispose(): void {
    if (gpuOf(this.#source.setup)) void this.#free(this.#loading);
    this.#disposed = true;
    this.#loading = undefined;
  }

  /** Frees a GPU's memory, which the garbage collector does not know of, after the last job. */
  async #free(loading: Promise<Loaded<T>> | undefined): Promise<void> {
    await this.#lastJob;
    const loaded = await loading?.catch(() => undefined);
    if (loaded && !loaded.hasTrapped) loaded.model.free();
  }

  async #run(
    { queries, documents }: Lists,
    options: T["options"],
    signal: AbortSignal,
    onResults: OnResults<T>,
  ): Promise<void> {
    signal.throwIfAborted();
    const loaded = await this.#loaded();
    const run = this.#guard(loaded, ({ model }) => model.start(queries, documents, options));
    const yielder = new Yielder();
    const isOnGpu = gpuOf(this.#source.setup) !== undefined;
    const step = async () => {
      try {
        if (!isOnGpu) return run.step(loaded.model);
        const results = (run as WasmGpuRun<T>).stepOnGpu(loaded.model);
        return await withGpuWatchdog(loaded.bindings, results);
      } catch (error) {
        // After a trap nothing of the instance may be touched, and nothing has to be freed.
        if (!isCoreError(error)) throw error;
        const { position } = run;
        run.free();
        throw position === undefined ? error : new DocumentError(error.code, error.message, position);
      }
    };
    while (!run.done) {
      const results = await this.#guardAsync(loaded, step);
      if (results.length > 0) onResults(results);
      await yielder.yieldIfDue();
      if (signal.aborted || this.#disposed) break;
    }
    if (!loaded.hasTrapped) run.free();
    signal.throwIfAborted();
    if (this.#disposed) throw disposedError();
  }

  async #call<R>(call: (model: WasmModel<T>) => R): Promise<R> {
    return this.#guard(await this.#loaded(), ({ model }) => call(model));
  }

  /** Only models that have a cache are asked for it. */
  #callCache<R>(call: (model: WasmScoreCache<T>) => R): Promise<R> {
    return this.#call((model) => call(model as WasmModel<T> & WasmScoreCache<T>));
  }

  #loaded(): Promise<Loaded<T>> {
    if (this.#disposed) return Promise.reject(disposedError());
    const loading = (this.#loading ??= this.#load());
    return loading.then(
      (loaded) => {
        if (this.#disposed) throw disposedError();
        return loaded;
      },
      (error) => {
        if (this.#loading === loading) this.#loading = undefined;
        throw error;
      },
    );
  }

  async #load(): Promise<Loaded<T>> {
    return { ...(await instantiate(this.#source)), hasTrapped: false };
  }

  /** Drops the instance if it traps. */
  #guard<R>(loaded: Loaded<T>, call: (loaded: Loaded<T>) => R): R {
    try {
      if (loaded.hasTrapped) throw new Error("in another call");
      return call(loaded);
    } catch (error) {
      throw this.#onError(loaded, error);
    }
  }

  async #guardAsync<R>(loaded: Loaded<T>, call: () => Promise<R>): Promise<R> {
    try {
      return await this.#guard(loaded, call);
    } catch (error) {
      throw this.#onError(loaded, error);
    }
  }

  #onError(loaded: Loaded<T>, error: unknown): CrossrankError {
    if (!(error instanceof CrossrankError || isCoreError(error))) {
      // After the first trap, another call may already be loading a new instance.
      if (!loaded.hasTrapped) this.#loading = undefined;
      loaded.hasTrapped = true;
    }
    return toCrossrankError(error, loaded.bindings);
  }
}
