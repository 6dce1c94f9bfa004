// transformers.js as its documentation shows a cross-encoder: the whole list in one call.

import { AutoModelForSequenceClassification, env } from "@huggingface/transformers";
import { loadTokenizer, useLocalFolder } from "./tokenizer.js";

export async function load({ model: folder, threads, assets }) {
  const name = useLocalFolder(folder);
  env.backends.onnx.wasm.numThreads = threads;
  env.backends.onnx.wasm.proxy = false;
  if (assets) env.backends.onnx.wasm.wasmPaths = assets;
  const tokenizer = await loadTokenizer(folder);
  const model = await AutoModelForSequenceClassification.from_pretrained(name, {
    dtype: "q8",
    device: "wasm",
  });
  let pairs = [];

  return {
    tune: () => ({ batch: "all" }),
    prepare(given) {
      pairs = given;
    },
    async run() {
      const start = performance.now();
      const queries = pairs.map(([query]) => query);
      const documents = pairs.map(([, document]) => document);
      const features = tokenizer(queries, { text_pair: documents, padding: true, truncation: true });
      const tokenized = performance.now();
      const { logits } = await model(features);
      const end = performance.now();
      return {
        ms_total: end - start,
        ms_tokenize: tokenized - start,
        ms_score: end - tokenized,
        logits: Array.from(logits.data),
      };
    },
  };
}
