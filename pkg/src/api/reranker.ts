// The public class for scores.

import type * as declared from "../../types/index.js";
import type { CallOptions, Document, LoadOptions, Ranking } from "../../types/index.js";
import { Fallback } from "../backends/fallback.js";
import { Lazy } from "../backends/lazy.js";
import { Remote } from "../backends/remote.js";
import type { Backend } from "../core/backend.js";
import type { Platform } from "../core/platform.js";
import { checkText, copyArray, describeValue, invalidArgument, isObject } from "../core/validate.js";
import { parseLoadArguments } from "../load/load-options.js";
import type { LoadModel } from "../load/loader.js";
import { rerankerKind } from "../load/model-kind.js";
import { Calls } from "./calls.js";

/**
 * Where a reranker holds its backend. Another copy of this package, as two versions in one program
 * are, finds it there too. The number belongs to the interface `Backend`.
 */
const BACKEND = Symbol.for("crossrank.backend.1");

/** A reranker, or a function that loads one when it is first needed. */
type RerankerOrLoader = declared.Reranker | (() => declared.Reranker | Promise<declared.Reranker>);

export function createReranker(platform: Platform, load: LoadModel) {
  async function loadBackend(
    nameOrOptions: string | LoadOptions,
    namedOptions?: declared.NamedLoadOptions,
  ): Promise<Backend> {
    const given = parseLoadArguments<LoadOptions>("rerank", nameOrOptions, namedOptions);
    return load(given, rerankerKind(given.options));
  }

  class Reranker implements declared.Reranker {
    readonly #calls: Calls;

    private constructor(backend: Backend) {
      this.#calls = new Calls(backend);
    }

    get [BACKEND](): Backend {
      return this.#calls.backend;
    }

    static async load(
      nameOrOptions: string | LoadOptions = {},
      namedOptions?: declared.NamedLoadOptions,
    ): Promise<Reranker> {
      return new Reranker(await loadBackend(nameOrOptions, namedOptions));
    }

    static remote(options: declared.RemoteOptions): Reranker {
      return new Reranker(new Remote(options, platform));
    }

    static withFallback(primary: RerankerOrLoader, secondary: RerankerOrLoader): Reranker {
      return new Reranker(new Fallback(Reranker.#backendOf(primary), Reranker.#backendOf(secondary)));
    }

    static #backendOf(this: void, given: RerankerOrLoader): Backend {
      if (isObject(given) && BACKEND in given) return given[BACKEND] as Backend;
      if (typeof given === "function") {
        return new Lazy(async () => Reranker.#backendOf(await given()));
      }
      const expected = "give a Reranker, or a function that loads one";
      throw invalidArgument(`withFallback() was given ${describeValue(given)}; ${expected}`);
    }

    async rerank<D extends Document>(
      query: string,
      documents: readonly D[],
      topK?: number,
      options?: CallOptions<D>,
    ): Promise<Ranking<D>> {
      return this.#calls.rerank(query, documents, topK, options);
    }

    rerankStream<D extends Document>(
      query: string,
      documents: readonly D[],
      topK?: number,
      options?: CallOptions<D>,
    ): AsyncGenerator<Ranking<D>, void, undefined> {
      return this.#calls.rerankStream(query, documents, topK, options);
    }

    async rerankBatch<D extends Document>(
      queries: readonly string[],
      candidates: readonly (readonly D[])[],
      topK?: number,
      options?: CallOptions<D>,
    ): Promise<Ranking<D>[]> {
      const givenQueries = copyArray(queries, "queries");
      const givenCandidates = copyArray(candidates, "candidates");
      if (givenQueries.length !== givenCandidates.length) {
        const counts = `there are ${givenQueries.length} queries and ${givenCandidates.length} lists`;
        throw invalidArgument(`${counts} of candidates; give one list for each query`);
      }
      const lists = givenQueries.map((query, i) => ({ query, documents: givenCandidates[i]! }));
      return this.#calls.rerankBatch(lists, topK, options);
    }

    async score<D extends Document>(
      pairs: readonly (readonly [query: string, document: D])[],
      options?: declared.ScoreCallOptions<D>,
    ): Promise<declared.Score[]> {
      return this.#calls.score(pairs, options);
    }

    async encode(query: string, document: string): Promise<declared.Encoding> {
      const { backend } = this.#calls;
      return backend.encode(checkText(query, "the query"), checkText(document, "the document"));
    }

    async info(): Promise<declared.Info> {
      return this.#calls.backend.info();
    }

    async dispose(): Promise<void> {
      await this.#calls.backend.dispose();
    }

    async [Symbol.asyncDispose](): Promise<void> {
      await this.dispose();
    }
  }

  /** The calls of `rerank()`. */
  const sharedCalls = new Calls(new Lazy(() => loadBackend({})));

  async function rerank<D extends Document>(
    query: string,
    documents: readonly D[],
    topK?: number,
    options?: CallOptions<D>,
  ): Promise<Ranking<D>> {
    return sharedCalls.rerank(query, documents, topK, options);
  }

  return { Reranker, rerank };
}
