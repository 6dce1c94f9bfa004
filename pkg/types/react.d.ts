/**
 * A hook that reranks in React.
 *
 * ```jsx
 * import { useRerank } from "crossrank/react";
 * const loadReranker = () => Reranker.load();
 *
 * function Results({ query, articles }) {
 *   const { results, isPending } = useRerank(query, articles, { reranker: loadReranker, topK: 10 });
 *   return <ol>{results.map(({ document }) => <li key={document.id}>{document.title}</li>)}</ol>;
 * }
 * ```
 */

import type { CallOptions, Document, RankedDocument, Ranking, TextDocument, WithText } from "./index.js";
import type { RerankerSource } from "./source.js";

export type { RerankerSource };

/** Options of {@link useRerank}: those of `Reranker.rerank`. */
export interface UseRerankOptions<D> extends Omit<CallOptions<D>, "signal" | "latest"> {
  /**
   * The reranker, or a function that loads it when there is something to rank. The same function loads
   * only once, whatever the number of components, so define it outside of components.
   */
  reranker: RerankerSource;
  /** The maximum number of results. Default: all. */
  topK?: number | undefined;
}

/** The state of {@link useRerank}. */
export interface UseRerankState<D> {
  /** The best documents first. They are those of the previous ranking as long as the next is pending. */
  results: RankedDocument<D>[];
  /** The ranking that `results` belongs to. Undefined before the first one, and after an error. */
  ranking: Ranking<D> | undefined;
  /** Why there is no ranking. */
  error: Error | undefined;
  /** Whether a ranking is under way. */
  isPending: boolean;
  /**
   * For Suspense: a child component reads the ranking with `use(promise)`. Its Suspense boundary must be
   * inside the component that calls the hook. Ranking begins when the promise is first read.
   */
  promise: PromiseLike<Ranking<D>>;
}

/**
 * Ranks the documents for the query, and again when one of them or an option changes; a changed function
 * `text` alone does not count. The call before is aborted then, and when the component is removed.
 *
 * Nothing is ranked or loaded for a blank query or without documents: there are no results then. The
 * documents must be the same objects in each render, from `useMemo` or from outside, or strings.
 */
export function useRerank<D extends TextDocument>(
  query: string,
  documents: readonly D[],
  options: UseRerankOptions<D>,
): UseRerankState<D>;
/** The same for documents whose text only the option `text` can give. */
export function useRerank<D extends Document>(
  query: string,
  documents: readonly D[],
  options: WithText<D, UseRerankOptions<D>>,
): UseRerankState<D>;
