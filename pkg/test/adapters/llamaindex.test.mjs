// crossrank/llamaindex with LlamaIndex's core, beside its CohereRerank.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CohereRerank } from "@llamaindex/cohere";
import { BaseEmbedding } from "@llamaindex/core/embeddings";
import { RetrieverQueryEngine } from "@llamaindex/core/query-engine";
import { BaseRetriever } from "@llamaindex/core/retriever";
import { MetadataMode, TextNode } from "@llamaindex/core/schema";
import { CrossrankEmbedding, CrossrankRerank } from "crossrank/llamaindex";
import { embedder, failing, failure, PASSAGES, QUERY, reference, reranker, spy } from "./model.mjs";

const nodes = PASSAGES.map((text, i) => ({
  node: new TextNode({ text, id_: `n${i}`, metadata: { source: `page ${i}` } }),
  score: i / 10,
}));
const textsOf = (list) => list.map(({ node }) => node.getContent(MetadataMode.ALL));

/** LlamaIndex's own postprocessor, on a service that scores as crossrank does. */
function cohereRerank(options) {
  const postprocessor = new CohereRerank({ apiKey: "key", ...options });
  postprocessor.client = {
    async rerank({ query, documents, topN }) {
      const { results } = await reranker.rerank(query, documents, topN);
      return { results: results.map(({ index, score }) => ({ index, relevanceScore: score })) };
    },
  };
  return postprocessor;
}

test("postprocessNodes() gives the same nodes with scores, the best first", async () => {
  const postprocessor = new CrossrankRerank({ reranker, topN: 99 });
  const ranked = await postprocessor.postprocessNodes(nodes, QUERY);
  const expected = await reference(textsOf(nodes));
  assert.deepEqual(
    ranked.map(({ node, score }) => [node.id_, score]),
    expected.map(({ index, score }) => [`n${index}`, score]),
  );
  for (const [place, { index }] of expected.entries()) assert.equal(ranked[place].node, nodes[index].node);
  assert.deepEqual(
    nodes.map(({ score }) => score),
    PASSAGES.map((_, i) => i / 10),
  );
});

test("LlamaIndex's CohereRerank behaves likewise", async () => {
  for (const options of [{}, { topN: 1 }, { topN: 99 }]) {
    const [ours, theirs] = [new CrossrankRerank({ reranker, ...options }), cohereRerank(options)];
    assert.equal(ours.topN, theirs.topN);
    const parts = [
      { type: "text", text: QUERY },
      { type: "image_url", image_url: { url: "data:," } },
    ];
    for (const query of [QUERY, [parts[0]], parts]) {
      assert.deepEqual(
        await ours.postprocessNodes(nodes, query),
        await theirs.postprocessNodes(nodes, query),
      );
    }
    assert.deepEqual(await ours.postprocessNodes([], QUERY), await theirs.postprocessNodes([], QUERY));
    await assert.rejects(theirs.postprocessNodes(nodes), /requires a query/);
    await assert.rejects(ours.postprocessNodes(nodes), /needs a query/);
    assert.deepEqual(await ours.postprocessNodes([]), await theirs.postprocessNodes([]));
  }
});

test("an error rejects; onError leaves nodes without a score", async () => {
  await assert.rejects(new CrossrankRerank({ reranker: failing() }).postprocessNodes(nodes, QUERY), failure);
  assert.throws(() => new CrossrankRerank({}), /the reranker is undefined; give a Reranker/);
  const { calls, rerank } = spy();
  const options = { reranker: { rerank }, onError: "original-order", maxWindows: 3 };
  const bad = [...nodes, { node: new TextNode({ text: "half \ud800" }) }];
  const kept = await new CrossrankRerank(options).postprocessNodes(bad, QUERY);
  assert.deepEqual(
    kept,
    nodes.slice(0, 2).map(({ node }) => ({ node })),
  );
  assert.equal(calls[0][3].maxWindows, 3);
});

test("a query engine uses the postprocessor", async () => {
  class Everything extends BaseRetriever {
    async _retrieve() {
      return nodes;
    }
  }
  const postprocessor = new CrossrankRerank({ reranker: async () => reranker });
  const engine = new RetrieverQueryEngine(new Everything(), { synthesize() {} }, [postprocessor]);
  const found = await engine.retrieve(QUERY);
  const best = (await reference(textsOf(nodes))).slice(0, 2);
  assert.deepEqual(
    found.map(({ node }) => node.id_),
    best.map(({ index }) => `n${index}`),
  );
});

test("CrossrankEmbedding gives the embedder's vectors, and queries as queries", async () => {
  const embedding = new CrossrankEmbedding({ embedder: async () => embedder });
  assert.ok(embedding instanceof BaseEmbedding);
  const vectors = (await embedder.embed(PASSAGES)).map((vector) => Array.from(vector));
  assert.deepEqual(await embedding.getTextEmbeddings(PASSAGES), vectors);
  assert.deepEqual(await embedding.getTextEmbedding(PASSAGES[1]), vectors[1]);
  const progress = [];
  const progressCallback = (...counts) => progress.push(counts);
  embedding.embedBatchSize = 4;
  assert.deepEqual(await embedding.getTextEmbeddingsBatch(PASSAGES, { progressCallback }), vectors);
  assert.deepEqual(progress, [
    [4, 6],
    [6, 6],
  ]);
  const own = nodes.map(({ node }) => node.clone());
  await embedding(own);
  const withMetadata = await embedder.embed(own.map((node) => node.getContent(MetadataMode.EMBED)));
  assert.deepEqual(
    own.map((node) => node.embedding),
    withMetadata.map((vector) => Array.from(vector)),
  );

  const asked = { dimensions: 1, embed: async () => [], embedQuery: async () => Float32Array.of(5) };
  const queries = new CrossrankEmbedding({ embedder: asked });
  assert.deepEqual(await queries.getQueryEmbedding({ type: "text", text: "q" }), [5]);
  assert.equal(await queries.getQueryEmbedding({ type: "image_url", image_url: { url: "data:," } }), null);
});
