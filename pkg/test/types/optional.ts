// Options that are handed on, and may be undefined: `exactOptionalPropertyTypes` tells that from absence.

import { Embedder, type LoadOptions, Reranker, rerank } from "crossrank";

interface Given {
  signal?: AbortSignal;
  minScore?: number;
  workers?: number;
}

export async function search(query: string, documents: string[], given: Given): Promise<number> {
  const { signal, minScore, workers } = given;
  const options: LoadOptions = { signal, workers, wasm: undefined, model: undefined };
  const reranker = await Reranker.load(options);
  await Reranker.load("owner/name", { signal, revision: undefined });
  const embedder = await Embedder.load({ signal, maxLength: undefined, queryPrefix: undefined });
  await embedder.embed(documents, { signal, normalize: undefined });
  await reranker.score([[query, "text"]], { signal });
  const { results } = await rerank(query, documents, undefined, { signal, minScore, latest: undefined });
  Reranker.remote({ url: "https://example.com", api: "tei", apiKey: undefined, fetch: undefined });
  return results.length;
}
