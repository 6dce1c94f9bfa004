// crossrank/langchain with LangChain's core, beside its CohereRerank.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CohereRerank } from "@langchain/cohere";
import { Document } from "@langchain/core/documents";
import { Embeddings } from "@langchain/core/embeddings";
import { BaseDocumentCompressor } from "@langchain/core/retrievers/document_compressors";
import { RunnableLambda } from "@langchain/core/runnables";
import { FakeVectorStore } from "@langchain/core/utils/testing";
import { CrossrankEmbeddings, CrossrankRerank } from "crossrank/langchain";
import { embedder, failing, failure, hanging, PASSAGES, QUERY, reference, reranker, spy } from "./model.mjs";

const documents = PASSAGES.map(
  (pageContent, i) => new Document({ pageContent, id: `d${i}`, metadata: { source: `page ${i}` } }),
);
const plain = (list) => list.map(({ pageContent, id, metadata }) => ({ pageContent, id, metadata }));

/** LangChain's own compressor, on a service that scores as crossrank does. */
const cohereRerank = (options) =>
  new CohereRerank({
    model: "rerank-v3.5",
    ...options,
    client: {
      async rerank({ query, documents, topN }) {
        const { results } = await reranker.rerank(query, documents, topN);
        return { results: results.map(({ index, score }) => ({ index, relevanceScore: score })) };
      },
    },
  });

/** Of documents that Cohere's compressor may change. */
const copies = () =>
  documents.map((document) => new Document({ ...document, metadata: { ...document.metadata } }));

test("compressDocuments() gives copies with scores, the best first", async () => {
  const compressor = new CrossrankRerank({ reranker, topN: 99 });
  assert.ok(compressor instanceof BaseDocumentCompressor);
  assert.ok(BaseDocumentCompressor.isBaseDocumentCompressor(compressor));
  const before = JSON.stringify(documents);
  const compressed = await compressor.compressDocuments(documents, QUERY);
  assert.deepEqual(
    plain(compressed),
    (await reference()).map(({ index, score }) => ({
      pageContent: PASSAGES[index],
      id: `d${index}`,
      metadata: { source: `page ${index}`, relevanceScore: score },
    })),
  );
  assert.ok(compressed.every((document) => document instanceof Document));
  assert.equal(JSON.stringify(documents), before);
});

test("LangChain's CohereRerank behaves likewise", async () => {
  for (const options of [{}, { topN: 1 }, { topN: 99 }]) {
    const [ours, theirs] = [new CrossrankRerank({ reranker, ...options }), cohereRerank(options)];
    assert.equal(ours.topN, theirs.topN);
    for (const list of [copies, () => []]) {
      assert.deepEqual(
        plain(await ours.compressDocuments(list(), QUERY)),
        plain(await theirs.compressDocuments(list(), QUERY)),
      );
    }
    for (const list of [documents, PASSAGES, PASSAGES.map((pageContent) => ({ pageContent }))]) {
      assert.deepEqual(await ours.rerank(list, QUERY), await theirs.rerank(list, QUERY));
      assert.deepEqual(
        await ours.rerank(list, QUERY, { topN: 2 }),
        await theirs.rerank(list, QUERY, { topN: 2 }),
      );
    }
  }
});

test("an error rejects; onError and timeoutMs leave documents without a score", async () => {
  await assert.rejects(
    new CrossrankRerank({ reranker: failing() }).compressDocuments(documents, QUERY),
    failure,
  );
  await assert.rejects(new CrossrankRerank({ reranker }).compressDocuments(documents, " "), {
    code: "invalid-argument",
  });
  assert.throws(() => new CrossrankRerank({}), /the reranker is undefined; give a Reranker/);
  const unscored = plain(documents.slice(0, 3));
  const { calls, rerank } = spy();
  const broken = new CrossrankRerank({ reranker: { rerank }, onError: "original-order" });
  const bad = [...documents.slice(0, 3), new Document({ pageContent: "half \ud800" })];
  assert.deepEqual(plain(await broken.compressDocuments(bad, QUERY)), unscored);
  assert.equal(calls[0][3].onError, "original-order");
  const hurried = new CrossrankRerank({ reranker, timeoutMs: 0, skipCache: true });
  assert.deepEqual(plain(await hurried.compressDocuments(documents, QUERY)), unscored);
});

test("rerank() takes a signal", async () => {
  const reason = new Error("enough");
  for (const source of [hanging(), () => new Promise(() => {})]) {
    const stop = new AbortController();
    const call = new CrossrankRerank({ reranker: source }).rerank(documents, QUERY, { signal: stop.signal });
    setTimeout(() => stop.abort(reason));
    await assert.rejects(call, reason);
  }
});

test("CrossrankEmbeddings gives the embedder's vectors, and queries as queries", async () => {
  const embeddings = new CrossrankEmbeddings({ embedder: async () => embedder, maxConcurrency: 1 });
  assert.ok(embeddings instanceof Embeddings);
  const vectors = (await embedder.embed(PASSAGES)).map((vector) => Array.from(vector));
  assert.deepEqual(await embeddings.embedDocuments(PASSAGES), vectors);
  assert.deepEqual(await embeddings.embedDocuments([]), []);
  const prefixed = new CrossrankEmbeddings({
    embedder: { dimensions: 1, embed: async () => [], embedQuery: async () => Float32Array.of(5) },
  });
  assert.deepEqual(await prefixed.embedQuery("q"), [5]);
  const broken = {
    dimensions: 1,
    embed: () => Promise.reject(failure),
    embedQuery: () => Promise.reject(failure),
  };
  await assert.rejects(new CrossrankEmbeddings({ embedder: broken }).embedDocuments(["a"]), failure);
});

test("a chain finds documents by vectors and compresses them", async () => {
  const embeddings = new CrossrankEmbeddings({ embedder });
  const store = await FakeVectorStore.fromDocuments(documents, embeddings);
  const compressor = new CrossrankRerank({ reranker, topN: 2 });
  const chain = store
    .asRetriever(4)
    .pipe(RunnableLambda.from((found) => compressor.compressDocuments(found, QUERY)));
  const found = await chain.invoke(QUERY);
  const best = (await reference()).slice(0, 2);
  assert.deepEqual(
    found.map(({ pageContent }) => pageContent),
    best.map(({ index }) => PASSAGES[index]),
  );
});
