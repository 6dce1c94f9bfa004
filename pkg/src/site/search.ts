// The search of a site in stages: by terms, then also by vectors, then in the order of the reranker.

import type { Progress, Reranker } from "../../types/index.js";
import type {
  SiteFilter,
  SiteQueryOptions,
  SiteResult,
  SiteResults,
  SiteSearch,
  SiteSearchOptions,
} from "../../types/site.js";
import { abortable, LinkedAbortController } from "../core/abort.js";
import { toError } from "../core/errors.js";
import { isBytes, isCompiledModule, isLocation } from "../core/realm.js";
import {
  COUNT,
  checkOptions,
  checkText,
  describeValue,
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
import type { RerankerLoader, SitePlatform } from "./platform.js";

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

function isReranker(value: unknown): value is AnyReranker {
  return typeof (value as AnyReranker | null)?.rerank === "function";
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
  #reranker: Promise<AnyReranker> | undefined;
  #current: AbortController | undefined;

  constructor(platform: SitePlatform, options: SiteSearchOptions) {
    this.#platform = platform;
    this.#options = options;
    this.#base = this.#folder(options.base);
    this.#finder = new Finder(new IndexLoader(platform, this.#base, options.wasm));
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
    if ((await this.#rerankerSource()) === undefined) return "none";
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
    const { hasVectors: vectors } = answer.source.index;
    if (vectors) {
      yield this.#present(answer);
      answer = await find({ vectors, limit });
    }
    if (!this.#platform.savesData()) this.#finder.improve(language).catch(() => {});
    const reranks = rerank && answer.results.length > 0 && !this.#platform.savesData();
    const source = reranks ? await this.#rerankerSource() : undefined;
    // It loads while results are looked at.
    const loading = source && this.#loadReranker(source);
    loading?.catch(() => {});
    yield this.#present(answer);
    if (!loading) return;

    try {
      const { results } = await find({ vectors, limit: CANDIDATES });
      const reranker = await abortable(signal, () => loading);
      const texts = results.map(({ passage }) => passage);
      const ranking = await reranker.rerank(query, texts, undefined, { signal });
      const logits = ranking.results.map(({ index, logit }): [number, number] => [results[index]!.id, logit]);
      yield this.#present(await find({ vectors, limit, logits }));
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
  async #rerankerSource(): Promise<AnyReranker | RerankerLoader | undefined> {
    const { reranker } = this.#options;
    if (reranker === false) return undefined;
    if (reranker) return reranker;
    const { index } = await this.#finder.load();
    return this.#platform.rerankerOf(index.hasReranker ? new URL("reranker/", this.#base) : undefined);
  }

  #loadReranker(source: AnyReranker | RerankerLoader): Promise<AnyReranker> {
    if (!this.#reranker) {
      const onProgress = (progress: Progress) => this.#options.onProgress?.(progress);
      const loading = (async () => {
        const reranker = typeof source === "function" ? await source(onProgress) : source;
        if (isReranker(reranker)) return reranker;
        throw invalidArgument(`options.reranker gave ${describeValue(reranker)}; give a Reranker`);
      })();
      this.#reranker = loading;
      loading.catch(() => {
        if (this.#reranker === loading) this.#reranker = undefined;
      });
    }
    return this.#reranker;
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
