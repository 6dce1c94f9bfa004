// crossrank/orama, /minisearch, /flexsearch and /fuse, each on an index of its library.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, insertMultiple, search } from "@orama/orama";
import { searchAndRerank as searchFlexSearch } from "crossrank/flexsearch";
import { searchAndRerank as searchFuse } from "crossrank/fuse";
import { searchAndRerank as searchMiniSearch } from "crossrank/minisearch";
import { pluginCrossrank, rerankResults } from "crossrank/orama";
import { Document, Index } from "flexsearch";
import Fuse from "fuse.js";
import MiniSearch from "minisearch";
import { embedder, failing, failure, hanging, reranker, spy } from "./model.mjs";

const QUERY = "how does a vector database search";
const BODIES = [
  "Search the database of the library for a rare book and search again.",
  "The database server restarts when a search vector overflows its buffer.",
  "A vector has a length and a direction.",
  "Vector databases store embeddings and find the nearest neighbours of a query vector.",
  "Search engines crawl the web.",
  "Bananas grow in tropical regions.",
];
const articles = BODIES.map((body, i) => ({ id: `a${i}`, title: `Article ${i}`, body }));
const bodyOf = (id) => BODIES[Number(id.slice(1))];

/** What `rerank()` makes of the hits that the library itself gives, best first. */
async function expected(found, idOf) {
  const { results } = await reranker.rerank(QUERY, found, undefined, { text: (hit) => bodyOf(idOf(hit)) });
  const ranked = results.map(({ document, score }) => [idOf(document), score]);
  assert.ok(found.length >= 3, `only ${found.length} hits`);
  assert.notDeepEqual(
    ranked.map(([id]) => id),
    found.map(idOf),
    "reranking has to change the order",
  );
  return ranked;
}

/** The blend of scores, computed once more. `first` has the scores of the library, higher for better. */
function blended(ranked, first, blend) {
  const [min, max] = [Math.min(...first.values()), Math.max(...first.values())];
  assert.ok(max > min);
  return ranked
    .map(([id, score]) => [id, (1 - blend) * score + (blend * (first.get(id) - min)) / (max - min)])
    .sort((a, b) => b[1] - a[1]);
}

function assertClose(ranked, other) {
  assert.deepEqual(
    ranked.map(([id]) => id),
    other.map(([id]) => id),
  );
  for (const [i, [, score]] of ranked.entries()) assert.ok(Math.abs(score - other[i][1]) < 1e-9);
}

// --- The three that have a function ------------------------------------------------------------

const miniSearch = new MiniSearch({ fields: ["title", "body"], storeFields: ["title", "body"] });
miniSearch.addAll(articles);
const fuse = new Fuse(articles, { keys: ["body"], includeScore: true, threshold: 0.9, ignoreLocation: true });
const flexSearch = new Document({
  document: { id: "id", index: ["body"], store: true },
  tokenize: "forward",
});
for (const article of articles) flexSearch.add(article);
const suggest = { search: { suggest: true } };

for (const { name, run, found, idOf, text, first } of [
  {
    name: "MiniSearch",
    run: (given, options) => searchMiniSearch(given, miniSearch, QUERY, options),
    found: () => miniSearch.search(QUERY),
    idOf: ({ id }) => id,
    text: ({ body }) => body,
    first: ({ score }) => score,
  },
  {
    name: "Fuse.js",
    run: (given, options) => searchFuse(given, fuse, QUERY, options),
    found: () => fuse.search(QUERY),
    idOf: ({ item }) => item.id,
    text: ({ item }) => item.body,
    first: ({ score }) => 1 - score,
  },
  {
    name: "FlexSearch's Document",
    run: (given, options) => searchFlexSearch(given, flexSearch, QUERY, { ...suggest, ...options }),
    found: () => flexSearch.search(QUERY, { suggest: true, enrich: true, merge: true }),
    idOf: ({ id }) => id,
    text: ({ doc }) => doc.body,
    first: (_hit, place) => -place,
  },
]) {
  const ranked = ({ results }) => results.map(({ hit, score }) => [idOf(hit), score]);

  test(`${name}: its hits, in the order of rerank()`, async () => {
    const hits = found();
    const ranking = await run(reranker, { text });
    assert.deepEqual(ranked(ranking), await expected(hits, idOf));
    for (const { hit, index } of ranking.results) assert.deepEqual(hit, hits[index]);
    const slow = async (hit) => text(hit);
    assert.deepEqual(ranked(await run(reranker, { text: slow })), ranked(ranking));
    assert.deepEqual(ranked(await run(reranker, { text, topK: 2 })), ranked(ranking).slice(0, 2));
    assert.deepEqual(ranked(await run(reranker, { text, topK: 99 })), ranked(ranking));
  });

  test(`${name}: a blend with its scores`, async () => {
    const hits = found();
    const scores = new Map(hits.map((hit, place) => [idOf(hit), first(hit, place)]));
    const ranking = await expected(hits, idOf);
    for (const blend of [0.3, 0.8]) {
      assertClose(ranked(await run(reranker, { text, blend })), blended(ranking, scores, blend));
    }
    // All of the weight gives the library's order.
    assert.deepEqual(
      ranked(await run(reranker, { text, blend: 1 })).map(([id]) => id),
      hits.map(idOf),
    );
  });

  test(`${name}: candidates, abort and errors`, async () => {
    const { calls, rerank } = spy();
    const few = await run({ rerank }, { text, candidates: 2 });
    assert.deepEqual(
      ranked(few)
        .map(([id]) => id)
        .sort(),
      found().slice(0, 2).map(idOf).sort(),
    );
    assert.equal(calls[0][1].length, 2);
    await assert.rejects(run(reranker, { text, candidates: 0 }), /candidates is 0; give a whole number/);
    await assert.rejects(run(failing(), { text }), failure);
    const kept = await run(reranker, { text: () => Promise.reject(failure), onError: "original-order" });
    assert.deepEqual(
      ranked(kept).map(([id]) => id),
      found().map(idOf),
    );
    assert.equal(kept.error, failure);
    const stop = new AbortController();
    const call = run(hanging(), { text, signal: stop.signal });
    stop.abort(failure);
    await assert.rejects(call, failure);
    await assert.rejects(run(reranker), /the text of document 0 is undefined; give a string/);
  });
}

