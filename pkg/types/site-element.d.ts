/**
 * Defines `<crossrank-search>`, a button that opens the search of a site.
 *
 * ```html
 * <script type="module">import "crossrank/site-element";</script>
 * <crossrank-search base="/crossrank/"></crossrank-search>
 * ```
 */

import type { SiteEmbedder, SiteReranker, SiteResult, SiteSearch } from "./site.js";

/** The texts of the element. `{n}`, `{query}` and `{title}` stand for values. */
export interface SearchMessages {
  /** The button, and the name of the dialog. */
  search: string;
  placeholder: string;
  close: string;
  results: string;
  /** How many results there are. */
  count: string;
  nothing: string;
  /** Before the reason why there is no search. */
  failed: string;
  /** A part of the index could not be loaded. */
  missing: string;
  /** The switch of the reranker. */
  rerank: string;
  /** The reranker is off, because the browser saves data. */
  savesData: string;
  loading: string;
  reranked: string;
  /** Shows the reranked order, which was held back because the reader was choosing. */
  showReranked: string;
  /** Before the reason why the results are not reranked. */
  notReranked: string;
  /** The first of the reranked results, for screen readers. */
  first: string;
  /** The choice of a filter that allows every value. */
  all: string;
}

/** The detail of the event `crossrank-select`. */
export interface SearchSelection {
  /** The address of the result. */
  url: string;
  result: SiteResult;
}

/**
 * The element. Its attributes:
 *
 * - `base`: the folder that `crossrank site` wrote. Default: that of the module's file, where that is
 *   one that `crossrank site` wrote;
 * - `limit`: the maximum number of results. Default: 10;
 * - `rerank="off"`: never load a model;
 * - `language`: the language to search in. Default: that of the page;
 * - `shortcut`: the key that opens the search together with Ctrl or ⌘. Default: `k`; empty for none;
 * - `lang`: the language of the texts. Default: that of the page.
 *
 * When a reader follows a result, the event `crossrank-select` is dispatched. An app that has a router
 * prevents its default and goes there by itself.
 *
 * Elements in the slot `button` replace the button.
 */
export class CrossrankSearch extends HTMLElement {
  /** What reranks, or a function that loads it. Set it before the search is first opened. */
  reranker: SiteReranker | undefined;

  /** What embeds queries where an embedder made the vectors, or a function that loads it. */
  embedder: SiteEmbedder | undefined;
  /** Texts in place of the element's own. */
  messages: Partial<SearchMessages>;
  /** The search that the element uses. */
  readonly siteSearch: SiteSearch;
  readonly isOpen: boolean;
  /** Opens the dialog, with a query if one is given. */
  open(query?: string): void;
  close(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "crossrank-search": CrossrankSearch;
  }
  interface HTMLElementEventMap {
    "crossrank-select": CustomEvent<SearchSelection>;
  }
}
