// Gathering rows of Arrow's batches, compared with reading single values by Arrow itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as arrow from "apache-arrow";

const { gatherRows } = await import("./node_modules/crossrank/dist/adapters/arrow.js");

const item = (type) => new arrow.Field("item", type, true);
const pair = new arrow.Struct([
  new arrow.Field("a", new arrow.Int32(), true),
  new arrow.Field("b", new arrow.Utf8(), true),
]);
const COUNT = 19;
const all = (makeValue) => Array.from({ length: COUNT }, (_, i) => makeValue(i));
/** Types with the values of rows, of which every third one is null as well. */
const TYPES = {
  bool: [new arrow.Bool(), (i) => i % 2 === 0],
  uint8: [new arrow.Uint8(), (i) => i],
  int32: [new arrow.Int32(), (i) => -i],
  int64: [new arrow.Int64(), (i) => 2n ** 60n + BigInt(i)],
  uint64: [new arrow.Uint64(), (i) => 2n ** 63n + BigInt(i)],
  float32: [new arrow.Float32(), (i) => i / 2],
  float64: [new arrow.Float64(), (i) => i / 3],
  utf8: [new arrow.Utf8(), (i) => "é".repeat(i % 5)],
  binary: [new arrow.Binary(), (i) => new Uint8Array(i % 4).fill(i)],
  largeUtf8: [new arrow.LargeUtf8(), (i) => "x".repeat(i % 5)],
  largeBinary: [new arrow.LargeBinary(), (i) => new Uint8Array(i % 4).fill(i)],
  fixedSizeBinary: [new arrow.FixedSizeBinary(3), (i) => Uint8Array.of(i, 1, 2)],
  dateDay: [new arrow.DateDay(), (i) => new Date(86_400_000 * i)],
  dateMillisecond: [new arrow.DateMillisecond(), (i) => new Date(1_700_000_000_000 + i)],
  timeSecond: [new arrow.TimeSecond(), (i) => i],
  timeMicrosecond: [new arrow.TimeMicrosecond(), (i) => BigInt(i)],
  timestampSecond: [new arrow.TimestampSecond(), (i) => 1000 * i],
  timestampNanosecond: [new arrow.TimestampNanosecond(), (i) => 1_700_000_000_000 + i],
  duration: [new arrow.DurationMillisecond(), (i) => BigInt(i)],
  decimal: [new arrow.Decimal(2, 10, 128), (i) => Uint32Array.of(i, 0, 0, 0)],
  list: [
    new arrow.List(item(new arrow.Utf8())),
    (i) => Array.from({ length: i % 4 }, (_, j) => (j === 1 ? null : `${i}.${j}`)),
  ],
  nested: [
    new arrow.List(item(new arrow.List(item(new arrow.Int32())))),
    (i) => [[i], [], [i, i + 1]].slice(0, i % 4),
  ],
  structs: [
    new arrow.List(item(pair)),
    (i) =>
      [
        { a: i, b: "x" },
        { a: null, b: "y" },
      ].slice(0, i % 3),
  ],
  vector: [new arrow.FixedSizeList(3, item(new arrow.Float32())), (i) => [i, i + 1, i + 2]],
  pairs: [
    new arrow.FixedSizeList(2, item(pair)),
    (i) => [
      { a: i, b: "x" },
      { a: i, b: null },
    ],
  ],
  struct: [pair, (i) => ({ a: i, b: i % 2 ? null : `${i}` })],
};

const plain = (value) =>
  JSON.parse(JSON.stringify(value ?? null, (_, value) => (typeof value === "bigint" ? `${value}n` : value)));
const batchOf = (columns) => new arrow.Table(columns).batches[0];
const distance = (length) => arrow.vectorFromArray(Array(length).fill(0), new arrow.Float32());
const column = { name: "_relevance_score", like: ["_score", "_distance"] };

