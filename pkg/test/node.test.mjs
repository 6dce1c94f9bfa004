// The suites in node. Runs inside the test project, in which the packed packages are installed.

import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import * as crossrank from "crossrank";
import * as embedder from "crossrank-all-minilm-l6-v2";
import * as model from "crossrank-minilm-l6-en";
import { tinyHub } from "./hub-server.mjs";
import { tests } from "./reranker-suite.mjs";
import { startStub } from "./service-stub.mjs";

const read = async (name) => JSON.parse(await readFile(new URL(name, import.meta.url), "utf8"));
const golden = (await read("golden.json")).pairs;
const bits = await read("logit-bits.json");
const embedding = {
  model: embedder,
  golden: (await read("embedding-golden.json")).texts,
  bits: await read("embedding-bits.json"),
};
const remote = {};
for (const name of ["cohere", "jina", "voyage", "tei", "failures"]) {
  remote[name] = await read(`remote/${name}.json`);
}

const url = (name) => new URL(name, import.meta.url);
const prepared = {
  url: url("model.crossrank"),
  bytes: new Uint8Array(await readFile(url("model.crossrank"))),
};
const general = {
  folder: url("graphs/other-silu/"),
  small: new URL(import.meta.resolve("crossrank/crossrank.wasm")),
  expected: await read("graphs/other-silu/expected.json"),
};

const tiny = url("graphs/int8-tensor/");

let stub;
let hub;
before(async () => {
  stub = await startStub();
  hub = await tinyHub(url("./"));
});
after(() => {
  stub.close();
  hub.close();
});

/** The list of the workers that are started from now on. */
function startedWorkers() {
  const started = [];
  process.on("worker", (worker) => started.push(worker));
  return started;
}

for (const workers of [0, 2]) {
  test(workers === 0 ? "node, in-thread" : "node, workers", async (t) => {
    const own = { stub: stub.origin, hub: hub.origin, tiny, workers, startedWorkers };
    const context = { crossrank, model, golden, bits, embedding, remote, prepared, general, ...own };
    for (const [name, run] of Object.entries(tests(context))) {
      await t.test(name, async (t) => {
        const note = await run();
        if (note) t.diagnostic(note);
      });
    }
  });
}
