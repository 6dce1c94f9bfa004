// Tests `crossrank mcp` through the official client of the Model Context Protocol from npm. CROSSRANK
// names the program and CROSSRANK_INDEX an index, which the server at CROSSRANK_URL has too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const { CROSSRANK, CROSSRANK_INDEX, CROSSRANK_QUERY: query, CROSSRANK_URL: url } = process.env;
const results = JSON.parse(readFileSync(process.env.CROSSRANK_EXPECTED, "utf8"));
const lines = readFileSync(process.argv[2], "utf8").split("\n");
const documents = lines.map((line) => line.trim()).filter(Boolean);

const args = ["mcp", "--index", CROSSRANK_INDEX];
const transport = new StdioClientTransport({ command: CROSSRANK, args, stderr: "inherit" });
const client = new Client({ name: "crossrank-tests", version: "1.0.0" });
// Whatever on standard output is not a message of the protocol arrives here.
const errors = [];
client.onerror = (error) => errors.push(error);
await client.connect(transport);
assert.equal(client.getServerVersion().name, "crossrank");

const { tools } = await client.listTools();
assert.deepEqual(
  tools.map(({ name }) => name),
  ["rerank", "search"],
);
assert.deepEqual(tools[0].inputSchema.required, ["query", "documents"]);
assert.ok(tools.every(({ annotations }) => annotations.readOnlyHint));
console.log("ok @modelcontextprotocol/sdk, tools/list");

const call = (name, args) => client.callTool({ name, arguments: args });
const ranked = await call("rerank", { query, documents, return_documents: true });
assert.deepEqual(
  ranked.structuredContent.results,
  results.map(({ index, score, document }) => ({
    index,
    relevance_score: score,
    document: { text: document },
  })),
);
assert.deepEqual(JSON.parse(ranked.content[0].text), ranked.structuredContent);
console.log("ok @modelcontextprotocol/sdk, rerank");

const search = { query, top_k: 3 };
const response = await fetch(`${url}/search`, { method: "POST", body: JSON.stringify(search) });
const found = await call("search", search);
assert.equal(found.structuredContent.results.length, 3);
assert.deepEqual(found.structuredContent.results, (await response.json()).results);
console.log("ok @modelcontextprotocol/sdk, search");

for (const [name, args, part] of [
  ["rerank", { query }, /documents/],
  ["rerank", { query, documents, model: "no-such-model" }, /minilm-l6-en/],
  ["search", { query, recall: -1 }, /recall/],
]) {
  const failed = await call(name, args);
  assert.equal(failed.isError, true);
  assert.match(failed.content[0].text, part);
}
await assert.rejects(call("no-such-tool", {}), /no-such-tool/);
const many = await Promise.all(documents.map((text) => call("rerank", { query, documents: [text] })));
many.forEach(({ structuredContent }, i) => {
  const { score } = results.find(({ index }) => index === i);
  assert.equal(structuredContent.results[0].relevance_score, score);
});
console.log("ok @modelcontextprotocol/sdk, errors and concurrent calls");

await client.close();
assert.deepEqual(errors, []);
