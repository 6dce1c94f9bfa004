// crossrank/ai-sdk with the two newest majors of the AI SDK, beside its model for Cohere.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createCohere } from "@ai-sdk/cohere";
import * as ai7 from "ai";
import * as ai6 from "ai-6";
import { CrossrankError } from "crossrank";
import { embeddingModel, rerankingModel } from "crossrank/ai-sdk";
import { embedder, failing, failure, hanging, PASSAGES, QUERY, reference, reranker, spy } from "./model.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

/** Cohere's own model, on a service that scores as crossrank does. */
const cohere = createCohere({
  apiKey: "key",
  fetch: async (_url, { body, signal }) => {
    signal?.throwIfAborted();
    const { query, documents, top_n } = JSON.parse(body);
    const { results } = await reranker.rerank(query, documents, top_n);
    const found = results.map(({ index, score }) => ({ index, relevance_score: score }));
    return new Response(JSON.stringify({ id: "1", results: found, meta: {} }));
  },
}).reranking("rerank-v3.5");

for (const [version, ai, specificationVersion] of [
  [7, ai7, "v4"],
  [6, ai6, "v3"],
]) {
  const model = rerankingModel(reranker, { specificationVersion, modelId: "minilm-l6-en" });
  const embedding = embeddingModel(embedder, { specificationVersion });
  const rerank = (options) => ai.rerank({ query: QUERY, documents: PASSAGES, model, ...options });

  test(`AI SDK ${version}: rerank() gives places, scores and the caller's documents`, async () => {
    const expected = await reference();
    const { ranking, rerankedDocuments, originalDocuments, response } = await rerank();
    assert.deepEqual(
      ranking,
      expected.map(({ index, score }) => ({ originalIndex: index, score, document: PASSAGES[index] })),
    );
    assert.deepEqual(
      rerankedDocuments,
      expected.map(({ index }) => PASSAGES[index]),
    );
    assert.deepEqual(originalDocuments, PASSAGES);
    assert.equal(response.modelId, "minilm-l6-en");
    assert.deepEqual((await rerank({ topN: 2 })).ranking, ranking.slice(0, 2));
    assert.deepEqual((await rerank({ topN: 99 })).ranking, ranking);
    assert.deepEqual((await rerank({ documents: [] })).ranking, []);
  });

  test(`AI SDK ${version}: documents that are objects are read as JSON, or as text gives them`, async () => {
    const documents = PASSAGES.map((body, id) => ({ id, body }));
    const json = await reference(documents.map((document) => JSON.stringify(document)));
    const { ranking } = await rerank({ documents });
    assert.deepEqual(
      ranking.map(({ originalIndex: index, score }) => ({ index, score })),
      json,
    );
    assert.equal(ranking[0].document, documents[json[0].index]);
    const given = { documents: { type: "object", values: documents }, query: QUERY };
    const [warning] = (await model.doRerank(given)).warnings;
    assert.deepEqual([warning.type, warning.feature], ["compatibility", "object documents"]);
    const withText = rerankingModel(reranker, { specificationVersion, text: ({ body }) => body });
    assert.deepEqual(
      (await rerank({ documents, model: withText })).ranking.map(({ originalIndex: index, score }) => ({
        index,
        score,
      })),
      await reference(),
    );
    assert.deepEqual((await withText.doRerank(given)).warnings, []);
  });

  test(`AI SDK ${version}: an error rejects as it is, without another try`, async () => {
    const broken = failing();
    await assert.rejects(rerank({ model: rerankingModel(broken, { specificationVersion }) }), failure);
    assert.equal(broken.calls.length, 1);
    await assert.rejects(rerank({ query: " " }), (error) => error instanceof CrossrankError);
    await assert.rejects(rerank({ topN: 0 }), { code: "invalid-argument" });
  });

  test(`AI SDK ${version}: an abort ends the call, also while the model is loading`, async () => {
    const reason = new DOMException("enough", "AbortError");
    for (const source of [hanging(), () => new Promise(() => {})]) {
      const stop = new AbortController();
      const call = rerank({
        model: rerankingModel(source, { specificationVersion }),
        abortSignal: stop.signal,
      });
      setTimeout(() => stop.abort(reason));
      await assert.rejects(call, reason);
      await assert.rejects(rerank({ abortSignal: stop.signal }), { name: "AbortError" });
    }
  });

  test(`AI SDK ${version}: embed() and embedMany() give the embedder's vectors`, async () => {
    const vectors = (await embedder.embed(PASSAGES)).map((vector) => Array.from(vector));
    const { embeddings } = await ai.embedMany({ model: embedding, values: PASSAGES });
    assert.deepEqual(embeddings, vectors);
    assert.deepEqual((await ai.embed({ model: embedding, value: PASSAGES[1] })).embedding, vectors[1]);
    assert.deepEqual((await ai.embedMany({ model: embedding, values: [] })).embeddings, []);
    const stopped = ai.embedMany({ model: embedding, values: PASSAGES, abortSignal: AbortSignal.abort() });
    await assert.rejects(stopped, { name: "AbortError" });
  });

  test(`AI SDK ${version}: queries are embedded as queries if the call says so`, async () => {
    const asked = [];
    const model = embeddingModel(
      {
        dimensions: 1,
        embed: async (texts) => {
          asked.push(...texts.map((text) => ["document", text]));
          return texts.map(() => Float32Array.of(1));
        },
        embedQuery: async (text) => {
          asked.push(["query", text]);
          return Float32Array.of(2);
        },
      },
      { specificationVersion },
    );
    const query = { providerOptions: { crossrank: { inputType: "query" } } };
    assert.deepEqual((await ai.embed({ model, value: "a", ...query })).embedding, [2]);
    assert.deepEqual((await ai.embed({ model, value: "a" })).embedding, [1]);
    assert.deepEqual(asked, [
      ["query", "a"],
      ["document", "a"],
    ]);
    const wrong = { providerOptions: { crossrank: { inputType: "search_query" } } };
    await assert.rejects(ai.embed({ model, value: "a", ...wrong }), /give "query" or "document"/);
  });

  test(`AI SDK ${version}: its own registry takes the models`, async () => {
    const provider = ai.customProvider({
      rerankingModels: { local: model },
      embeddingModels: { local: embedding },
    });
    const registry = ai.createProviderRegistry({ crossrank: provider });
    const { ranking } = await rerank({ model: registry.rerankingModel("crossrank:local"), topN: 1 });
    assert.equal(ranking[0].originalIndex, (await reference())[0].index);
    const { embedding: vector } = await ai.embed({
      model: registry.embeddingModel("crossrank:local"),
      value: QUERY,
    });
    assert.equal(vector.length, embedder.dimensions);
  });
}

