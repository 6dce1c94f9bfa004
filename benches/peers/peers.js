// The peers, and their runtimes. Peers of one group are interleaved with each other.

import { existsSync } from "node:fs";
import { basename, join } from "node:path";

const BATCHING = { plain: "batches of 32 in input order", sorted: "length-sorted, its best batch size" };

/** `installed` is a folder in which our packed npm package is installed, if there is one. */
export function peers({ model, worker, installed }) {
  const served = `/models/${basename(model)}`;
  const native = (name, threads) => ({
    name,
    group: "native",
    ours: true,
    runtime: "native",
    load: { model, threads },
    missing: existsSync(worker) ? undefined : "bench_worker is not built",
  });
  const npm = (name, group, wasm) => ({
    name,
    group,
    ours: true,
    runtime: group,
    load:
      group === "node"
        ? { engine: "crossrank", module: `${installed}/node_modules/crossrank/dist/node.js`, model }
        : {
            engine: "crossrank",
            module: "/crossrank/dist/web.js",
            model: served,
            wasm: wasm && `/crossrank/dist/${wasm}`,
          },
    missing: packageMissing(installed, wasm),
  });
  const ort = (name, group, packageName, batching, threads = 1) => ({
    name,
    group,
    runtime: group === "chromium" ? "chromium" : "node",
    what: BATCHING[batching],
    load: {
      engine: "onnxruntime",
      package: packageName,
      batching,
      threads,
      model: group === "chromium" ? served : model,
      assets: group === "chromium" ? "/packages/onnxruntime-web/dist/" : undefined,
    },
  });
  return [
    native("crossrank", 1),
    ort("onnxruntime-node plain", "native", "onnxruntime-node", "plain"),
    ort("onnxruntime-node sorted", "native", "onnxruntime-node", "sorted"),
    { ...native("crossrank, 2 threads", 2), only: "dl19" },
    { ...ort("onnxruntime-node sorted, 2 threads", "native", "onnxruntime-node", "sorted", 2), only: "dl19" },

    npm("crossrank", "node"),
    ort("onnxruntime-web plain", "node", "onnxruntime-web", "plain"),
    ort("onnxruntime-web sorted", "node", "onnxruntime-web", "sorted"),

    npm("crossrank", "chromium", "crossrank.wasm"),
    npm("crossrank relaxed", "chromium", "crossrank-relaxed-simd.wasm"),
    ort("onnxruntime-web plain", "chromium", "onnxruntime-web", "plain"),
    ort("onnxruntime-web sorted", "chromium", "onnxruntime-web", "sorted"),
    {
      name: "transformers.js",
      group: "chromium",
      runtime: "chromium",
      what: "the whole list in one call, as documented",
      load: {
        engine: "transformers",
        model: served,
        threads: 1,
        assets: "/packages/@huggingface/transformers/node_modules/onnxruntime-web/dist/",
      },
    },
  ];
}

function packageMissing(installed, file = "crossrank.wasm") {
  if (!installed) return "no packed npm package (--package)";
  return existsSync(join(installed, "node_modules/crossrank/dist", file))
    ? undefined
    : `the package has no ${file}`;
}

/** The targets: the largest ratio ours / theirs. */
export const TARGETS = [
  ["native", "32x128", "crossrank", "onnxruntime-node plain", 0.85],
  ["native", "dl19", "crossrank", "onnxruntime-node plain", 0.48],
  ["native", "dl19", "crossrank", "onnxruntime-node sorted", 0.8],
  ["node", "32x128", "crossrank", "onnxruntime-web plain", 0.9],
  ["chromium", "32x128", "crossrank", "onnxruntime-web plain", 0.9],
  ["chromium", "32x128", "crossrank relaxed", "onnxruntime-web plain", 0.75],
  ["node", "dl19", "crossrank", "onnxruntime-web sorted", 0.8],
  ["chromium", "dl19", "crossrank", "onnxruntime-web sorted", 0.8],
  ["chromium", "dl19", "crossrank", "transformers.js", 0.4],
].map(([group, workload, ours, theirs, atMost]) => ({ group, workload, ours, theirs, atMost }));

/** Two threads / one: ours must be no worse than theirs. */
export const SCALING = {
  group: "native",
  workload: "dl19",
  ours: ["crossrank, 2 threads", "crossrank"],
  theirs: ["onnxruntime-node sorted, 2 threads", "onnxruntime-node sorted"],
};
