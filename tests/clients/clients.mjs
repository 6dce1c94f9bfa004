// Tests the client from npm against a running server; see clients.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { CohereClient, CohereClientV2, CohereError } from "cohere-ai";

const { CROSSRANK_URL: environment, CROSSRANK_QUERY: query } = process.env;
const results = JSON.parse(readFileSync(process.env.CROSSRANK_EXPECTED, "utf8"));
const lines = readFileSync(process.argv[2], "utf8").split("\n");
const documents = lines.map((line) => line.trim()).filter(Boolean);
const expected = results.map(({ index, score }) => ({ index, score }));
const rows = (answer) => answer.results.map((r) => ({ index: r.index, score: r.relevanceScore }));

const v1 = new CohereClient({ token: "none", environment });
const first = await v1.rerank({
  model: "rerank-english-v3.0",
  query,
  documents,
  topN: 5,
  returnDocuments: true,
});
assert.deepEqual(rows(first), expected.slice(0, 5));
const texts = first.results.map((r) => r.document.text);
assert.deepEqual(
  texts,
  results.slice(0, 5).map((r) => r.document),
);
console.log("ok cohere-ai, version 1");

const v2 = new CohereClientV2({ token: "none", environment });
assert.deepEqual(rows(await v2.rerank({ model: "rerank-v3.5", query, documents })), expected);
console.log("ok cohere-ai, version 2");

await assert.rejects(v2.rerank({ model: "no-such-model", query, documents }), (error) => {
  assert.ok(error instanceof CohereError);
  assert.equal(error.statusCode, 404);
  assert.match(error.body.message, /minilm-l6-en/);
  return true;
});
console.log("ok cohere-ai, errors");
