// A node postprocessor and an embedding for LlamaIndex.TS.

import { BaseEmbedding } from "@llamaindex/core/embeddings";
import type { MessageContent, MessageContentDetail } from "@llamaindex/core/llms";
import { MetadataMode, type NodeWithScore } from "@llamaindex/core/schema";
import { extractSingleText, extractText } from "@llamaindex/core/utils";
import type { CallOptions, Reranker } from "../../types/index.js";
import type * as declared from "../../types/llamaindex.js";
import { invalidArgument, modelOf, plainVectors } from "./source.js";

export class CrossrankRerank implements declared.CrossrankRerank {
  topN: number;
  readonly #load: () => Promise<Pick<Reranker, "rerank">>;
  readonly #options: CallOptions<never>;

  constructor({ reranker, topN = 2, ...options }: declared.CrossrankRerankOptions) {
    this.topN = topN;
    this.#load = modelOf(reranker, "rerank");
    this.#options = options;
  }

  async postprocessNodes(nodes: NodeWithScore[], query?: MessageContent): Promise<NodeWithScore[]> {
    if (nodes.length === 0) return [];
    if (query === undefined) throw invalidArgument("CrossrankRerank needs a query; give it after the nodes");
    const model = await this.#load();
    const { results } = await model.rerank(extractText(query), nodes, this.topN, {
      ...(this.#options as CallOptions<NodeWithScore>),
      text: ({ node }) => node.getContent(MetadataMode.ALL),
    });
    return results.map(({ document: { node }, score }) => (Number.isNaN(score) ? { node } : { node, score }));
  }
}

export class CrossrankEmbedding extends BaseEmbedding implements declared.CrossrankEmbedding {
  readonly #load: () => Promise<Exclude<declared.EmbedderSource, (...given: never) => unknown>>;

  constructor({ embedder }: { embedder: declared.EmbedderSource }) {
    super();
    // Larger than the framework's default: the embedder makes its own batches.
    this.embedBatchSize = 100;
    this.#load = modelOf(embedder, "embed");
  }

  override getTextEmbeddings = async (texts: string[]): Promise<number[][]> =>
    plainVectors(await (await this.#load()).embed(texts));

  override async getTextEmbedding(text: string): Promise<number[]> {
    return (await this.getTextEmbeddings([text]))[0]!;
  }

  override async getQueryEmbedding(query: MessageContentDetail): Promise<number[] | null> {
    const text = extractSingleText(query);
    return text ? Array.from(await (await this.#load()).embedQuery(text)) : null;
  }
}
