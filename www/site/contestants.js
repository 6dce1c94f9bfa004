// The libraries that the bench page times. A contestant scores a list in one call and gives its logits.

import { Reranker } from "crossrank";

const PACKAGES = new URL("packages/", import.meta.url);
const MODELS = new URL("models/", import.meta.url);
const MODEL = "minilm-l6-en";

async function crossrank(workers) {
  const reranker = await Reranker.load({ model: new URL(`${MODEL}/`, MODELS), workers, scoreCache: false });
  const info = await reranker.info();
  const count = info.workers === 1 ? "one worker" : `${info.workers} workers`;
  return {
    name: "crossrank",
    computes: `${count}, ${info.kernel}`,
    workers: info.workers,
    dispose: () => reranker.dispose(),
    async score(query, documents) {
      const pairs = documents.map((document) => [query, document]);
      const scores = await reranker.score(pairs, { longDocuments: "truncate" });
      return scores.map(({ logit }) => logit);
    },
  };
}

async function transformers() {
  const { AutoModelForSequenceClassification, AutoTokenizer, env } = await import(
    "@huggingface/transformers"
  );
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = MODELS.pathname;
  env.backends.onnx.wasm.wasmPaths = new URL("onnxruntime-web/dist/", PACKAGES).href;
  const tokenizer = await AutoTokenizer.from_pretrained(MODEL);
  const model = await AutoModelForSequenceClassification.from_pretrained(MODEL, {
    dtype: "q8",
    device: "wasm",
  });
  const threads = env.backends.onnx.wasm.numThreads || 1;
  return {
    name: "transformers.js",
    computes: crossOriginIsolated && threads > 1 ? `${threads} threads` : "one thread",
    dispose: () => model.dispose(),
    async score(query, documents) {
      const queries = Array(documents.length).fill(query);
      const features = tokenizer(queries, { text_pair: documents, padding: true, truncation: true });
      const { logits } = await model(features);
      return Array.from(logits.data);
    },
  };
}

/**
 * Adds three contestants to a list: crossrank in one worker, crossrank in its default number of workers
 * if that is larger, and transformers.js. Each is added as soon as it is loaded, so that the caller can
 * dispose of it if a later one fails.
 */
export async function loadContestants(contestants) {
  contestants.push(await crossrank(1));
  if (Math.min(navigator.hardwareConcurrency - 1, 4) > 1) contestants.push(await crossrank("auto"));
  contestants.push(await transformers());
}
