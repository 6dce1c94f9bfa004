// The peers, and their runtimes. Peers of one group are interleaved with each other.

import { existsSync } from "node:fs";
import { basename, join } from "node:path";

const BATCHING = { plain: "batches of 32 in input order", sorted: "length-sorted, its best batch size" };
const GRAPH = "onnx/model_quantized.onnx";
/** The work on which a second thread is measured. */
const TWO_THREADS = ["dl19", "1x512"];
/** Threads that spin while they wait are faster on an idle machine, and slower on a busy one. */
const SPIN = "onnxruntime-node sorted, 2 threads";
const NO_SPIN = "onnxruntime-node sorted, 2 threads, no spin";

/**
 * `installed` is a folder in which our packed npm package is installed, if there is one. `float` is the
 * graph with the same weights in f32.
 */
export function peers({ model, float, worker, rten: rtenWorker, installed }) {
  const served = `/models/${basename(model)}`;
  const missing = (...files) => {
    const file = files.find((file) => !existsSync(file));
    return file && `${file} does not exist`;
  };
  const native = (name, threads) => ({
    name,
    group: "native",
    ours: true,
    runtime: "native",
    load: { model, threads },
    missing: missing(worker),
  });
  const npm = (name, group, wasm) => {
    const folder = group === "node" ? `${installed}/node_modules/crossrank` : "/crossrank";
    return {
      name,
      group,
      ours: true,
      runtime: group,
      load: {
        engine: "crossrank",
        module: `${folder}/dist/${group === "node" ? "node" : "web"}.js`,
        model: group === "node" ? model : served,
        // Without a file, the package chooses.
        wasm: wasm && `${folder}/dist/${wasm}`,
      },
      missing: packageMissing(installed, wasm),
    };
  };
  const ort = (name, group, packageName, batching, { threads = 1, spinning, graph } = {}) => ({
    name,
    group,
    runtime: group === "chromium" ? "chromium" : "node",
    what: BATCHING[batching],
    load: {
      engine: "onnxruntime",
      package: packageName,
      batching,
      threads,
      spinning,
      model: group === "chromium" ? served : model,
      graph: graph ?? `${group === "chromium" ? served : model}/${GRAPH}`,
      assets: group === "chromium" ? "/packages/onnxruntime-web/dist/" : undefined,
    },
    missing: graph && missing(graph),
  });
  const rten = (name, batching, { threads = 1, graph = join(model, GRAPH) } = {}) => ({
    name,
    group: "native",
    runtime: "rten",
    what: BATCHING[batching],
    load: { model, graph, threads, batching },
    missing: missing(rtenWorker, graph),
  });
  const two = { threads: 2 };
  return [
    native("crossrank", 1),
    ort("onnxruntime-node plain", "native", "onnxruntime-node", "plain"),
    ort("onnxruntime-node sorted", "native", "onnxruntime-node", "sorted"),
    ort("onnxruntime-node f32 sorted", "native", "onnxruntime-node", "sorted", { graph: float }),
    rten("rten plain", "plain"),
    rten("rten sorted", "sorted"),
    rten("rten f32 sorted", "sorted", { graph: float }),
    { ...native("crossrank, 2 threads", 2), only: TWO_THREADS },
    { ...ort(SPIN, "native", "onnxruntime-node", "sorted", two), only: TWO_THREADS },
    {
      ...ort(NO_SPIN, "native", "onnxruntime-node", "sorted", { ...two, spinning: false }),
      only: TWO_THREADS,
    },
    { ...rten("rten sorted, 2 threads", "sorted", two), only: TWO_THREADS },

    npm("crossrank", "node", "crossrank.wasm"),
    ort("onnxruntime-web plain", "node", "onnxruntime-web", "plain"),
    ort("onnxruntime-web sorted", "node", "onnxruntime-web", "sorted"),

    npm("crossrank", "chromium", "crossrank.wasm"),
    npm("crossrank relaxed", "chromium", "crossrank-relaxed-simd.wasm"),
    // One of the two above, so that the tables have no columns for it.
    { ...npm("crossrank, chosen build", "chromium"), alias: true },
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

const TRANSFORMERS = "transformers.js as documented";

/**
 * The rows of the record's summary: the ratio of `ours` to `theirs`. The largest that is wanted, if any, is
 * `atMost`: with AVX-VNNI, and with AVX-512 VNNI alone. `beside` names pairs of peers: the smallest
 * ratio of them is given, too.
 */
export const SUMMARY = [
  {
    work: "native, DL19 lists",
    against: `onnxruntime-node, ${BATCHING.sorted}`,
    at: ["native", "dl19"],
    ours: "crossrank",
    theirs: "onnxruntime-node sorted",
    atMost: [0.55, 0.62],
  },
  {
    work: "native, 32x128",
    against: "onnxruntime-node",
    at: ["native", "32x128"],
    ours: "crossrank",
    theirs: "onnxruntime-node plain",
    atMost: [0.55, 0.57],
  },
  {
    work: "native, DL19 lists",
    against: `onnxruntime-node, ${BATCHING.plain}`,
    at: ["native", "dl19"],
    ours: "crossrank",
    theirs: "onnxruntime-node plain",
    atMost: [0.26, 0.28],
  },
  ...["node", "chromium"].map((group) => ({
    work: `${group === "node" ? "node" : "Chromium"} simd128, DL19 lists`,
    against: `onnxruntime-web, ${BATCHING.sorted}`,
    at: [group, "dl19"],
    ours: "crossrank",
    theirs: "onnxruntime-web sorted",
    atMost: [0.67, 0.67],
  })),
  ...[
    [`onnxruntime-web, ${BATCHING.sorted}`, "onnxruntime-web sorted", [0.4, 0.67]],
    [TRANSFORMERS, "transformers.js", [0.17, 0.24]],
  ].map(([against, theirs, atMost]) => ({
    work: "Chromium, the build that is chosen, DL19 lists",
    against,
    at: ["chromium", "dl19"],
    ours: "crossrank, chosen build",
    theirs,
    atMost,
  })),
  ...[
    ["dl19", "two threads / one, DL19 lists", [0.54, 0.54]],
    ["1x512", "one pair of 512 tokens, two threads / one", [0.62, 0.62]],
  ].map(([workload, work, atMost]) => ({
    work,
    against: "its own one thread",
    at: ["native", workload],
    ours: "crossrank, 2 threads",
    theirs: "crossrank",
    beside: [SPIN, NO_SPIN].map((two) => [two, "onnxruntime-node sorted"]),
    // A second thread must help with lists as much as it helps onnxruntime-node.
    atMostBeside: workload === "dl19",
    atMost,
  })),
  ...["sorted", "plain"].map((batching) => ({
    work: "native, DL19 lists",
    against: `rten, ${BATCHING[batching]}`,
    at: ["native", "dl19"],
    ours: "crossrank",
    theirs: `rten ${batching}`,
  })),
];
