// Where pairs are scored. Texts are checked before they come here, and documents are plain
// strings. Whoever calls a home sees to it that an aborted call settles; the signal is there for
// homes that have something to stop.

import type { Encoding, Score } from "../types/index.js";
import { bind, type Bindings, type RawRanking, type WasmModel } from "./bindings.js";
import { CrossrankError, disposed, type ErrorCode } from "./errors.js";

import type { ModelFiles } from "./model.js";

/** A ranking without its documents. */
export interface Places extends RawRanking {
  fallback?: Error;
}

export interface Home {
  rerank(
    query: string,
    documents: string[],
    topK: number,
    signal?: AbortSignal,
  ): Promise<Places>;
  rerankBatch(
    queries: string[],
    candidates: string[][],
    topK: number,
    signal?: AbortSignal,
  ): Promise<Places[]>;
  score(pairs: [string, string][], signal?: AbortSignal): Promise<Score[]>;
  encode(query: string, document: string): Promise<Encoding>;
  dispose(): void;
}

export interface Source {
  module(): Promise<WebAssembly.Module>;
  files(): Promise<ModelFiles>;
}

/**
 * A model in an instance of its own, on the thread that calls it. An instance's memory never
 * shrinks, so that leaving the whole instance to the garbage collector is what gives it back.
 *
 * A trap leaves an instance in an unknown state: it is dropped, and the next call makes a new one
 * from the source. The model's bytes are read again for that, instead of being kept: 24 MB held
 * for as long as the reranker lives is a high price for what should never happen, and files on
 * the disk or in the browser's HTTP cache come back quickly. A model that was given as bytes is
 * the caller's own memory and costs nothing to refer to.
 */
export class InThread implements Home {
  readonly #source: Source;
  #model: Promise<{ bindings: Bindings; model: WasmModel }> | undefined;
  #disposed = false;

  private constructor(source: Source) {
    this.#source = source;
  }

  static async load(first: Source, again: Source): Promise<InThread> {
    const home = new InThread(again);
    home.#model = instantiate(first);
    await home.#model;
    return home;
  }

  rerank(query: string, documents: string[], topK: number): Promise<RawRanking> {
    return this.#call((model) => model.rerank(query, documents, topK));
  }

  rerankBatch(queries: string[], candidates: string[][], topK: number): Promise<RawRanking[]> {
    return this.#call((model) => model.rerankBatch(queries, candidates, topK));
  }

  score(pairs: [string, string][]): Promise<Score[]> {
    return this.#call((model) => model.score(pairs));
  }

  encode(query: string, document: string): Promise<Encoding> {
    return this.#call((model) => model.encode(query, document));
  }

  dispose(): void {
    this.#disposed = true;
    this.#model = undefined;
  }

  async #call<T>(call: (model: WasmModel) => T): Promise<T> {
    this.#checkNotDisposed();
    const loading = (this.#model ??= instantiate(this.#source));
    const forget = () => {
      if (this.#model === loading) this.#model = undefined;
    };
    const { bindings, model } = await loading.catch((error) => {
      forget();
      throw error;
    });
    this.#checkNotDisposed();
    try {
      return call(model);
    } catch (error) {
      if (!isReport(error)) forget();
      throw errorOf(error, bindings);
    }
  }

  #checkNotDisposed(): void {
    if (this.#disposed) throw disposed();
  }
}

async function instantiate(source: Source) {
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
    return { bindings, model: new bindings.Model(onnx, tokenizer, config, tokenizerConfig) };
  } catch (error) {
    throw errorOf(error, bindings);
  }
}

/** What src/wasm_api.rs throws; anything else is a trap or the engine's own error. */
function isReport(error: unknown): error is { code: ErrorCode; message: string } {
  return typeof error === "object" && error !== null && !(error instanceof Error) && "code" in error;
}

function errorOf(error: unknown, bindings: Bindings): CrossrankError {
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
