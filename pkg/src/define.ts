// The public interface, over a platform.

import type * as types from "../types/index.js";
import type { CallOptions, Document, LoadOptions, Ranking } from "../types/index.js";
import { unlessAborted } from "./abort.js";
import { defaultModel } from "./default-model.js";
import { CrossrankError } from "./errors.js";
import { Fallback, Lazy } from "./fallback.js";
import { InThread, type Home, type Places } from "./home.js";
import { arrayOf, show, signalOf, textOf, textsOf, topKOf } from "./input.js";
import { readModel } from "./model.js";
import type { Platform } from "./platform.js";
import { Remote } from "./remote.js";
import { Storage } from "./storage.js";

type Api = Pick<typeof types, "Reranker" | "rerank">;

export function define(platform: Platform): Api {
  /** This package's WebAssembly file, compiled once for all rerankers. */
  let compiled: Promise<WebAssembly.Module> | undefined;

  function compile(wasm: LoadOptions["wasm"], storage: Storage): Promise<WebAssembly.Module> {
    if (wasm !== undefined) return compileFrom(wasm, platform, storage);
    return (compiled ??= compileFrom(platform.wasm(), platform, storage).catch((error) => {
      compiled = undefined;
      throw error;
    }));
  }

  async function load(options: LoadOptions): Promise<Home> {
    const { model, wasm, onProgress, signal } = options;
    signal?.throwIfAborted();
    const storage = new Storage(options.storage);
    const source = model ?? (await defaultModel());
    const module = () => compile(wasm, storage);
    return unlessAborted(signal, () =>
      InThread.load(
        { module, files: () => readModel(source, platform, storage, { onProgress, signal }) },
        { module, files: () => readModel(source, platform, storage, {}) },
      ),
    );
  }

  /** A reranker, or what loads it when it is first needed. */
  type Choice = Reranker | (() => Reranker | Promise<Reranker>);

  class Reranker {
    readonly #home: Home;

    private constructor(home: Home) {
      this.#home = home;
    }

    static async load(options: LoadOptions = {}): Promise<Reranker> {
      return new Reranker(await load(options));
    }

    static remote(options: types.RemoteOptions): Reranker {
      return new Reranker(new Remote(options, platform));
    }

    static withFallback(primary: Choice, secondary: Choice): Reranker {
      return new Reranker(new Fallback(Reranker.#homeOf(primary), Reranker.#homeOf(secondary)));
    }

    static #homeOf(this: void, choice: Choice): Home {
      if (choice instanceof Reranker) return choice.#home;
      if (typeof choice === "function") {
        return new Lazy(async () => Reranker.#homeOf(await choice()));
      }
      const wanted = "give a Reranker, or a function that loads one";
      throw new CrossrankError("invalid-argument", `a choice is ${show(choice)}; ${wanted}`);
    }

    async rerank<D extends Document>(
      query: string,
      documents: readonly D[],
      topK?: number,
      options?: CallOptions<D>,
    ): Promise<Ranking<D>> {
      return rerankIn(this.#home, query, documents, topK, options);
    }

    async rerankBatch<D extends Document>(
      queries: readonly string[],
      candidates: readonly (readonly D[])[],
      topK?: number,
      options?: CallOptions<D>,
    ): Promise<Ranking<D>[]> {
      const k = topKOf(topK);
      const asked = arrayOf(queries, "queries").map((query, i) => textOf(query, `query ${i}`));
      const given = arrayOf(candidates, "candidates").map((list, i) =>
        arrayOf(list, `candidates ${i}`),
      );
      const texts = given.map((list, i) => textsOf(list, options, `candidates ${i}, `));
      const signal = signalOf(options);
      const rankings = await unlessAborted(signal, () =>
        this.#home.rerankBatch(asked, texts, k, signal),
      );
      return rankings.map((ranking, i) => withDocuments(ranking, given[i]!));
    }

    async score<D extends Document>(
      pairs: readonly (readonly [query: string, document: D])[],
      options?: CallOptions<D>,
    ): Promise<types.Score[]> {
      const given = arrayOf(pairs, "pairs").map((pair, i) => arrayOf(pair, `pair ${i}`));
      const queries = given.map((pair, i) => textOf(pair[0], `pair ${i}, query`));
      const texts = textsOf(given.map((pair) => pair[1] as D), options, "pairs, ");
      const signal = signalOf(options);
      const asked = queries.map((query, i): [string, string] => [query, texts[i]!]);
      return unlessAborted(signal, () => this.#home.score(asked, signal));
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

  /** The home behind `rerank()`. */
  const shared = new Lazy(() => load({}));

  async function rerank<D extends Document>(
    query: string,
    documents: readonly D[],
    topK?: number,
    options?: CallOptions<D>,
  ): Promise<Ranking<D>> {
    return rerankIn(shared, query, documents, topK, options);
  }

  // The public class has a private constructor, which no other class can be assigned to.
  return { Reranker: Reranker as unknown as typeof types.Reranker, rerank };
}

/** Looks at the input before it asks the home, which may have to load a model first. */
async function rerankIn<D extends Document>(
  home: Home,
  query: string,
  documents: readonly D[],
  topK: number | undefined,
  options: CallOptions<D> | undefined,
): Promise<Ranking<D>> {
  const k = topKOf(topK);
  const asked = textOf(query, "the query");
  const given = arrayOf(documents, "documents");
  const texts = textsOf(given, options);
  const signal = signalOf(options);
  const ranking = await unlessAborted(signal, () => home.rerank(asked, texts, k, signal));
  return withDocuments(ranking, given);
}

function withDocuments<D>(ranking: Places, documents: readonly D[]): Ranking<D> {
  return {
    ...ranking,
    results: ranking.results.map((place) => ({ ...place, document: documents[place.index]! })),
  };
}

async function compileFrom(
  wasm: Exclude<LoadOptions["wasm"], undefined>,
  platform: Platform,
  storage: Storage,
): Promise<WebAssembly.Module> {
  try {
    if (wasm instanceof WebAssembly.Module) return wasm;
    if (wasm instanceof URL) return await platform.compile(wasm, storage);
    if (typeof wasm === "string") return await platform.compile(platform.url(wasm), storage);
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
