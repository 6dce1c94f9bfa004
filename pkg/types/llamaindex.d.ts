/**
 * A node postprocessor and an embedding for LlamaIndex.TS. Needs the package `@llamaindex/core`.
 *
 * ```js
 * import { CrossrankRerank } from "crossrank/llamaindex";
 * const reranker = new CrossrankRerank({ reranker: () => Reranker.load(), topN: 2 });
 * const engine = index.asQueryEngine({ nodePostprocessors: [reranker] });
 * ```
 */

import { BaseEmbedding } from "@llamaindex/core/embeddings";
import type { MessageContent, MessageContentDetail } from "@llamaindex/core/llms";
import type { BaseNodePostprocessor } from "@llamaindex/core/postprocessor";
import type { NodeWithScore } from "@llamaindex/core/schema";
import type { CallOptions } from "./index.js";
import type { EmbedderSource, RerankerSource } from "./source.js";

export type { EmbedderSource, RerankerSource };

/** Options of {@link CrossrankRerank}: those of `Reranker.rerank`, for every call. */
export interface CrossrankRerankOptions extends Omit<CallOptions<never>, "text" | "signal"> {
  reranker: RerankerSource;
  /** The maximum number of nodes. Default: 2, as in LlamaIndex's CohereRerank. */
  topN?: number | undefined;
}

/** Keeps the nodes that answer a query best. */
export class CrossrankRerank implements BaseNodePostprocessor {
  topN: number;
  constructor(options: CrossrankRerankOptions);

  /**
   * The best nodes first, with scores from 0 to 1. The text of a node includes its metadata. A node that
   * was not scored has no score.
   */
  postprocessNodes(nodes: NodeWithScore[], query?: MessageContent): Promise<NodeWithScore[]>;
}

/** Turns texts into vectors. */
export class CrossrankEmbedding extends BaseEmbedding {
  constructor(options: { embedder: EmbedderSource });
  getTextEmbedding(text: string): Promise<number[]>;
  getTextEmbeddings: (texts: string[]) => Promise<number[][]>;
  getQueryEmbedding(query: MessageContentDetail): Promise<number[] | null>;
}
