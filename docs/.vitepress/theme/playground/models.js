// Loads the model that the playground's state names.

import { bundledReranker } from "../model.js";

/** Gives `{ reranker, isShared }`. A shared reranker is not the caller's to dispose of. */
export async function loadModel({ model, name, device, threads }, files, { onProgress, signal }) {
  if (model === "bundled" && device === "cpu" && threads === "auto") {
    return { reranker: await bundledReranker(onProgress), isShared: true };
  }
  const { Reranker } = await import("crossrank");
  const workers = threads === "auto" ? "auto" : Number(threads);
  const options = { device, workers, onProgress, signal };
  if (model === "hub") return { reranker: await Reranker.load(name.trim(), options), isShared: false };
  const source = model === "local" ? await bytesOf(files) : await import("crossrank-minilm-l6-en");
  return { reranker: await Reranker.load({ ...options, model: source }), isShared: false };
}

const FIELDS = {
  "tokenizer.json": "tokenizer",
  "config.json": "config",
  "tokenizer_config.json": "tokenizerConfig",
};

/** The bytes of a prepared model, or of the files of a folder. */
async function bytesOf(files) {
  const prepared = files.find(({ name }) => name.endsWith(".crossrank"));
  if (prepared) return new Uint8Array(await prepared.arrayBuffer());
  const bytes = {};
  for (const file of files) {
    const field = file.name.endsWith(".onnx") ? "onnx" : FIELDS[file.name];
    if (field) bytes[field] = new Uint8Array(await file.arrayBuffer());
  }
  const missing = ["onnx", "tokenizer", "config"].filter((field) => !bytes[field]);
  if (missing.length === 0) return bytes;
  throw new Error(
    "choose a prepared model (.crossrank), or the graph (.onnx) with tokenizer.json and config.json; " +
      `missing: ${missing.join(", ")}`,
  );
}