test("a search that finds nothing has no results", async () => {
  for (const call of [
    searchMiniSearch(reranker, miniSearch, "xylophone"),
    searchFuse(reranker, new Fuse([], {}), QUERY),
    searchFlexSearch(reranker, flexSearch, "xylophone", { topK: 3 }),
  ]) {
    assert.deepEqual(await call, { results: [], queryTruncated: false, partial: false });
  }
});

test("MiniSearch: its own options, and the stored field text", async () => {
  const texts = new MiniSearch({ fields: ["text"], storeFields: ["text"] });
  texts.addAll(articles.map(({ id, body }) => ({ id, text: body })));
  const search = { combineWith: "AND", prefix: true };
  const { results } = await searchMiniSearch(reranker, texts, "vector search", { search });
  assert.deepEqual(
    results.map(({ hit }) => hit.id),
    ["a1"],
  );
  const { results: all } = await searchMiniSearch(reranker, texts, QUERY);
  assert.deepEqual(
    all.map(({ hit, score }) => [hit.id, score]),
    await expected(texts.search(QUERY), ({ id }) => id),
  );
});

test("Fuse.js: items that are strings, and a blend without scores", async () => {
  const strings = new Fuse(BODIES, { threshold: 0.9, ignoreLocation: true });
  const { results } = await searchFuse(reranker, strings, QUERY, { topK: 1 });
  assert.equal(results[0].hit.item, BODIES[3]);
  await assert.rejects(searchFuse(reranker, strings, QUERY, { blend: 0.5 }), {
    code: "invalid-argument",
    message: "blend needs scores; give Fuse the option includeScore: true",
  });
});

test("FlexSearch: the ids of an Index, the field text of a Document, and several fields", async () => {
  const index = new Index({ tokenize: "forward" });
  for (const [id, body] of BODIES.entries()) index.add(id, body);
  const ids = index.search(QUERY, { suggest: true });
  const { results } = await searchFlexSearch(reranker, index, QUERY, {
    ...suggest,
    text: (id) => BODIES[id],
  });
  assert.deepEqual(
    results.map(({ hit, score }) => [`a${hit}`, score]),
    await expected(ids, (id) => `a${id}`),
  );
  await assert.rejects(
    searchFlexSearch(reranker, index, QUERY, suggest),
    /the text of document 0 is undefined/,
  );

  const texts = new Document({ document: { id: "id", index: ["text", "title"], store: true } });
  for (const { id, title, body } of articles) texts.add({ id, title: `${title} vector`, text: body });
  const ranking = await searchFlexSearch(reranker, texts, "vector");
  assert.deepEqual(
    ranking.results.map(({ hit }) => hit.id).sort(),
    articles.map(({ id }) => id),
  );
});

// --- Orama -------------------------------------------------------------------------------------

async function createOrama(plugins = []) {
  const db = create({ schema: { title: "string", body: "string" }, plugins });
  await insertMultiple(db, articles);
  return db;
}
const text = ({ document }) => document.body;
const idOf = ({ id }) => id;
const ranked = ({ hits }) => hits.map(({ id, score }) => [id, score]);

