// The public interface, over a platform.

import type * as types from "../types/index.js";
import type { CallOptions, Document, LoadOptions, Ranking, ScoreCallOptions } from "../types/index.js";
import { Stop } from "./abort.js";
import { Call } from "./call.js";
import { CrossrankError } from "./errors.js";
import { Fallback, Lazy } from "./fallback.js";
import type { Home } from "./home.js";
import { withName } from "./hub.js";
import { defineEmbedder } from "./embedder.js";
import { arrayOf, scoreControlOf, show, sizedTextOf, textOf, textsOf } from "./input.js";
import { reranking } from "./kinds.js";
import { checked, loader } from "./load.js";
import type { Platform } from "./platform.js";
import { RankedCall, type List } from "./ranked-call.js";
import { Remote } from "./remote.js";

type Api = Pick<typeof types, "Embedder" | "Reranker" | "rerank">;

export function define(platform: Platform): Api {
  const loadAny = loader(platform);
  const load = async (options: LoadOptions) => loadAny(checked(options), reranking(options));

  /** A reranker, or what loads it when it is first needed. */
  type Choice = Reranker | (() => Reranker | Promise<Reranker>);

  class Reranker {
    readonly #calls: Calls;

    private constructor(home: Home) {
      this.#calls = new Calls(home);
    }

    static async load(
      given: string | LoadOptions = {},
      named?: types.NamedLoadOptions,
    ): Promise<Reranker> {
      return new Reranker(await load(withName("rerank", given, named)));
    }

    static remote(options: types.RemoteOptions): Reranker {
      return new Reranker(new Remote(options, platform));
    }

    static withFallback(primary: Choice, secondary: Choice): Reranker {
      return new Reranker(new Fallback(Reranker.#homeOf(primary), Reranker.#homeOf(secondary)));
    }

    static #homeOf(this: void, choice: Choice): Home {
      if (choice instanceof Reranker) return choice.#calls.home;
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
      return this.#calls.rerank(query, documents, topK, options);
    }

    rerankStream<D extends Document>(
      query: string,
      documents: readonly D[],
      topK?: number,
      options?: CallOptions<D>,
    ): AsyncGenerator<Ranking<D>, void, undefined> {
      return this.#calls.stream(query, documents, topK, options);
    }

    async rerankBatch<D extends Document>(
      queries: readonly string[],
      candidates: readonly (readonly D[])[],
      topK?: number,
      options?: CallOptions<D>,
    ): Promise<Ranking<D>[]> {
      const asked = arrayOf(queries, "queries");
      const given = arrayOf(candidates, "candidates");
      if (asked.length !== given.length) {
        const message = `${asked.length} queries came with ${given.length} lists of candidates`;
        throw new CrossrankError("invalid-argument", `${message}; give one list a query`);
      }
      const lists = asked.map((query, i) => ({ query, documents: given[i]! }));
      return this.#calls.rankings(lists, topK, options);
    }

    async score<D extends Document>(
      pairs: readonly (readonly [query: string, document: D])[],
      options?: ScoreCallOptions<D>,
    ): Promise<types.Score[]> {
      return this.#calls.score(pairs, options);
    }

    async encode(query: string, document: string): Promise<types.Encoding> {
      const { home } = this.#calls;
      return home.encode(textOf(query, "the query"), textOf(document, "the document"));
    }

    async info(): Promise<types.Info> {
      return this.#calls.home.info();
    }

    async dispose(): Promise<void> {
      await this.#calls.home.dispose();
    }

    async [Symbol.asyncDispose](): Promise<void> {
      await this.dispose();
    }
  }

  /** What is behind `rerank()`. */
  const shared = new Calls(new Lazy(() => load({})));

  async function rerank<D extends Document>(
    query: string,
    documents: readonly D[],
    topK?: number,
    options?: CallOptions<D>,
  ): Promise<Ranking<D>> {
    return shared.rerank(query, documents, topK, options);
  }

  // The public class has a private constructor, which no other class can be assigned to.
  return {
    Embedder: defineEmbedder(loadAny),
    Reranker: Reranker as unknown as typeof types.Reranker,
    rerank,
  };
}

/** The calls of one reranker. They look at their input before they ask the home. */
class Calls {
  readonly home: Home;
  /** The last call of each name that `latest` gave. */
  readonly #latest = new Map<string | symbol, AbortController>();

  constructor(home: Home) {
    this.home = home;
  }

  async rerank<D extends Document>(
    query: string,
    documents: readonly D[],
    topK: number | undefined,
    options: CallOptions<D> | undefined,
  ): Promise<Ranking<D>> {
    const ranked = new RankedCall([{ query, documents }], topK, options);
    await this.#run(ranked);
    return ranked.rankings()[0]!;
  }

  async rankings<D extends Document>(
    lists: List<D>[],
    topK: number | undefined,
    options: CallOptions<D> | undefined,
  ): Promise<Ranking<D>[]> {
    const ranked = new RankedCall(lists, topK, options, (list) => `candidates ${list}, `);
    await this.#run(ranked);
    return ranked.rankings();
  }

  async *stream<D extends Document>(
    query: string,
    documents: readonly D[],
    topK: number | undefined,
    options: CallOptions<D> | undefined,
  ): AsyncGenerator<Ranking<D>, void, undefined> {
    const ranked = new RankedCall([{ query, documents }], topK, options);
    const stop = new AbortController();
    let news!: () => void;
    let waiting = new Promise<void>((resolve) => (news = resolve));
    let ended = false;
    ranked.changed = () => news();
    const run = this.#run(ranked, stop.signal).finally(() => {
      ended = true;
      news();
    });
    run.catch(() => {});
    try {
      for (;;) {
        await waiting;
        if (ended) break;
        waiting = new Promise((resolve) => (news = resolve));
        yield ranked.rankings()[0]!;
      }
      await run;
      yield ranked.rankings()[0]!;
    } finally {
      // The caller may have left the loop.
      stop.abort();
    }
  }

  async score<D extends Document>(
    pairs: readonly (readonly [query: string, document: D])[],
    options: ScoreCallOptions<D> | undefined,
  ): Promise<types.Score[]> {
    const control = scoreControlOf(options);
    const given = arrayOf(pairs, "pairs").map((pair, i) => arrayOf(pair, `pair ${i}`));
    const queries = given.map((pair, i) => sizedTextOf(pair[0], `pair ${i}, query`));
    const texts = textsOf(given.map((pair) => pair[1] as D), options, (i) => `pair ${i}, document`);
    // Pairs of one query usually lie together, and make a list.
    const starts = [...queries.keys()].filter((i) => queries[i] !== queries[i - 1]);
    const call = new Call({
      queries: starts.map((start) => queries[start]!),
      documents: starts.map((start, list) => texts.slice(start, starts[list + 1])),
      place: (list, index) => `pair ${starts[list]! + index}, document`,
    });
    const stop = new Stop(control.signal);
    await call.run(this.home, control, stop).finally(() => stop.unfollow());
    return call.results.flat().map((score) => score!);
  }

  async #run<D extends Document>(ranked: RankedCall<D>, signal?: AbortSignal): Promise<void> {
    const { latest } = ranked.control;
    const stop = new Stop(ranked.control.signal, signal);
    if (latest !== undefined) {
      const reason = new DOMException("a later call took the place of this one", "AbortError");
      this.#latest.get(latest)?.abort(reason);
      this.#latest.set(latest, stop);
    }
    try {
      await ranked.run(this.home, stop);
    } finally {
      stop.unfollow();
      if (latest !== undefined && this.#latest.get(latest) === stop) this.#latest.delete(latest);
    }
  }
}
