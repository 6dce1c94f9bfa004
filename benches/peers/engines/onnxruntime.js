// onnxruntime-node and onnxruntime-web: same API, one implementation.

import { batches, padded } from "./batches.js";
import { encode, loadTokenizer } from "./tokenizer.js";

export async function load({ package: name, model, graph, threads, spinning = true, batching, assets }) {
  const ort = await import(name);
  if (name === "onnxruntime-web") {
    ort.env.wasm.numThreads = threads;
    ort.env.wasm.proxy = false;
    if (assets) ort.env.wasm.wasmPaths = assets;
  }
  const session = await ort.InferenceSession.create(graph, {
    executionProviders: [name === "onnxruntime-web" ? "wasm" : "cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    ...(!spinning && { extra: { session: { intra_op: { allow_spinning: "0" } } } }),
  });
  const tokenizer = await loadTokenizer(model);
  const sorted = batching === "sorted";
  let pairs = [];
  let size = 32;

  async function score(encoding, batchSize) {
    const lengths = encoding.input_ids.map((ids) => ids.length);
    const logits = new Array(lengths.length);
    for (const batch of batches(lengths, batchSize, sorted)) {
      const { width, arrays } = padded(encoding, batch, session.inputNames);
      const feeds = {};
      for (const input of session.inputNames) {
        feeds[input] = new ort.Tensor("int64", arrays[input], [batch.length, width]);
      }
      const output = await session.run(feeds);
      batch.forEach((index, row) => (logits[index] = output.logits.data[row]));
    }
    return logits;
  }

  return {
    /** Chooses the batch size that is fastest on these pairs, if the style leaves it open. */
    async tune(sample, sizes) {
      if (!sorted) return { batch: size };
      const encoding = encode(tokenizer, sample);
      let best = Infinity;
      // Two passes, so that a disturbed turn decides nothing.
      for (const candidate of [...sizes, ...sizes]) {
        const start = performance.now();
        await score(encoding, candidate);
        const took = performance.now() - start;
        if (took < best) [best, size] = [took, candidate];
      }
      return { batch: size };
    },
    prepare(given) {
      pairs = given;
    },
    async run() {
      const start = performance.now();
      const encoding = encode(tokenizer, pairs);
      const tokenized = performance.now();
      const logits = await score(encoding, size);
      const end = performance.now();
      return { ms_total: end - start, ms_tokenize: tokenized - start, ms_score: end - tokenized, logits };
    },
  };
}
