/**
 * A document compressor and embeddings for LangChain.js. Needs the package `@langchain/core`.
 *
 * ```js
 * import { CrossrankRerank } from "crossrank/langchain";
 * const compressor = new CrossrankRerank({ reranker: () => Reranker.load(), topN: 3 });
 * const documents = await compressor.compressDocuments(candidates, query);
 * ```
 */

import { type DocumentInterface } from "@langchain/core/documents";
import { Embeddings, type EmbeddingsParams } from "@langchain/core/embeddings";
import { BaseDocumentCompressor } from "@langchain/core/retrievers/document_compressors";
import type { CallOptions } from "./index.js";
import type { EmbedderSource, RerankerSource } from "./source.js";

export type { EmbedderSource, RerankerSource };

/** Options of {@link CrossrankRerank}: those of `Reranker.rerank`, for every call. */
export interface CrossrankRerankFields extends Omit<CallOptions<never>, "text" | "signal"> {
  reranker: RerankerSource;
  /** The maximum number of documents. Default: 3, as in LangChain's CohereRerank. */
  topN?: number | undefined;
}

/** Keeps the documents that answer a query best. */
export class CrossrankRerank extends BaseDocumentCompressor {
  topN: number;
  constructor(fields: CrossrankRerankFields);

  /**
   * The best documents first, as copies whose `metadata.relevanceScore` is the score from 0 to 1. A
   * document that was not scored has none.
   */
  compressDocuments(documents: DocumentInterface[], query: string): Promise<DocumentInterface[]>;

  /** The places and scores of the best documents. A document that was not scored has the score NaN. */
  rerank(
    documents: (DocumentInterface | string | Record<string, string>)[],
    query: string,
    options?: { topN?: number; signal?: AbortSignal },
  ): Promise<{ index: number; relevanceScore: number }[]>;
}

/** Options of {@link CrossrankEmbeddings}. */
export interface CrossrankEmbeddingsFields extends EmbeddingsParams {
  embedder: EmbedderSource;
}

/** Turns texts into vectors. It does not repeat a call that failed, because that would fail again. */
export class CrossrankEmbeddings extends Embeddings {
  constructor(fields: CrossrankEmbeddingsFields);
  embedDocuments(documents: string[]): Promise<number[][]>;
  embedQuery(query: string): Promise<number[]>;
}
