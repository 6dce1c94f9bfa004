// The public interface, over a platform.

import type * as types from "../types/index.js";
import type { Document, LoadOptions, Ranking, TextOptions } from "../types/index.js";
import type { RawRanking } from "./bindings.js";
import { defaultModel } from "./default-model.js";
import { CrossrankError } from "./errors.js";
import { InThread, type Home } from "./home.js";
import { arrayOf, textOf, textsOf, topKOf } from "./input.js";
import { readModel } from "./model.js";
import type { Platform } from "./platform.js";

type Api = Pick<typeof types, "Reranker" | "rerank">;

export function define(platform: Platform): Api {
  /** This package's WebAssembly file, compiled once for all rerankers. */
  let compiled: Promise<WebAssembly.Module> | undefined;

  function compile(wasm: LoadOptions["wasm"]): Promise<WebAssembly.Module> {
    if (wasm !== undefined) return compileFrom(wasm, platform);
    return (compiled ??= compileFrom(platform.wasm(), platform).catch((error) => {
      compiled = undefined;
      throw error;
    }));
  }

  async function load({ model, wasm, onProgress, signal }: LoadOptions): Promise<Home> {
    signal?.throwIfAborted();
    const source = model ?? (await defaultModel());
    const module = () => compile(wasm);
    const loading = InThread.load(
      { module, files: () => readModel(source, platform, { onProgress, signal }) },
      { module, files: () => readModel(source, platform, {}) },
    );
    return unlessAborted(loading, signal);
  }

  class Reranker {
    readonly #home: Home;

    private constructor(home: Home) {
      this.#home = home;
    }

    static async load(options: LoadOptions = {}): Promise<Reranker> {
      return new Reranker(await load(options));
    }

    async rerank<D extends Document>(
      query: string,
      documents: readonly D[],
      topK?: number,
      options?: TextOptions<D>,
    ): Promise<Ranking<D>> {
      return rerankIn(() => this.#home, query, documents, topK, options);
    }

    async rerankBatch<D extends Document>(
      queries: readonly string[],
      candidates: readonly (readonly D[])[],
      topK?: number,
      options?: TextOptions<D>,
    ): Promise<Ranking<D>[]> {
      const k = topKOf(topK);
      const asked = arrayOf(queries, "queries").map((query, i) => textOf(query, `query ${i}`));
      const given = arrayOf(candidates, "candidates").map((list, i) =>
        arrayOf(list, `candidates ${i}`),
      );
      const texts = given.map((list, i) => textsOf(list, options, `candidates ${i}, `));
      const rankings = await this.#home.rerankBatch(asked, texts, k);
      return rankings.map((ranking, i) => withDocuments(ranking, given[i]!));
    }

    async score<D extends Document>(
      pairs: readonly (readonly [query: string, document: D])[],
      options?: TextOptions<D>,
    ): Promise<types.Score[]> {
      const given = arrayOf(pairs, "pairs").map((pair, i) => arrayOf(pair, `pair ${i}`));
      const queries = given.map((pair, i) => textOf(pair[0], `pair ${i}, query`));
      const texts = textsOf(given.map((pair) => pair[1] as D), options, "pairs, ");
      return this.#home.score(queries.map((query, i) => [query, texts[i]!]));
    }

    async encode(query: string, document: string): Promise<types.Encoding> {
      return this.#home.encode(textOf(query, "the query"), textOf(document, "the document"));
    }

    async dispose(): Promise<void> {
      this.#home.dispose();
    }

    async [Symbol.asyncDispose](): Promise<void> {
      this.#home.dispose();
    }
  }

  /** The home behind `rerank()`; a failed load is forgotten, so that the next call tries. */
  let shared: Promise<Home> | undefined;

  async function rerank<D extends Document>(
    query: string,
    documents: readonly D[],
    topK?: number,
    options?: TextOptions<D>,
  ): Promise<Ranking<D>> {
    const home = () =>
      (shared ??= load({}).catch((error) => {
        shared = undefined;
        throw error;
      }));
    return rerankIn(home, query, documents, topK, options);
  }

  // The public class has a private constructor, which no other class can be assigned to.
  return { Reranker: Reranker as unknown as typeof types.Reranker, rerank };
}

/** Looks at the input before the home, which may have to load a model first. */
async function rerankIn<D extends Document>(
  home: () => Home | Promise<Home>,
  query: string,
  documents: readonly D[],
  topK: number | undefined,
  options: TextOptions<D> | undefined,
): Promise<Ranking<D>> {
  const k = topKOf(topK);
  const asked = textOf(query, "the query");
  const given = arrayOf(documents, "documents");
  const texts = textsOf(given, options);
  return withDocuments(await (await home()).rerank(asked, texts, k), given);
}

function withDocuments<D>(ranking: RawRanking, documents: readonly D[]): Ranking<D> {
  return {
    ...ranking,
    results: ranking.results.map((place) => ({ ...place, document: documents[place.index]! })),
  };
}

async function compileFrom(
  wasm: Exclude<LoadOptions["wasm"], undefined>,
  platform: Platform,
): Promise<WebAssembly.Module> {
  try {
    if (wasm instanceof WebAssembly.Module) return wasm;
    if (wasm instanceof URL) return await platform.compile(wasm);
    if (typeof wasm === "string") return await platform.compile(platform.url(wasm));
    return await WebAssembly.compile(wasm as BufferSource);
  } catch (cause) {
    if (cause instanceof CrossrankError) throw cause;
    throw new CrossrankError(
      "runtime-failed",
      "the WebAssembly file could not be compiled; check that it is served whole, that the page " +
        "allows 'wasm-unsafe-eval' and that the runtime has WebAssembly SIMD",
      { cause },
    );
  }
}

/** The promise, or the signal's reason as soon as it aborts. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const done = () => signal.removeEventListener("abort", abort);
    promise.then(resolve, reject).finally(done);
  });
}
