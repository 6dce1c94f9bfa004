// A model in a WebAssembly instance on this thread.

import type { Encoding, Score } from "../types/index.js";
import { bind, type Bindings, type WasmModel } from "./bindings.js";
import { Breath } from "./breath.js";
import { CrossrankError, disposed, DocumentError, type ErrorCode } from "./errors.js";
import type { Lists, ScoreOptions } from "./home.js";
import type { Recalled, Scored, Seat, Source } from "./seat.js";

interface Loaded {
  bindings: Bindings;
  model: WasmModel;
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
export class Instance implements Seat {
  readonly #source: Source;
  #loading: Promise<Loaded> | undefined;
  /** The end of the jobs so far. They do not overlap: two at once would both be late. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(source: Source) {
    this.#source = source;
  }

  async ready(): Promise<void> {
    await this.#loaded();
  }

  score(
    lists: Lists,
    options: ScoreOptions,
    signal: AbortSignal,
    scored: (scored: Scored) => void,
  ): Promise<void> {
    const run = this.#last.then(() => this.#score(lists, options, signal, scored));
    this.#last = run.catch(() => {});
    return run;
  }

  encode(query: string, document: string): Promise<Encoding> {
    return this.#call((model) => model.encode(query, document));
  }

  recall({ queries, documents }: Lists, options: ScoreOptions): Promise<Recalled> {
    return this.#call((model) => {
      const lists = queries.map((query, i) => model.cacheKeys(query, documents[i]!, options));
      const keys = new Uint8Array(lists.reduce((length, list) => length + list.length, 0));
      let end = 0;
      for (const list of lists) {
        keys.set(list, end);
        end += list.length;
      }
      return { keys, scores: model.recall(keys) };
    });
  }

  remember(keys: Uint8Array, scores: Score[]): Promise<void> {
    return this.#call((model) => model.remember(keys, scores));
  }

  save(): Promise<Uint8Array> {
    return this.#call((model) => model.save());
  }

  restore(saved: Uint8Array): Promise<void> {
    return this.#call((model) => model.restore(saved));
  }

  info(): Promise<ReturnType<WasmModel["info"]>> {
    return this.#call((model) => model.info());
  }

  dispose(): void {
    this.#disposed = true;
    this.#loading = undefined;
  }

  async #score(
    { queries, documents }: Lists,
    options: ScoreOptions,
    signal: AbortSignal,
    scored: (scored: Scored) => void,
  ): Promise<void> {
    signal.throwIfAborted();
    const loaded = await this.#loaded();
    const scoring = this.#guard(loaded, ({ model }) => model.start(queries, documents, options));
    const breath = new Breath();
    const step = () => {
      try {
        return scoring.step(loaded.model);
      } catch (error) {
        // After a trap nothing of the instance may be touched, and nothing needs to be.
        if (!isReport(error)) throw error;
        const { position } = scoring;
        scoring.free();
        throw position === undefined ? error : new DocumentError(error.code, error.message, position);
      }
    };
    while (!scoring.done) {
      const known = this.#guard(loaded, step);
      if (known.length > 0) scored(known);
      await breath.take();
      if (signal.aborted || this.#disposed) break;
    }
    if (!loaded.dropped) scoring.free();
    signal.throwIfAborted();
    if (this.#disposed) throw disposed();
  }

  async #call<T>(call: (model: WasmModel) => T): Promise<T> {
    return this.#guard(await this.#loaded(), ({ model }) => call(model));
  }

  #loaded(): Promise<Loaded> {
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
  #guard<T>(loaded: Loaded, call: (loaded: Loaded) => T): T {
    try {
      if (loaded.dropped) throw new Error("in another call");
      return call(loaded);
    } catch (error) {
      if (error instanceof DocumentError || isReport(error)) throw errorOf(error, loaded.bindings);
      // Others may have begun to load a new one since.
      if (!loaded.dropped) this.#loading = undefined;
      loaded.dropped = true;
      throw errorOf(error, loaded.bindings);
    }
  }
}

async function instantiate(source: Source): Promise<Loaded> {
  const [module, files] = await Promise.all([source.module(), source.files()]);
  const bindings = bind();
  try {
    await bindings({ module_or_path: module });
  } catch (cause) {
    const message = "the WebAssembly file does not fit this code; take both from one version";
    throw new CrossrankError("runtime-failed", message, { cause });
  }
  try {
    const { onnx, tokenizer, config, tokenizerConfig } = files;
    const model = new bindings.Model(onnx, tokenizer, config, tokenizerConfig, source.cache);
    return { bindings, model, dropped: false };
  } catch (error) {
    throw errorOf(error, bindings);
  }
}

/** What src/wasm_api.rs throws; anything else is a trap or the engine's own error. */
function isReport(error: unknown): error is { code: ErrorCode; message: string } {
  return typeof error === "object" && error !== null && !(error instanceof Error) && "code" in error;
}

function errorOf(error: unknown, bindings: Bindings): CrossrankError {
  if (error instanceof CrossrankError) return error;
  if (isReport(error)) return new CrossrankError(error.code, error.message);
  let reason = error instanceof Error ? error.message : String(error);
  try {
    reason = bindings.lastPanic() ?? reason;
  } catch {
    // The instance is beyond answering.
  }
  return new CrossrankError(
    "runtime-crashed",
    `the WebAssembly instance crashed (${reason}); the next call loads a new one`,
    { cause: error },
  );
}
