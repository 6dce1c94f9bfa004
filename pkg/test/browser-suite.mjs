// Runs the suites on a page or in a worker.

import * as crossrank from "crossrank";
import * as embedder from "crossrank-all-minilm-l6-v2";
import * as model from "crossrank-minilm-l6-en";
import { runAll } from "./reranker-suite.mjs";
import * as separateEmbedder from "./separate/embedder/index.js";
import * as separateReranker from "./separate/reranker/index.js";

const read = async (name) => (await fetch(new URL(name, import.meta.url))).json();

/** The list of the workers that are started from now on. */
function startedWorkers() {
  const started = [];
  const { Worker } = globalThis;
  globalThis.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      started.push(this);
    }
  };
  return started;
}

/** The classes of a frame. */
function frame() {
  const element = document.createElement("iframe");
  document.body.append(element);
  return element.contentWindow;
}

/** Runs the suites on this thread, with the models in a number of workers. */
export async function runHere(report, { stub, hub }, workers) {
  const [golden, bits] = await Promise.all([read("golden.json"), read("logit-bits.json")]);
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
  const separate = {
    reranker: separateReranker,
    embedder: separateEmbedder,
    bits: await read("int8-logit-bits.json"),
  };
  const prepared = new Uint8Array(await (await fetch(model.files.prepared.url)).arrayBuffer());
  const general = {
    folder: url("graphs/other-silu/"),
    small: url("node_modules/crossrank/dist/crossrank.wasm"),
    expected: await read("graphs/other-silu/expected.json"),
  };
  const context = {
    crossrank,
    model,
    separate,
    golden: golden.pairs,
    bits,
    embedding,
    stub,
    hub,
    remote,
    workers,
    startedWorkers,
    otherRealm: "document" in globalThis ? frame : undefined,
    prepared,
    general,
    tiny: url("graphs/int8-tensor/"),
  };
  return runAll(context, report);
}

/** Runs the suites in a dedicated module worker. */
export function runInWorker(report, origins) {
  const place = `/worker/suite-worker.mjs#${encodeURIComponent(JSON.stringify(origins))}`;
  const worker = new Worker(place, { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(`worker: ${event.message}`));
    worker.onmessage = ({ data }) => (data.records ? resolve(data.records) : report(data.name));
  }).finally(() => worker.terminate());
}
