// The package in browsers, in their workers and in other runtimes that have `fetch`.

import { createApi } from "./api/create-api.js";
import type { WorkerPort } from "./core/platform.js";
import { openResponse } from "./io/fetch.js";
import { compileResponse } from "./runtime/compile.js";

// Bundlers find `new URL` only in exactly this form, and then keep the file.
const wasmFiles = {
  simd128: () => new URL("./crossrank.wasm", import.meta.url),
  "relaxed-simd": () => new URL("./crossrank-relaxed-simd.wasm", import.meta.url),
  general: () => new URL("./crossrank-general.wasm", import.meta.url),
};
const gpuFiles = {
  wasm: () => new URL("./crossrank-gpu.wasm", import.meta.url),
  bindings: () => new URL("./gpu-bindings.js", import.meta.url),
};

function startWorker(script: URL | undefined): WorkerPort {
  // Bundlers need exactly this form here, too.
  const worker =
    script === undefined
      ? new Worker(new URL("./worker.js", import.meta.url), { type: "module" })
      : new Worker(script, { type: "module" });
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) => (worker.onmessage = ({ data }) => listener(data as never)),
    onEnd: (listener) => {
      worker.onerror = (event) => listener(event.error ?? event.message);
      worker.onmessageerror = listener;
    },
    terminate: () => worker.terminate(),
  };
}

const api = /* @__PURE__ */ createApi({
  resolveUrl: (location) => new URL(location, globalThis.document?.baseURI ?? globalThis.location?.href),
  openFile: openResponse,
  compileWasm: compileResponse,
  wasmFiles,
  gpuFiles,
  // Inside a worker there is no page to keep responsive.
  get defaultWorkers() {
    return "document" in globalThis && "Worker" in globalThis ? "auto" : 0;
  },
  cores: () => navigator.hardwareConcurrency ?? 2,
  toBlob: (bytes) => new Blob([bytes as Uint8Array<ArrayBuffer>]),
  startWorker,
});

export { CrossrankError } from "./core/errors.js";
export const Embedder = api.Embedder;
export const Reranker = api.Reranker;
export const rerank = api.rerank;
