// Where a folder in the Hugging Face layout holds the files of a model.

import type { Task } from "../core/task.js";

const GRAPH_EXTENSION = ".onnx";

/** Weights in safetensors: all in one file, or the list of several. */
export const WEIGHTS = "model.safetensors";
export const WEIGHTS_INDEX = "model.safetensors.index.json";

/** Whether a path is that of a graph, or of weights or their list. */
export function isGraph(path: string): boolean {
  return path.endsWith(GRAPH_EXTENSION) || isWeights(path);
}

export function isWeights(path: string): boolean {
  return /\.safetensors(\.index\.json)?$/.test(path);
}

export type TaskName = Task["setup"]["kind"];

/** The paths that a folder may hold a file at, in order of preference. */
export interface FileCandidates {
  paths: string[];
  optional?: boolean;
  /** Whether the caller named the path, so that no other will do. */
  named?: boolean;
}

/** The files of every model, at the paths of src/model_dir.rs. */
export const BASE_FILES: Record<"onnx" | "tokenizer" | "config" | "tokenizerConfig", FileCandidates> = {
  onnx: {
    paths: [
      "onnx/model_quantized.onnx",
      "onnx/model_int8.onnx",
      "onnx/model_qint8_avx512_vnni.onnx",
      "onnx/model_qint8_avx512.onnx",
      "onnx/model_quint8_avx2.onnx",
      "onnx/model_qint8_arm64.onnx",
      "onnx/model_uint8.onnx",
      "onnx/model.onnx",
      "onnx/model_fp16.onnx",
      "model_quantized.onnx",
      "model.onnx",
      "onnx/model_O1.onnx",
      "onnx/model_O2.onnx",
      "onnx/model_O3.onnx",
      "onnx/model_O4.onnx",
      "onnx/model_q4.onnx",
      "onnx/model_q4f16.onnx",
      "onnx/model_bnb4.onnx",
      WEIGHTS,
      WEIGHTS_INDEX,
    ],
  },
  tokenizer: { paths: ["tokenizer.json"] },
  config: { paths: ["config.json"] },
  tokenizerConfig: { paths: ["tokenizer_config.json"], optional: true },
};

/** The files that say how an embedder makes vectors: `ModelFiles::EMBEDDING` in src/model. */
const EMBEDDER_FILES: Record<string, string> = {
  pooling: "pooling.json",
  modules: "modules.json",
  poolingConfig: "1_Pooling/config.json",
  sentenceBertConfig: "sentence_bert_config.json",
  sentenceTransformersConfig: "config_sentence_transformers.json",
};

/** The files at the root of a folder that say of which modules a model of sentence-transformers consists. */
export const MODULE_FILES = Object.entries(EMBEDDER_FILES).filter(([key]) => key !== "pooling");

/** Whether a path is that of a module's configuration or weights, such as `2_Dense/model.safetensors`. */
export function isOfModule(path: string): boolean {
  return /^\d[^/]*\/(config\.json|model\.safetensors)$/.test(path) && path !== EMBEDDER_FILES.poolingConfig;
}

/** The name of a file in src/wasm/files.rs. */
export function wasmFileName(key: string): string {
  return EMBEDDER_FILES[key] ?? key;
}

/**
 * Whether a file holds weights outside the graph, or belongs to a module. Such files have the names that the graph
 * gives them, or their paths.
 */
export function isExternalData(key: string): boolean {
  return !(key in BASE_FILES || key in EMBEDDER_FILES);
}

/** The files that a kind of model consists of. `graph` is the path of the graph, if the caller named it. */
export function candidatesOf(kind: TaskName, graph?: string): Record<string, FileCandidates> {
  const baseFiles =
    graph === undefined ? BASE_FILES : { ...BASE_FILES, onnx: { paths: [graph], named: true } };
  if (kind === "reranker") return baseFiles;
  const embedderFiles = Object.entries(EMBEDDER_FILES).map(
    ([key, path]) => [key, { paths: [path], optional: true }] as const,
  );
  return { ...baseFiles, ...Object.fromEntries(embedderFiles) };
}
