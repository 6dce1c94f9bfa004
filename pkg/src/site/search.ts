// The search of a site in stages: by terms, then also by vectors, then in the order of the reranker.

import type { Embedder, Progress, Reranker } from "../../types/index.js";
import type {
  SiteEmbedder,
  SiteFilter,
  SiteQueryOptions,
  SiteReranker,
  SiteResult,
  SiteResults,
  SiteSearch,
  SiteSearchOptions,
} from "../../types/site.js";
import { abortable, LinkedAbortController } from "../core/abort.js";
import { CrossrankError, toError } from "../core/errors.js";
import { isBytes, isCompiledModule, isLocation } from "../core/realm.js";
import {
  COUNT,
  checkOptions,
  checkText,
  FLAG,
  FUNCTION,
  invalidArgument,
  isObject,
  LOCATION,
  type OptionRules,
  SIGNAL,
} from "../core/validate.js";
import type { FindOptions } from "./bindings.js";
import { type Answer, Finder } from "./finder.js";
import { IndexLoader } from "./index-loader.js";
import { LazyModel } from "./lazy-model.js";
import type { SitePlatform } from "./platform.js";

/** How many of the best results are reranked. */
const CANDIDATES = 30;
const DEFAULT_LIMIT = 10;

const RULES: OptionRules<SiteSearchOptions> = {
  base: LOCATION,
  root: LOCATION,
  wasm: [
    "a URL, bytes or a WebAssembly.Module",
    (value) => isLocation(value) || isBytes(value) || isCompiledModule(value),
  ],
  reranker: [
    "a Reranker, a function that loads one, or false",
    (value) => value === false || typeof value === "function" || isReranker(value),
  ],
  embedder: [
    "an Embedder, a function that loads one, or false",
    (value) => value === false || typeof value === "function" || isEmbedder(value),
  ],
  onProgress: FUNCTION,
};

const QUERY_RULES: OptionRules<SiteQueryOptions> = {
  limit: COUNT,
  filters: ["an object that gives the values of each filter", isObject],
  language: ["a language, such as en", (value) => typeof value === "string"],
  signal: SIGNAL,
  rerank: FLAG,
};

type AnyReranker = Pick<Reranker, "rerank">;
type AnyEmbedder = Pick<Embedder, "embedQuery" | "info">;

function isReranker(value: unknown): value is AnyReranker {
  return typeof (value as AnyReranker | null)?.rerank === "function";
}

function isEmbedder(value: unknown): value is AnyEmbedder {
  const { embedQuery, info } = (value ?? {}) as AnyEmbedder;
  return typeof embedQuery === "function" && typeof info === "function";
}

/** Why a search ends after which another one has begun. */
const SUPERSEDED = new Error("another search has begun");

/** Makes the function `createSiteSearch` of a platform. */
export function createSiteSearchFactory(platform: SitePlatform) {
  return function createSiteSearch(given: SiteSearchOptions): SiteSearch {
    const options = checkOptions(given, RULES);
    if (options.base !== undefined) return new StaticSiteSearch(platform, options);
    throw invalidArgument("options.base is undefined; give the folder that `crossrank site` wrote");
  };
}

class StaticSiteSearch implements SiteSearch {
  readonly #platform: SitePlatform;
  readonly #options: SiteSearchOptions;
  readonly #base: URL;
  readonly #finder: Finder;
  readonly #reranker: LazyModel<AnyReranker>;
  readonly #embedder: LazyModel<AnyEmbedder>;
  #current: AbortController | undefined;

  constructor(platform: SitePlatform, options: SiteSearchOptions) {
    this.#platform = platform;
    this.#options = options;
    this.#base = this.#folder(options.base);
    this.#finder = new Finder(new IndexLoader(platform, this.#base, options.wasm));
    const onProgress = (progress: Progress) => options.onProgress?.(progress);
    this.#reranker = new LazyModel("options.reranker", "a Reranker", isReranker, onProgress);
    this.#embedder = new LazyModel("options.embedder", "an Embedder", isEmbedder, onProgress);
  }

  search(query: string, options: SiteQueryOptions = {}): AsyncIterable<SiteResults> {
    checkText(query, "query");
    checkOptions(options, QUERY_RULES);
    this.#current?.abort(SUPERSEDED);
    const controller = new LinkedAbortController(options.signal);
    this.#current = controller;
    return this.#search(query, options, controller);
  }

  async filters(): Promise<SiteFilter[]> {
    const { index, use } = await this.#finder.load();
    return use(() => index.filters());
  }

  async prepare(): Promise<void> {
    await this.#finder.load();
  }

