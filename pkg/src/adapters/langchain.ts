// A document compressor and embeddings for LangChain.js.

import { Document, type DocumentInterface } from "@langchain/core/documents";
import { Embeddings } from "@langchain/core/embeddings";
import { BaseDocumentCompressor } from "@langchain/core/retrievers/document_compressors";
import type { CallOptions, Reranker } from "../../types/index.js";
import type * as declared from "../../types/langchain.js";
import { abortable } from "../core/abort.js";
import { modelOf, plainVectors } from "./source.js";

export class CrossrankRerank extends BaseDocumentCompressor implements declared.CrossrankRerank {
  topN: number;
  readonly #load: () => Promise<Pick<Reranker, "rerank">>;
  readonly #options: CallOptions<never>;

  constructor({ reranker, topN = 3, ...options }: declared.CrossrankRerankFields) {
    super();
    this.topN = topN;
    this.#load = modelOf(reranker, "rerank");
    this.#options = options;
  }

  override async compressDocuments(
    documents: DocumentInterface[],
    query: string,
  ): Promise<DocumentInterface[]> {
    const ranking = await this.rerank(documents, query);
    return ranking.map(({ index, relevanceScore }) => {
      const { metadata, ...rest } = documents[index]!;
      const score = !Number.isNaN(relevanceScore) && { relevanceScore };
      return new Document({ ...rest, metadata: { ...metadata, ...score } });
    });
  }

  async rerank(
    documents: (DocumentInterface | string | Record<string, string>)[],
    query: string,
    { topN = this.topN, signal }: { topN?: number; signal?: AbortSignal } = {},
  ): Promise<{ index: number; relevanceScore: number }[]> {
    if (documents.length === 0) return [];
    const model = await abortable(signal, this.#load);
    const { results } = await model.rerank(query, documents, topN, {
      ...(this.#options as CallOptions<(typeof documents)[number]>),
      ...(signal && { signal }),
      text: (document) => (typeof document === "string" ? document : (document.pageContent as string)),
    });
    return results.map(({ index, score }) => ({ index, relevanceScore: score }));
  }
}

export class CrossrankEmbeddings extends Embeddings implements declared.CrossrankEmbeddings {
  readonly #load: () => Promise<Exclude<declared.EmbedderSource, (...given: never) => unknown>>;

  constructor({ embedder, ...fields }: declared.CrossrankEmbeddingsFields) {
    super(fields);
    this.#load = modelOf(embedder, "embed");
  }

  override async embedDocuments(documents: string[]): Promise<number[][]> {
    return plainVectors(await (await this.#load()).embed(documents));
  }

  override async embedQuery(query: string): Promise<number[]> {
    return Array.from(await (await this.#load()).embedQuery(query));
  }
}
