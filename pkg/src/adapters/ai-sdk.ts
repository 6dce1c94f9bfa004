// Models for the AI SDK. They are plain objects, so that the AI SDK itself is not needed here. None of
// their functions uses `this`, because the AI SDK wraps models of earlier versions.

import type {
  EmbedderSource,
  EmbeddingModel,
  ModelOptions,
  ModelWarning,
  RerankerSource,
  RerankingModel,
  RerankingModelOptions,
  SpecificationVersion,
} from "../../types/ai-sdk.js";
import { abortable } from "../core/abort.js";
import { describeValue } from "../core/validate.js";
import { invalidArgument, modelOf, plainVectors } from "./source.js";

/** The name of the provider, also in `providerOptions`. */
const PROVIDER = "crossrank";

export function rerankingModel<V extends SpecificationVersion = "v4">(
  reranker: RerankerSource,
  options: RerankingModelOptions<V> = {},
): RerankingModel<V> {
  const { modelId, specificationVersion, text, ...callOptions } = options;
  const load = modelOf(reranker, "rerank");
  return {
    ...identity(modelId, specificationVersion),
    async doRerank({ documents: { type, values }, query, topN, abortSignal }) {
      const warnings: ModelWarning[] = [];
      if (type === "object" && !text) {
        const details = 'Documents are read as JSON. The option "text" can give their text.';
        warnings.push({ type: "compatibility", feature: "object documents", details });
      }
      const toText = text ?? ((document: object) => JSON.stringify(document));
      const texts = type === "text" ? values : values.map((document) => toText(document));
      const signal = abortSignal && { signal: abortSignal };
      const model = await abortable(abortSignal, load);
      const { results } = await model.rerank(query, texts, topN, { ...callOptions, ...signal });
      return { ranking: results.map(({ index, score }) => ({ index, relevanceScore: score })), warnings };
    },
  };
}

export function embeddingModel<V extends SpecificationVersion = "v4">(
  embedder: EmbedderSource,
  { modelId, specificationVersion }: ModelOptions<V> = {},
): EmbeddingModel<V> {
  const load = modelOf(embedder, "embed");
  return {
    ...identity(modelId, specificationVersion),
    maxEmbeddingsPerCall: undefined,
    supportsParallelCalls: false,
    async doEmbed({ values, dimensions, abortSignal, providerOptions }) {
      const inputType = providerOptions?.[PROVIDER]?.inputType ?? "document";
      if (inputType !== "query" && inputType !== "document") {
        throw invalidArgument(`inputType is ${describeValue(inputType)}; give "query" or "document"`);
      }
      const model = await abortable(abortSignal, load);
      const options = abortSignal && { signal: abortSignal };
      const vectors =
        inputType === "query"
          ? await Promise.all(values.map((value) => model.embedQuery(value, options)))
          : await model.embed(values, options);
      const warnings: ModelWarning[] = [];
      if (dimensions !== undefined && dimensions !== model.dimensions) {
        const details = `The vectors of this model have ${model.dimensions} elements.`;
        warnings.push({ type: "unsupported", feature: "dimensions", details });
      }
      return { embeddings: plainVectors(vectors), warnings };
    },
  };
}

function identity<V extends SpecificationVersion>(modelId = "default", specificationVersion?: V) {
  return {
    specificationVersion: specificationVersion ?? ("v4" as V),
    provider: PROVIDER,
    modelId,
  };
}