test("the AI SDK's model for Cohere behaves likewise", async () => {
  const model = rerankingModel(reranker);
  const documents = PASSAGES.map((body, id) => ({ id, body }));
  for (const options of [
    { documents: PASSAGES },
    { documents: PASSAGES, topN: 2 },
    { documents: PASSAGES, topN: 99 },
    { documents },
    { documents: [] },
  ]) {
    const [ours, theirs] = await Promise.all(
      [model, cohere].map((model) => ai7.rerank({ model, query: QUERY, ...options })),
    );
    assert.deepEqual(ours.ranking, theirs.ranking);
    assert.deepEqual(ours.rerankedDocuments, theirs.rerankedDocuments);
  }
  const given = { documents: { type: "object", values: documents }, query: QUERY };
  const warnings = await Promise.all(
    [model, cohere].map(async (model) => {
      const [{ type, feature }, ...others] = (await model.doRerank(given)).warnings;
      return { type, feature, others };
    }),
  );
  assert.deepEqual(warnings[0], warnings[1]);
});

test("AI SDK 7 also takes models for AI SDK 6, which refuses those of the newer specification", async () => {
  const [older, newer] = ["v3", "v4"].map((specificationVersion) =>
    rerankingModel(reranker, { specificationVersion }),
  );
  const { ranking } = await ai7.rerank({ model: older, query: QUERY, documents: PASSAGES });
  assert.equal(ranking[0].originalIndex, (await reference())[0].index);
  const refused = ai6.rerank({ model: newer, query: QUERY, documents: PASSAGES });
  await assert.rejects(refused, { name: "AI_UnsupportedModelVersionError" });
});

test("options for every call reach the reranker, and dimensions that do not fit give a warning", async () => {
  const { calls, rerank } = spy();
  const model = rerankingModel({ rerank }, { minScore: 0.1, longDocuments: "truncate" });
  await ai7.rerank({ model, query: QUERY, documents: PASSAGES, topN: 3 });
  assert.deepEqual(calls[0].slice(2), [3, { minScore: 0.1, longDocuments: "truncate" }]);
  const { warnings } = await embeddingModel(embedder).doEmbed({ values: ["a"], dimensions: 7 });
  assert.deepEqual(
    warnings.map(({ type, feature }) => [type, feature]),
    [["unsupported", "dimensions"]],
  );
  const fitting = { values: ["a"], dimensions: embedder.dimensions };
  assert.deepEqual((await embeddingModel(embedder).doEmbed(fitting)).warnings, []);
});

test("a function loads once, and again after it failed", async () => {
  let loads = 0;
  const load = async () => {
    if (++loads === 1) throw failure;
    return reranker;
  };
  const rank = () => ai7.rerank({ model: rerankingModel(load), query: QUERY, documents: PASSAGES });
  await assert.rejects(rank(), failure);
  const [a, b] = await Promise.all([rank(), rank()]);
  assert.deepEqual(a.ranking, b.ranking);
  assert.equal(loads, 2);
  assert.throws(() => rerankingModel(undefined), /the reranker is undefined; give a Reranker/);
  assert.throws(() => embeddingModel({}), /the embedder is of type object; give an Embedder/);
  const wrong = rerankingModel(async () => ({}));
  await assert.rejects(wrong.doRerank({ documents: { type: "text", values: ["a"] }, query: "q" }), {
    code: "invalid-argument",
  });
});
