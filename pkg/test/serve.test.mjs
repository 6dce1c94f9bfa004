// The remote reranker against `crossrank serve`: its scores are those of the same model here.
// CROSSRANK_SERVE names the program. Runs inside the test project.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { Reranker } from "crossrank";
import * as model from "crossrank-minilm-l6-en";

const program = process.env.CROSSRANK_SERVE;
const apiKey = "test-key-123";
const query = "what is a vector database";
const documents = Array.from({ length: 40 }, (_, i) =>
  i % 3 ? `A vector database of ${i} vectors.` : `${i} bananas`,
);

async function serve(t) {
  const tokens = new URL("tokens", import.meta.url);
  await writeFile(tokens, apiKey);
  const options = ["serve", "--port", "0", "--token-file", tokens.pathname];
  const server = spawn(program, options, { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => server.kill());
  for await (const chunk of server.stdout) {
    const [address] = /http:\S+/.exec(chunk) ?? [];
    if (address) return address;
  }
  throw new Error("the server ended without naming its address");
}

const skip = program ? false : "CROSSRANK_SERVE names no program";
test("remote, against crossrank serve", { skip }, async (t) => {
  const url = await serve(t);
  const local = await Reranker.load({ model });
  const expected = await local.rerank(query, documents);
  for (const [api, path] of [
    ["cohere", ""],
    ["jina", "/jina"],
    ["voyage", "/voyage"],
    ["tei", ""],
  ]) {
    await t.test(api, async () => {
      const remote = Reranker.remote({ url: url + path, api, apiKey, model: model.name });
      const { results } = await remote.rerank(query, documents);
      assert.deepEqual(
        results.map((r) => r.document),
        expected.results.map((r) => r.document),
      );
      results.forEach(({ score, logit }, i) => {
        const same = expected.results[i];
        // TEI gives the logit and the others the score, each as one single-precision number.
        if (api === "tei") assert.equal(Math.fround(logit), same.logit);
        else assert.equal(Math.fround(score), same.score);
        assert.ok(Math.abs(score - same.score) < 1e-6);
      });
      const stranger = Reranker.remote({ url: url + path, api, apiKey: "wrong", model: model.name });
      await assert.rejects(stranger.rerank(query, documents), { code: "remote-refused" });
    });
  }
});