  async reranking(): ReturnType<SiteSearch["reranking"]> {
    const { index } = await this.#finder.load();
    const embedder = index.embedder === undefined ? undefined : this.#embedderSource();
    if (!embedder && !(await this.#rerankerSource())) return "none";
    return this.#platform.savesData() ? "saves-data" : "possible";
  }

  async *#search(
    query: string,
    options: SiteQueryOptions,
    controller: LinkedAbortController,
  ): AsyncGenerator<SiteResults, void, void> {
    try {
      if (query.trim() !== "") yield* this.#stages(query, options, controller.signal);
    } catch (error) {
      if (error !== SUPERSEDED) throw error;
    } finally {
      controller.unlink();
    }
  }

  async *#stages(
    query: string,
    { limit = DEFAULT_LIMIT, filters = {}, language, rerank = true }: SiteQueryOptions,
    signal: AbortSignal,
  ): AsyncGenerator<SiteResults, void, void> {
    const options = { filters: asLists(filters), language, logits: [] };
    type Given = Pick<FindOptions, "vectors" | "limit"> & Partial<FindOptions>;
    const answers = (given: Given) => this.#finder.find(query, { ...options, ...given });
    const find = (given: Given) => abortable(signal, () => last(answers(given)));

    const first = answers({ vectors: false, limit });
    let answer = await abortable(signal, () => next(first));
    while (answer.isPartial) {
      yield this.#present(answer);
      answer = await abortable(signal, () => next(first));
    }
    const usesModels = rerank && !this.#platform.savesData();
    const { hasVectors, embedder: fingerprint } = answer.source.index;
    const embedder = fingerprint === undefined || !usesModels ? undefined : this.#embedderSource();
    let vectors = hasVectors && fingerprint === undefined;
    let vector: Float32Array | undefined;
    let error: Error | undefined;
    if (vectors || embedder) yield this.#present(answer);
    if (embedder) {
      try {
        vector = await abortable(signal, () => this.#embed(embedder, query, fingerprint!, signal));
        vectors = true;
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        error = toError(cause);
      }
    }
    if (vectors) answer = await find({ vectors, vector, limit });
    if (!this.#platform.savesData()) this.#finder.improve(language).catch(() => {});
    const reranks = usesModels && answer.results.length > 0;
    const source = reranks ? await this.#rerankerSource() : undefined;
    // It loads while results are looked at.
    const loading = source && this.#reranker.load(source);
    loading?.catch(() => {});
    yield { ...this.#present(answer), ...(error && { error }) };
    if (!loading) return;

    try {
      const { results } = await find({ vectors, vector, limit: CANDIDATES });
      const reranker = await abortable(signal, () => loading);
      const texts = results.map(({ passage }) => passage);
      const ranking = await reranker.rerank(query, texts, undefined, { signal });
      const logits = ranking.results.map(({ index, logit }): [number, number] => [results[index]!.id, logit]);
      yield this.#present(await find({ vectors, vector, limit, logits }));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      yield { ...this.#present(answer), error: toError(error) };
    }
  }

  #present({ source, stage, isPartial, results, total, missing }: Answer): SiteResults {
    const { root } = this.#options;
    const base = root === undefined ? new URL(source.index.root, this.#base) : this.#folder(root);
    const shown = results.map(
      ({ url, title, section, excerpt, score, meta }): SiteResult => ({
        url: new URL(url, base).href,
        title,
        section,
        excerpt,
        score,
        meta: Object.fromEntries(meta),
      }),
    );
    return { stage, partial: isPartial, results: shown, total, missing };
  }

  /** What reranks, if anything does. */
  async #rerankerSource(): Promise<SiteReranker | undefined> {
    const { reranker } = this.#options;
    if (reranker === false) return undefined;
    if (reranker) return reranker;
    const { index } = await this.#finder.load();
    return this.#platform.rerankerOf(index.hasReranker ? this.#models : undefined);
  }

  /** What embeds queries, if anything does. */
  #embedderSource(): SiteEmbedder | undefined {
    const { embedder } = this.#options;
    return embedder === false ? undefined : (embedder ?? this.#platform.embedderOf(this.#models));
  }

  /** The folder of models beside the index. */
  get #models(): URL {
    return new URL("models/", this.#base);
  }

  async #embed(
    source: SiteEmbedder,
    query: string,
    fingerprint: string,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const embedder = await this.#embedder.load(source);
    if ((await embedder.info()).fingerprint === fingerprint) return embedder.embedQuery(query, { signal });
    const advice = "run `crossrank site --embedder` with the model that the pages load";
    throw new CrossrankError("invalid-model", `another embedder made the site's vectors; ${advice}`);
  }

  #folder(location: SiteSearchOptions["base"]): URL {
    const url = this.#platform.resolveUrl(typeof location === "string" ? location : location.href);
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    return url;
  }
}

/** The next answer of those that end with a complete one. */
async function next(answers: AsyncGenerator<Answer, void, void>): Promise<Answer> {
  return (await answers.next()).value!;
}

async function last(answers: AsyncGenerator<Answer, void, void>): Promise<Answer> {
  for (;;) {
    const answer = await next(answers);
    if (!answer.isPartial) return answer;
  }
}

function asLists(filters: NonNullable<SiteQueryOptions["filters"]>): FindOptions["filters"] {
  return Object.fromEntries(Object.entries(filters).map(([name, values]) => [name, [values].flat()]));
}
