// Loads a model and reranks while functions of the platform do nothing, as with the fake timers of test
// runners. Prints the number of results. Arguments: the number of workers, and the names of the functions.

import { writeSync } from "node:fs";
import { Reranker } from "crossrank";
import * as model from "crossrank-minilm-l6-en";

const [workers, ...names] = process.argv.slice(2);
// Nothing else keeps the process running if the package waits for a fake function.
setInterval(() => {}, 1000);
for (const name of names) {
  const owner = [globalThis, performance, process].find((owner) => name in owner);
  owner[name] = name === "now" ? () => 0 : () => {};
}
const reranker = await Reranker.load({ model, workers: Number(workers) });
const { results } = await reranker.rerank("a query", Array(9).fill("a document of some words"), 3);
// The streams of node need `nextTick`.
writeSync(1, String(results.length));
process.exit();
