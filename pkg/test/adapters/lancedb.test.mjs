// crossrank/lancedb with LanceDB, which runs in this process, on a table with every kind of column.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, Index, makeArrowTable, rerankers } from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
import { CrossrankReranker } from "crossrank/lancedb";
import { embedder, failing, PASSAGES, QUERY, reference, reranker, spy } from "./model.mjs";

const folder = mkdtempSync(join(tmpdir(), "crossrank-lancedb-"));
after(() => rmSync(folder, { recursive: true }));
let table;
let vector;

const item = (type) => new arrow.Field("item", type, true);
const COLUMNS = {
  id: new arrow.Int32(),
  text: new arrow.Utf8(),
  vector: new arrow.FixedSizeList(embedder.dimensions, item(new arrow.Float32())),
  tags: new arrow.List(item(new arrow.Utf8())),
  meta: new arrow.Struct([
    new arrow.Field("a", new arrow.Int32(), true),
    new arrow.Field("b", new arrow.Utf8(), true),
  ]),
  micros: new arrow.TimestampMicrosecond(),
  millis: new arrow.TimestampMillisecond(),
  day: new arrow.DateDay(),
  flag: new arrow.Bool(),
  big: new arrow.Int64(),
  ratio: new arrow.Float64(),
  bytes: new arrow.Binary(),
  nothing: new arrow.Utf8(),
};
const FIELDS = Object.entries(COLUMNS).map(([name, type]) => new arrow.Field(name, type, true));

before(async () => {
  const vectors = await embedder.embed(PASSAGES);
  const rows = PASSAGES.map((text, id) => ({
    id,
    text,
    vector: Array.from(vectors[id]),
    tags: [`tag ${id}`, "all"],
    meta: { a: id, b: `b${id}` },
    micros: 1_700_000_000_000 + id,
    millis: 1_700_000_000_000 + id,
    day: new Date(86_400_000 * (19_000 + id)),
    flag: id % 2 === 0,
    big: 2n ** 60n + BigInt(id),
    ratio: id / 3,
    bytes: Buffer.from([id, 255]),
    nothing: null,
  }));
  const db = await connect(folder);
  table = await db.createTable("passages", makeArrowTable(rows, { schema: new arrow.Schema(FIELDS) }));
  await table.createIndex("text", { config: Index.fts() });
  vector = Array.from(await embedder.embedQuery(QUERY));
});

const hybrid = (query = QUERY) => table.query().nearestTo(vector).fullTextSearch(query);
/** A row as plain values, so that rows of two queries can be compared. */
const plain = ({ _distance, _score, _relevance_score, ...row }) =>
  JSON.parse(JSON.stringify(row, (_key, value) => (typeof value === "bigint" ? `${value}n` : value)));

test("a hybrid query gives the rows of both searches, by the reranker's scores", async () => {
  const rows = await hybrid().rerank(new CrossrankReranker({ reranker })).limit(6).toArray();
  const ranked = rows.map(({ id, _relevance_score }) => ({ index: id, score: _relevance_score }));
  assert.deepEqual(ranked, await reference());
  // Every column of a row is the row's own.
  const stored = await table.query().toArray();
  for (const row of rows) assert.deepEqual(plain(row), plain(stored.find(({ id }) => id === row.id)));
});

test("the columns are those of LanceDB's own reranker, and of each search", async () => {
  const own = await rerankers.RRFReranker.create();
  const theirs = (await hybrid().rerank(own).limit(6).toArray()).map((row) => Object.keys(row));
  const rows = await hybrid().rerank(new CrossrankReranker({ reranker })).limit(6).toArray();
  for (const name of theirs[0]) assert.ok(name in rows[0], name);
  const found = {
    _distance: await table.query().nearestTo(vector).limit(6).toArray(),
    _score: await table.query().fullTextSearch(QUERY).limit(6).toArray(),
  };
  assert.ok(found._score.length < rows.length, "some rows are found by vectors only");
  for (const [name, list] of Object.entries(found)) {
    const values = new Map(list.map((row) => [row.id, row[name]]));
    // LanceDB scales the scores of each search before it reranks. Their order stays.
    const places = rows.filter((row) => row[name] !== null).sort((a, b) => a[name] - b[name] || a.id - b.id);
    const expected = [...values].sort((a, b) => a[1] - b[1] || a[0] - b[0]).map(([id]) => id);
    assert.deepEqual(
      places.map(({ id }) => id),
      expected,
      name,
    );
  }
});

test("limit cuts the reranked list, and a row that both searches found appears once", async () => {
  const best = (await reference()).slice(0, 2).map(({ index }) => index);
  const rows = await hybrid().rerank(new CrossrankReranker({ reranker })).limit(2).toArray();
  assert.equal(new Set(rows.map(({ id }) => id)).size, 2);
  assert.deepEqual(
    rows.map(({ id }) => id),
    best,
  );
});

test("each document reaches the reranker once", async () => {
  const { calls, rerank } = spy();
  const options = { reranker: async () => ({ rerank }), minScore: 0.2, longDocuments: "truncate" };
  const rows = await hybrid().rerank(new CrossrankReranker(options)).limit(6).toArray();
  assert.deepEqual(
    rows.map(({ id }) => id),
    (await reference()).filter(({ score }) => score >= 0.2).map(({ index }) => index),
  );
  const [[query, documents, topK, { text, ...rest }]] = calls;
  assert.deepEqual([query, topK, rest], [QUERY, undefined, { minScore: 0.2, longDocuments: "truncate" }]);
  assert.deepEqual(documents.map(text).sort(), [...PASSAGES].sort());
});

test("the text is a column or made of a row", async () => {
  const upper = PASSAGES.map((text, id) => `${id}: ${text.toUpperCase()}`);
  const text = ({ id, text }) => `${id}: ${text.toUpperCase()}`;
  const rows = await hybrid().rerank(new CrossrankReranker({ reranker, text })).limit(6).toArray();
  assert.deepEqual(
    rows.map(({ id, _relevance_score }) => ({ index: id, score: _relevance_score })),
    await reference(upper),
  );
  const { calls, rerank } = spy();
  await hybrid()
    .rerank(new CrossrankReranker({ reranker: { rerank }, text: "text" }))
    .toArray();
  assert.equal(calls.length, 1);
  const unselected = hybrid()
    .select(["id"])
    .rerank(new CrossrankReranker({ reranker, text: "body" }))
    .toArray();
  await assert.rejects(unselected, /the results have no column "body" but id; select it, or name another/);
});

test("queries that find nothing have no rows", async () => {
  const ours = new CrossrankReranker({ reranker });
  for (const reranking of [ours, await rerankers.RRFReranker.create()]) {
    assert.deepEqual(await hybrid().where("id > 99").rerank(reranking).toArray(), []);
    assert.deepEqual((await hybrid("xylophone").rerank(reranking).limit(3).toArray()).length, 3);
  }
  const none = new CrossrankReranker({ reranker, minScore: 1 });
  assert.deepEqual(await hybrid().rerank(none).toArray(), []);
});

test("an error of the reranker fails the query", async () => {
  const query = hybrid()
    .rerank(new CrossrankReranker({ reranker: failing() }))
    .toArray();
  await assert.rejects(query, /the model is broken/);
  assert.throws(() => new CrossrankReranker({}), /the reranker is undefined; give a Reranker/);
});