test("Orama: the plugin reranks what a search finds", async () => {
  const plain = await search(await createOrama(), { term: QUERY, limit: 4 });
  const db = await createOrama([pluginCrossrank({ reranker: async () => reranker, text })]);
  const results = await search(db, { term: QUERY, limit: 4 });
  const ranking = await expected(plain.hits, idOf);
  assert.deepEqual(ranked(results), ranking);
  for (const { id, document } of results.hits) assert.equal(document.body, bodyOf(id));
  assert.equal(results.count, plain.count);
  const top = await createOrama([pluginCrossrank({ reranker, text, topK: 2 })]);
  assert.deepEqual(ranked(await search(top, { term: QUERY, limit: 4 })), ranking.slice(0, 2));
  const page = await search(db, { term: QUERY, limit: 2, offset: 2 });
  assert.deepEqual(page.hits.map(idOf).sort(), plain.hits.slice(2).map(idOf).sort());
});

test("Orama: a blend with its scores", async () => {
  const { hits } = await search(await createOrama(), { term: QUERY, limit: 4 });
  const scores = new Map(hits.map(({ id, score }) => [id, score]));
  const db = await createOrama([pluginCrossrank({ reranker, text, blend: 0.4 })]);
  const results = await search(db, { term: QUERY, limit: 4 });
  assertClose(ranked(results), blended(await expected(hits, idOf), scores, 0.4));
});

test("Orama: searches by vectors, and by words and vectors", async () => {
  const vectors = await embedder.embed(BODIES);
  const createVectors = async (plugins) => {
    const schema = { body: "string", vector: `vector[${embedder.dimensions}]` };
    const db = create({ schema, plugins });
    await insertMultiple(
      db,
      articles.map(({ id, body }, i) => ({ id, body, vector: Array.from(vectors[i]) })),
    );
    return db;
  };
  const [plain, db] = [await createVectors([]), await createVectors([pluginCrossrank({ reranker, text })])];
  const vector = { value: Array.from(await embedder.embedQuery(QUERY)), property: "vector" };
  for (const mode of ["vector", "hybrid"]) {
    const params = { mode, term: QUERY, vector, similarity: -1, limit: 5 };
    const { hits } = await search(plain, params);
    const { results } = await reranker.rerank(QUERY, hits, undefined, { text });
    assert.equal(hits.length, 5);
    assert.deepEqual(
      ranked(await search(db, params)),
      results.map(({ document, score }) => [document.id, score]),
      mode,
    );
  }
  const byVectorOnly = { mode: "vector", vector, similarity: -1, limit: 5 };
  assert.deepEqual((await search(db, byVectorOnly)).hits, (await search(plain, byVectorOnly)).hits);
});

test("Orama: a search without a term stays as it is", async () => {
  const { calls, rerank } = spy();
  const db = await createOrama([pluginCrossrank({ reranker: { rerank }, text })]);
  const plain = await createOrama();
  for (const term of [undefined, "", " "]) {
    assert.deepEqual(
      (await search(db, { term, limit: 3 })).hits,
      (await search(plain, { term, limit: 3 })).hits,
    );
  }
  assert.deepEqual((await search(db, { term: "xylophone" })).hits, []);
  assert.equal(calls.filter(([, documents]) => documents.length > 0).length, 0);
});

test("Orama: an error rejects, or leaves the results as they are", async () => {
  const broken = await createOrama([pluginCrossrank({ reranker: failing(), text })]);
  await assert.rejects(async () => search(broken, { term: QUERY }), failure);
  const plain = await search(await createOrama(), { term: QUERY, limit: 4 });
  const fail = () => Promise.reject(failure);
  const options = { reranker, text: fail, topK: 2, onError: "original-order" };
  const kept = await search(await createOrama([pluginCrossrank(options)]), { term: QUERY, limit: 4 });
  assert.deepEqual(kept.hits, plain.hits.slice(0, 2));
  assert.throws(() => pluginCrossrank({}), /the reranker is undefined; give a Reranker/);
});

test("Orama: rerankResults() takes a signal, and gives copies of hits", async () => {
  const plain = await search(await createOrama(), { term: QUERY, limit: 4 });
  const before = JSON.stringify(plain);
  const results = await rerankResults(reranker, QUERY, plain, { text });
  assert.deepEqual(ranked(results), await expected(plain.hits, idOf));
  assert.equal(JSON.stringify(plain), before);
  const stop = new AbortController();
  const call = rerankResults(hanging(), QUERY, plain, { text, signal: stop.signal });
  stop.abort(failure);
  await assert.rejects(call, failure);
  const texts = create({ schema: { text: "string" } });
  await insertMultiple(
    texts,
    BODIES.map((text) => ({ text })),
  );
  const found = await search(texts, { term: "vector" });
  assert.equal((await rerankResults(reranker, QUERY, found)).hits[0].document.text, BODIES[3]);
});