for (const [name, [type, makeValue]] of Object.entries(TYPES)) {
  test(`${name}: values, nulls, and rows of either batch`, () => {
    for (const nulls of [false, true]) {
      // Arrow cannot build a struct whose first value is null.
      const isNull = (i) => nulls && i % 3 === 2;
      const vector = arrow.vectorFromArray(
        all((i) => (isNull(i) ? null : makeValue(i))),
        type,
      );
      const whole = batchOf({ x: vector, _distance: distance(COUNT) });
      // The second batch is a part of a longer one, and begins within a byte of its bitmaps.
      for (const [first, second] of [
        [whole, whole.slice(3, 14)],
        [whole.slice(5, 12), whole],
        [whole.slice(0, 0), whole],
        [whole, whole.slice(0, 0)],
      ]) {
        const rows = [];
        for (let i = first.numRows - 1; i >= 0; i--) rows.push([i, -1]);
        for (let i = 0; i < second.numRows; i += 2) rows.push([-1, i]);
        if (first.numRows > 1) rows.push([1, second.numRows - 1], [1, -1]);
        const scores = rows.map((_, i) => i / 4);
        const batch = gatherRows([first, second], rows, { ...column, scores });
        assert.equal(batch.numRows, rows.length);
        // What Arrow writes and reads again is complete.
        const bytes = arrow.tableToIPC(new arrow.Table([batch]));
        for (const result of [batch, arrow.tableFromIPC(bytes).batches[0]]) {
          for (const [i, [a, b]] of rows.entries()) {
            const expected = a >= 0 ? first.get(a) : second.get(b);
            const { x, _relevance_score } = result.get(i).toJSON();
            assert.deepEqual(plain(x), plain(expected.x), `row ${i}`);
            assert.equal(_relevance_score, scores[i]);
          }
        }
      }
    }
  });
}

test("a column of one batch is null in rows of the other", () => {
  const numbers = (list, type = new arrow.Int32()) => arrow.vectorFromArray(list, type);
  const first = batchOf({ id: numbers([1, 2]), _distance: numbers([0.5, 1], new arrow.Float32()) });
  const second = batchOf({ id: numbers([2, 3]), _score: numbers([4, 8], new arrow.Float32()) });
  const rows = [
    [-1, 1],
    [1, 0],
    [0, -1],
  ];
  const batch = gatherRows([first, second], rows, { ...column, scores: [3, 2, 1] });
  assert.deepEqual(
    batch.toArray().map((row) => row.toJSON()),
    [
      { id: 3, _distance: null, _score: 8, _relevance_score: 3 },
      { id: 2, _distance: 1, _score: 4, _relevance_score: 2 },
      { id: 1, _distance: 0.5, _score: null, _relevance_score: 1 },
    ],
  );
  assert.deepEqual(
    batch.schema.fields.map(({ name, nullable }) => [name, nullable]),
    [
      ["id", true],
      ["_distance", true],
      ["_score", true],
      ["_relevance_score", false],
    ],
  );
  const none = gatherRows([first, second], [], { ...column, scores: [] });
  assert.deepEqual([none.numRows, none.schema.fields.length], [0, 4]);
});

test("types that cannot be joined are errors", () => {
  const dictionary = new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32());
  for (const [words, type] of [
    [arrow.vectorFromArray(["a", "b"], dictionary), "Dictionary"],
    [arrow.vectorFromArray([["a"], ["b"]], new arrow.List(item(dictionary))), "List<Dictionary"],
  ]) {
    const batch = batchOf({ words, _distance: distance(2) });
    assert.throws(() => gatherRows([batch, batch], [[0, -1]], { ...column, scores: [1] }), {
      code: "unsupported",
      message: new RegExp(`the column "words" has the type ${type}.*; select the other columns`),
    });
  }
  const bare = batchOf({ id: arrow.vectorFromArray([1, 2], new arrow.Int32()) });
  assert.throws(() => gatherRows([bare, bare], [[0, -1]], { ...column, scores: [1] }), {
    message: "the results have none of the columns _score, _distance; select one",
  });
});
