/**
 * Searches a static site by the files that `crossrank site` wrote, in browsers and in node.
 *
 * ```js
 * import { createSiteSearch } from "crossrank/site";
 * const site = createSiteSearch({ base: "/crossrank/" });
 * for await (const { stage, results } of site.search("undo the last commit")) show(stage, results);
 * ```
 */

import type { AbortSignalLike, Embedder, LoadOptions, Progress, Reranker, UrlLike } from "./index.js";

/** A `Reranker`, or another object with its method `rerank`; or a function that loads one. */
export type SiteReranker =
  | Pick<Reranker, "rerank">
  | ((
      onProgress: (progress: Progress) => void,
    ) => Pick<Reranker, "rerank"> | PromiseLike<Pick<Reranker, "rerank">>);

/** An `Embedder`, or another object with its methods `embedQuery` and `info`; or a function that loads one. */
export type SiteEmbedder =
  | Pick<Embedder, "embedQuery" | "info">
  | ((
      onProgress: (progress: Progress) => void,
    ) => Pick<Embedder, "embedQuery" | "info"> | PromiseLike<Pick<Embedder, "embedQuery" | "info">>);

/** Options of {@link createSiteSearch}. */
export interface SiteSearchOptions {
  /** The folder that `crossrank site` wrote. In browsers it is relative to the page; in node it may be a path. */
  base: UrlLike | string;
  /** What the addresses of pages are relative to. Default: the folder that was indexed. */
  root?: UrlLike | string | undefined;
  /** The WebAssembly file: its URL, its bytes or the compiled module. Default: the package's `crossrank-site.wasm`. */
  wasm?: LoadOptions["wasm"];
  /**
   * What reranks, or a function that loads it, which is called for the first results that can be reranked, and
   * never where the browser saves data. `false` for none. Default: `Reranker.load`.
   */
  reranker?: SiteReranker | false | undefined;
  /**
   * What embeds queries where `crossrank site --embedder` made the vectors, or a function that loads it, which is called
   * as that of the reranker is. It must be the same embedder. `false` for none: then sites with such vectors are searched
   * by words only. Default: `Embedder.load`.
   */
  embedder?: SiteEmbedder | false | undefined;
  /** Called as bytes of the models arrive. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of {@link SiteSearch.search}. */
export interface SiteQueryOptions {
  /** The maximum number of results. Default: 10. */
  limit?: number | undefined;
  /** The values that a page must have, one of them for each name: see {@link SiteSearch.filters}. */
  filters?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /**
   * The language to search in, such as that of the page. Where the site has no pages in it, and by default, it is
   * the one with the most sections.
   */
  language?: string | undefined;
  /** Stops the search, which then throws the signal's reason. */
  signal?: AbortSignalLike | undefined;
  /** Whether the best results are reranked, and queries embedded where that takes a model. Default: true. */
  rerank?: boolean | undefined;
}

/** A part of an excerpt. */
export interface ExcerptPart {
  text: string;
  /** Whether the query's words are the reason to show it. */
  match: boolean;
}

/** A section of a page. */
export interface SiteResult {
  /** The address of the page, with the section's anchor if it has one. */
  url: string;
  /** The page's title. */
  title: string;
  /** The section's heading. Empty for the beginning of a page. */
  section: string;
  excerpt: ExcerptPart[];
  /** Higher is better. Scores of different stages, and of different queries, cannot be compared. */
  score: number;
  /** What the page says of itself for results, such as an image: see `crossrank site`. */
  meta: Record<string, string>;
}

/** Results that are as good as a stage makes them. */
export interface SiteResults {
  /** `"terms"` found words, `"vectors"` also what means the same, and `"reranked"` puts the best answers first. */
  stage: "terms" | "vectors" | "reranked";
  /**
   * Whether the same results are yielded once more, with what is still on its way: until then, some have the address and
   * the title of their page, an empty section and an empty excerpt.
   */
  partial: boolean;
  /** The best sections first. */
  results: SiteResult[];
  /** The number of sections that were found. */
  total: number;
  /**
   * The files of the index that could not be had, because the host has no such file, or another content, or
   * there was no network. The search does without them. The next one asks again for those that the network kept back.
   */
  missing: string[];
  /** Why the results that were yielded before could not be reranked, or their query not embedded. */
  error?: Error;
}

/** A filter, and how many pages have each of its values. */
export interface SiteFilter {
  name: string;
  values: { value: string; count: number }[];
}

/** The search of a site. */
export interface SiteSearch {
  /**
   * Yields results as they get better. Each stage is computed when it is asked for. The first one may be yielded twice,
   * at first as `partial`. A later search ends this one,
   * which then yields nothing more. It throws if there is no index.
   */
  search(query: string, options?: SiteQueryOptions): AsyncIterable<SiteResults>;
  /** The filters of the site. */
  filters(): Promise<SiteFilter[]>;
  /** Loads what every search needs, such as when a reader comes near the search. The reranker is not loaded. */
  prepare(): Promise<void>;
  /** Whether models order the results, or why not: there is none, or the browser saves data. */
  reranking(): Promise<"possible" | "none" | "saves-data">;
}

/** Makes the search of a site. Nothing is loaded before it is used. */
export function createSiteSearch(options: SiteSearchOptions): SiteSearch;
