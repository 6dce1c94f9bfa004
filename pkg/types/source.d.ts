import type { Embedder, Reranker } from "./index.js";

/** A `Reranker`, or another object with its method `rerank`, such as `{ rerank }`; or a function that loads one. */
export type RerankerSource = Source<Pick<Reranker, "rerank">>;

/** An `Embedder`, or a function that loads one. */
export type EmbedderSource = Source<Pick<Embedder, "dimensions" | "embed" | "embedQuery">>;

/** A model, or a function that loads it. The function is called when it is first needed, and again if it failed. */
export type Source<M> = M | (() => M | PromiseLike<M>);
