// The committed vectors belong to the committed passages, and bytes are precise enough for them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Embedder } from "crossrank";
import * as model from "crossrank-all-minilm-l6-v2";
import { documentsOf } from "../site/corpus.js";
import { createIndex, reciprocalRankFusion, searchWithRerank, textOf } from "../site/search.js";
import { fromBytes, toBytes } from "../site/vectors.js";

const read = (name) => readFileSync(new URL(`../corpus/${name}`, import.meta.url));
const documents = documentsOf(JSON.parse(read("rust.json")));
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

let embedder;
before(async () => (embedder = await Embedder.load({ model })));
after(() => embedder.dispose());

test("every passage has its vector", async (t) => {
  const file = read("rust.vectors");
  const kept = fromBytes(file.buffer.slice(file.byteOffset, file.byteOffset + file.length), documents.length);
  assert.equal(kept[0].length, embedder.dimensions);
  // A step that is coprime to the number of passages reaches all parts of the corpus.
  const sample = documents.map((_, i) => i).filter((i) => i % 149 === 0);
  const vectors = await embedder.embed(sample.map((i) => textOf(documents[i])));
  const cosines = vectors.map((vector, i) => cosine(vector, kept[sample[i]]));
  t.diagnostic(`${sample.length} passages, least cosine with the file's ${Math.min(...cosines).toFixed(5)}`);
  assert.ok(Math.min(...cosines) > 0.9995);
  assert.ok(cosine(vectors[0], kept[sample[1]]) < 0.9995, "another passage's vector is told apart");

  const buffer = toBytes(vectors).buffer;
  const query = await embedder.embedQuery("what is a closure");
  const rows = fromBytes(buffer, vectors.length);
  const off = rows.map((row, i) => Math.abs(cosine(row, query) - cosine(vectors[i], query)));
  t.diagnostic(`cosines with a query are off by at most ${Math.max(...off).toFixed(5)}`);
  assert.ok(Math.max(...off) < 0.003);
  assert.throws(() => fromBytes(buffer, vectors.length + 1), /are no vectors of/);
});

test("ranks are fused", () => {
  const hit = (id) => ({ id, score: 9 });
  const fused = reciprocalRankFusion({ fulltext: [hit("a"), hit("b")], vector: [hit("b"), hit("c")] }, 2);
  assert.deepEqual(fused, [
    { id: "b", score: 1 / 62 + 1 / 61, ranks: { fulltext: 2, vector: 1 } },
    { id: "a", score: 1 / 61, ranks: { fulltext: 1 } },
  ]);
  assert.deepEqual(reciprocalRankFusion({ vector: [hit("c")] }, 5), [
    { id: "c", score: 9, ranks: { vector: 1 } },
  ]);
});

test("a search that is replaced while it embeds does not disturb the newer one", async () => {
  const texts = ["a river", "a mountain"].map((text) => ({ title: text, section: "", text }));
  const vectors = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  const asked = [];
  const reranker = {
    async rerank(query, candidates) {
      asked.push(query);
      return { results: candidates };
    },
  };
  const held = {};
  const embedder = { embedQuery: (query) => new Promise((resolve) => (held[query] = () => resolve([1, 0]))) };
  const engine = { ...(await createIndex(texts, vectors)), embedder, reranker };
  const ask = (query, options) => searchWithRerank(engine, query, { mode: "vector", ...options });
  const older = ask("riv", { latest: true });
  const newer = ask("river", { latest: true });
  const named = ask("mountain", { latest: "another field" });
  held.river();
  assert.equal((await newer).results.length, 2);
  held.riv();
  await assert.rejects(older, { name: "AbortError" });
  held.mountain();
  await named;

  const stop = new AbortController();
  const stopped = ask("hill", { signal: stop.signal });
  stop.abort();
  held.hill();
  await assert.rejects(stopped, { name: "AbortError" });
  assert.deepEqual(asked, ["river", "mountain"]);
});
