/**
 * Reranks the hybrid search of LanceDB. Needs the package `@lancedb/lancedb`.
 *
 * ```js
 * import { CrossrankReranker } from "crossrank/lancedb";
 * const reranker = new CrossrankReranker({ reranker: () => Reranker.load() });
 * const rows = await table
 *   .query().nearestTo(vector).fullTextSearch(query).rerank(reranker).limit(10).toArray();
 * ```
 */

import type { rerankers } from "@lancedb/lancedb";
import type { CallOptions } from "./index.js";
import type { RerankerSource } from "./source.js";

export type { RerankerSource };

/** Options of {@link CrossrankReranker}: those of `Reranker.rerank`, for every query. */
export interface CrossrankRerankerOptions
  extends Omit<CallOptions<never>, "text" | "signal" | "timeoutMs" | "latest" | "onError"> {
  reranker: RerankerSource;
  /** The column with the text, or a function that makes the text of a row. Default: `"text"`. */
  // biome-ignore lint/suspicious/noExplicitAny: rows have this type in LanceDB itself.
  text?: string | ((row: Record<string, any>) => string) | undefined;
}

type LanceReranker = rerankers.Reranker;
type RecordBatch = Parameters<LanceReranker["rerankHybrid"]>[1];

/** A reranker of LanceDB. */
export class CrossrankReranker implements LanceReranker {
  constructor(options: CrossrankRerankerOptions);

  /**
   * The rows that either search found, the best first. The column `_relevance_score` is the score from 0
   * to 1. `_distance` and `_score` are null in rows that the respective search did not find.
   */
  rerankHybrid(query: string, vecResults: RecordBatch, ftsResults: RecordBatch): Promise<RecordBatch>;
}
