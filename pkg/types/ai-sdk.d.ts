/**
 * Models for the `rerank`, `embed` and `embedMany` of the AI SDK (the package `ai`).
 *
 * ```js
 * import { rerank } from "ai";
 * import { rerankingModel } from "crossrank/ai-sdk";
 * const model = rerankingModel(() => Reranker.load());
 * const { ranking } = await rerank({ model, query, documents, topN: 3 });
 * ```
 */

import type { CallOptions } from "./index.js";
import type { EmbedderSource, RerankerSource } from "./source.js";

export type { EmbedderSource, RerankerSource };

/** The version of the AI SDK's model specification: `"v4"` for AI SDK 7, `"v3"` for AI SDK 6. */
export type SpecificationVersion = "v3" | "v4";

/** Options of both kinds of model. */
export interface ModelOptions<V extends SpecificationVersion> {
  /** The model's name in the AI SDK's telemetry. Default: `"default"`. */
  modelId?: string | undefined;
  /** Default: `"v4"`. AI SDK 6 needs `"v3"`. */
  specificationVersion?: V | undefined;
}

/** Options of {@link rerankingModel}: those of `Reranker.rerank` that the AI SDK has no options for. */
export interface RerankingModelOptions<V extends SpecificationVersion>
  extends ModelOptions<V>,
    Omit<CallOptions<never>, "text" | "signal" | "timeoutMs" | "onError"> {
  /**
   * Gives the text of a document that is an object. Default: its JSON, as the AI SDK's model for Cohere
   * has it, with a warning.
   */
  text?: ((document: Record<string, unknown>) => string) | undefined;
}

/** A reranking model of the AI SDK. */
export interface RerankingModel<V extends SpecificationVersion> {
  readonly specificationVersion: V;
  readonly provider: string;
  readonly modelId: string;
  doRerank(options: {
    documents: { type: "text"; values: string[] } | { type: "object"; values: Record<string, unknown>[] };
    query: string;
    topN?: number;
    abortSignal?: AbortSignal;
  }): Promise<{ ranking: { index: number; relevanceScore: number }[]; warnings: ModelWarning[] }>;
}

/** An embedding model of the AI SDK. */
export interface EmbeddingModel<V extends SpecificationVersion> {
  readonly specificationVersion: V;
  readonly provider: string;
  readonly modelId: string;
  readonly maxEmbeddingsPerCall: undefined;
  readonly supportsParallelCalls: boolean;
  doEmbed(options: {
    values: string[];
    dimensions?: number;
    abortSignal?: AbortSignal;
    /** `{ crossrank: { inputType: "query" } }` for queries. Default: `"document"`. */
    providerOptions?: Record<string, Record<string, unknown>>;
  }): Promise<{ embeddings: number[][]; warnings: ModelWarning[] }>;
}

/** What the AI SDK prints on the console. */
export type ModelWarning =
  | { type: "unsupported"; feature: string; details?: string }
  | { type: "compatibility"; feature: string; details?: string };

/** A model for the AI SDK's `rerank`. Errors are those of `Reranker.rerank`; none of them is retried. */
export function rerankingModel<V extends SpecificationVersion = "v4">(
  reranker: RerankerSource,
  options?: RerankingModelOptions<V>,
): RerankingModel<V>;

/** A model for the AI SDK's `embed` and `embedMany`. */
export function embeddingModel<V extends SpecificationVersion = "v4">(
  embedder: EmbedderSource,
  options?: ModelOptions<V>,
): EmbeddingModel<V>;
