// A model in a WebAssembly instance on this thread.

import type { Encoding } from "../types/index.js";
import {
  bind,
  type Bindings,
  type GpuBindings,
  type WasmCache,
  type WasmGpuWork,
  type WasmModel,
} from "./bindings.js";
import { Breath } from "./breath.js";
import { piecesOf, put } from "./content.js";
import { CrossrankError, disposed, DocumentError, type ErrorCode } from "./errors.js";
import type { Lists } from "./home.js";
import { nameOf, type ModelFiles } from "./model.js";
import { canHash } from "./read.js";
import type { CacheSeat, Found, Recalled, Source } from "./seat.js";
import type { Embedding, GpuSetup, Known, Reranking, Work } from "./work.js";

interface Loaded<W extends Work> {
  bindings: Bindings;
  model: WasmModel<W>;
  /** It trapped, and may not be touched any more. */
  dropped: boolean;
}

/**
 * An instance's memory never shrinks, so that leaving the whole instance to the garbage collector
 * is what gives it back.
 *
 * A trap leaves an instance in an unknown state: it is dropped, and the next call makes a new one
 * from the source.
 */
export class Instance<W extends Work> implements CacheSeat<W> {
  readonly #source: Source<W>;
  #loading: Promise<Loaded<W>> | undefined;
  /** The end of the jobs so far. They do not overlap: two at once would both be late. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(source: Source<W>) {
    this.#source = source;
  }

  async ready(): Promise<void> {
    await this.#loaded();
  }

  run(
    lists: Lists,
    options: W["options"],
    signal: AbortSignal,
    found: (found: Found<W>) => void,
  ): Promise<void> {
    const run = this.#last.then(() => this.#run(lists, options, signal, found));
    this.#last = run.catch(() => {});
    return run;
  }

  encode(...given: W["encode"]): Promise<Encoding> {
    return this.#call((model) => model.encode(...given));
  }

  info(): Promise<Known<W>> {
    return this.#call((model) => model.info());
  }

  recall({ queries, documents }: Lists, options: W["options"]): Promise<Recalled<W>> {
    return this.#cache((model) => {
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

  remember(keys: Uint8Array, results: W["result"][]): Promise<void> {
    return this.#cache((model) => model.remember(keys, results));
  }

  save(): Promise<Uint8Array> {
    return this.#cache((model) => model.save());
  }

  restore(saved: Uint8Array): Promise<void> {
    return this.#cache((model) => model.restore(saved));
  }

  dispose(): void {
    if (gpuOf(this.#source.setup)) void this.#free(this.#loading);
    this.#disposed = true;
    this.#loading = undefined;
  }

  /** Gives a GPU's memory back, which no collector of garbage knows of, when its work is done. */
  async #free(loading: Promise<Loaded<W>> | undefined): Promise<void> {
    await this.#last;
    const loaded = await loading?.catch(() => undefined);
    if (loaded && !loaded.dropped) loaded.model.free();
  }

  async #run(
    { queries, documents }: Lists,
    options: W["options"],
    signal: AbortSignal,
    found: (found: Found<W>) => void,
  ): Promise<void> {
    signal.throwIfAborted();
    const loaded = await this.#loaded();
    const work = this.#guard(loaded, ({ model }) => model.start(queries, documents, options));
    const breath = new Breath();
    const onGpu = gpuOf(this.#source.setup) !== undefined;
    const step = async () => {
      try {
        if (!onGpu) return work.step(loaded.model);
        return await watched(loaded.bindings, (work as WasmGpuWork<W>).stepOnGpu(loaded.model));
      } catch (error) {
        // After a trap nothing of the instance may be touched, and nothing needs to be.
        if (!isReport(error)) throw error;
        const { position } = work;
        work.free();
        throw position === undefined ? error : new DocumentError(error.code, error.message, position);
      }
    };
    while (!work.done) {
      const results = await this.#guardAsync(loaded, step);
      if (results.length > 0) found(results);
      await breath.take();
      if (signal.aborted || this.#disposed) break;
    }
    if (!loaded.dropped) work.free();
    signal.throwIfAborted();
    if (this.#disposed) throw disposed();
  }

  async #call<T>(call: (model: WasmModel<W>) => T): Promise<T> {
    return this.#guard(await this.#loaded(), ({ model }) => call(model));
  }

  /** A call that concerns the cache, which nobody asks of a model that has none. */
  #cache<T>(call: (model: WasmCache<W>) => T): Promise<T> {
    return this.#call((model) => call(model as unknown as WasmCache<W>));
  }

  #loaded(): Promise<Loaded<W>> {
    if (this.#disposed) return Promise.reject(disposed());
    const loading = (this.#loading ??= instantiate(this.#source));
    return loading.then(
      (loaded) => {
        if (this.#disposed) throw disposed();
        return loaded;
      },
      (error) => {
        if (this.#loading === loading) this.#loading = undefined;
        throw error;
      },
    );
  }

  /** Drops the instance where it traps. */
  #guard<T>(loaded: Loaded<W>, call: (loaded: Loaded<W>) => T): T {
    try {
      if (loaded.dropped) throw new Error("in another call");
      return call(loaded);
    } catch (error) {
      throw this.#failed(loaded, error);
    }
  }

  async #guardAsync<T>(loaded: Loaded<W>, call: () => Promise<T>): Promise<T> {
    try {
      return await this.#guard(loaded, call);
    } catch (error) {
      throw this.#failed(loaded, error);
    }
  }

  #failed(loaded: Loaded<W>, error: unknown): CrossrankError {
    if (!(error instanceof CrossrankError || isReport(error))) {
      // Others may have begun to load a new one since.
      if (!loaded.dropped) this.#loading = undefined;
      loaded.dropped = true;
    }
    return errorOf(error, loaded.bindings);
  }
}

