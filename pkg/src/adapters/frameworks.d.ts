// What the adapters use of frameworks that are not installed here. The tests of the adapters compile
// the declarations in types/ with the frameworks' own types.

declare module "@langchain/core/documents" {
  export interface DocumentInterface {
    pageContent: string;
    // biome-ignore lint/suspicious/noExplicitAny: the framework's own type.
    metadata: Record<string, any>;
    id?: string;
  }
  export class Document implements DocumentInterface {
    constructor(fields: DocumentInterface);
    pageContent: string;
    // biome-ignore lint/suspicious/noExplicitAny: the framework's own type.
    metadata: Record<string, any>;
    id?: string;
  }
}

declare module "@langchain/core/embeddings" {
  export interface EmbeddingsParams {
    maxConcurrency?: number;
  }
  export abstract class Embeddings {
    constructor(fields: EmbeddingsParams);
    abstract embedDocuments(documents: string[]): Promise<number[][]>;
    abstract embedQuery(query: string): Promise<number[]>;
  }
}

declare module "@langchain/core/retrievers/document_compressors" {
  import type { DocumentInterface } from "@langchain/core/documents";
  export abstract class BaseDocumentCompressor {
    abstract compressDocuments(documents: DocumentInterface[], query: string): Promise<DocumentInterface[]>;
  }
}

declare module "@llamaindex/core/llms" {
  export type MessageContentDetail = { type: "text"; text: string } | { type: "image_url" };
  export type MessageContent = string | MessageContentDetail[];
}

declare module "@llamaindex/core/schema" {
  export enum MetadataMode {
    ALL = "ALL",
  }
  export interface NodeWithScore {
    node: { getContent(mode: MetadataMode): string };
    score?: number;
  }
}

declare module "@llamaindex/core/postprocessor" {
  import type { MessageContent } from "@llamaindex/core/llms";
  import type { NodeWithScore } from "@llamaindex/core/schema";
  export interface BaseNodePostprocessor {
    postprocessNodes(nodes: NodeWithScore[], query?: MessageContent): Promise<NodeWithScore[]>;
  }
}

declare module "@llamaindex/core/utils" {
  import type { MessageContent, MessageContentDetail } from "@llamaindex/core/llms";
  export function extractText(content: MessageContent): string;
  export function extractSingleText(detail: MessageContentDetail): string | null;
}

declare module "@llamaindex/core/embeddings" {
  import type { MessageContentDetail } from "@llamaindex/core/llms";
  export abstract class BaseEmbedding {
    embedBatchSize: number;
    embedInfo?: { dimensions?: number };
    protected constructor();
    abstract getTextEmbedding(text: string): Promise<number[]>;
    getTextEmbeddings: (texts: string[]) => Promise<number[][]>;
    getQueryEmbedding(query: MessageContentDetail): Promise<number[] | null>;
  }
}

declare module "@lancedb/lancedb" {
  interface RecordBatch {
    numRows: number;
  }
  export namespace rerankers {
    interface Reranker {
      rerankHybrid(query: string, vecResults: RecordBatch, ftsResults: RecordBatch): Promise<RecordBatch>;
    }
  }
}

declare module "react" {
  export function useEffect(effect: () => (() => void) | undefined, inputs: readonly unknown[]): void;
  export function useRef<T>(value: T): { current: T };
  export function useState<S>(initial: S): [S, (next: S) => void];
}
