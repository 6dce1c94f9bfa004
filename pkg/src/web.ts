// The package in browsers, in their workers and in other runtimes that fetch.

import type * as types from "../types/index.js";
import { compileResponse } from "./compile.js";
import { define } from "./define.js";
import { openResponse } from "./fetch.js";
import type { WorkerPort } from "./protocol.js";

// Bundlers look for this very form of `new URL` and keep the file.
const wasm = {
  simd128: () => new URL("./crossrank.wasm", import.meta.url),
  "relaxed-simd": () => new URL("./crossrank-relaxed-simd.wasm", import.meta.url),
  general: () => new URL("./crossrank-general.wasm", import.meta.url),
};
const gpu = {
  wasm: () => new URL("./crossrank-gpu.wasm", import.meta.url),
  bindings: () => new URL("./gpu-bindings.js", import.meta.url),
};

function worker(script: URL | undefined): WorkerPort {
  // Here, too, bundlers look for the very form.
  const worker =
    script === undefined
      ? new Worker(new URL("./worker.js", import.meta.url), { type: "module" })
      : new Worker(script, { type: "module" });
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (take) => (worker.onmessage = ({ data }) => take(data as never)),
    onEnd: (take) => {
      worker.onerror = (event) => take(event.error ?? event.message);
      worker.onmessageerror = take;
    },
    end: () => worker.terminate(),
  };
}

const api = /* @__PURE__ */ define({
  url: (location) => new URL(location, globalThis.document?.baseURI ?? globalThis.location?.href),
  open: openResponse,
  compile: compileResponse,
  wasm,
  gpu,
  // Whoever is in a worker already has no page to keep alive.
  get workers() {
    return "document" in globalThis && "Worker" in globalThis ? "auto" : 0;
  },
  cores: () => navigator.hardwareConcurrency ?? 2,
  worker,
});

export { CrossrankError } from "./errors.js";
export const Embedder: typeof types.Embedder = api.Embedder;
export const Reranker: typeof types.Reranker = api.Reranker;
export const rerank: typeof types.rerank = api.rerank;