async function instantiate<W extends Work>(source: Source<W>): Promise<Loaded<W>> {
  const files = await source.files();
  return source.modules.load((module) => instantiateWith<W>(module, files, source.setup));
}

async function instantiateWith<W extends Work>(
  module: WebAssembly.Module,
  files: ModelFiles,
  setup: W["setup"],
): Promise<Loaded<W>> {
  const bindings = await bindingsFor(setup);
  try {
    await bindings({ module_or_path: module });
  } catch (cause) {
    const message = "the WebAssembly file does not fit this code; take both from one version";
    throw new CrossrankError("runtime-failed", message, { cause });
  }
  try {
    const model = (await made(bindings, files, setup)) as WasmModel<W>;
    return { bindings, model, dropped: false };
  } catch (error) {
    throw errorOf(error, bindings);
  }
}

function gpuOf(setup: Work["setup"]): GpuSetup | undefined {
  return setup.kind === "reranker" ? setup.gpu : undefined;
}

async function bindingsFor(setup: Work["setup"]): Promise<Bindings> {
  const gpu = gpuOf(setup);
  if (!gpu) return bind();
  try {
    const { bind } = await import(/* webpackIgnore: true */ /* @vite-ignore */ gpu.bindings);
    return (bind as () => GpuBindings)();
  } catch (cause) {
    const message = `${gpu.bindings} could not be loaded; serve that file beside crossrank-gpu.wasm`;
    throw new CrossrankError("gpu-failed", message, { cause });
  }
}

async function made(
  bindings: Bindings,
  files: ModelFiles,
  setup: Work["setup"],
): Promise<WasmModel<Reranking> | WasmModel<Embedding>> {
  const { Files, Model, Embedder } = bindings;
  const inside = new Files();
  for (const [key, content] of Object.entries(files)) {
    if (content) await put(inside, nameOf(key), piecesOf(content));
  }
  // Where there is a way to, `readModel` checks a prepared model.
  const checked = canHash();
  if (setup.kind === "embedder") return new Embedder(inside, setup.options, checked);
  if (!setup.gpu) return new Model(inside, setup.cache, checked);
  const onGpu = (Model as GpuBindings["Model"]).loadOnGpu(inside, setup.cache, checked);
  const model = watched(bindings, onGpu);
  // One that comes after all is in nobody's hands.
  model.catch(() => onGpu.then((late) => late.free()).catch(() => {}));
  return model;
}

/** How often what is promised is looked after, and how long it may take: milliseconds. */
const WATCH = { every: 500, most: 60_000 };

/**
 * What the core promises of a GPU. A panic, or an exception of the browser in the core's code, ends
 * its work unheard, and a driver may hang: the promise would never settle.
 */
async function watched<T>(bindings: Bindings, promised: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined;
  const failed = new Promise<never>((_, reject) => {
    let waited = 0;
    timer = setInterval(() => {
      waited += WATCH.every;
      const place = placeOfPanic(bindings);
      if (place !== undefined) reject(new Error(place));
      if (waited >= WATCH.most) reject(new Error("the GPU does not answer"));
    }, WATCH.every);
  });
  return Promise.race([promised, failed]).finally(() => clearInterval(timer));
}

function placeOfPanic(bindings: Bindings): string | undefined {
  try {
    return bindings.lastPanic();
  } catch {
    // The instance is beyond answering.
    return undefined;
  }
}

/** What src/wasm_api.rs throws; anything else is a trap or the engine's own error. */
function isReport(error: unknown): error is { code: ErrorCode; message: string } {
  return typeof error === "object" && error !== null && !(error instanceof Error) && "code" in error;
}

function errorOf(error: unknown, bindings: Bindings): CrossrankError {
  if (error instanceof CrossrankError) return error;
  if (isReport(error)) return new CrossrankError(error.code, error.message);
  const message = error instanceof Error ? error.message : String(error);
  const reason = placeOfPanic(bindings) ?? message;
  return new CrossrankError(
    "runtime-crashed",
    `the WebAssembly instance crashed (${reason}); the next call loads a new one`,
    { cause: error },
  );
}
