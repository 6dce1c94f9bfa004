// The package in node: as in browsers, and `file:` URLs and paths are read from the disk.

import { Blob } from "node:buffer";
import { availableParallelism } from "node:os";
import * as threads from "node:worker_threads";
import { createApi } from "./api/create-api.js";
import type { WorkerPort } from "./core/platform.js";
import { openResponse } from "./io/fetch.js";
import { openLocalFile, readLocalFile, resolveLocation } from "./io/files-node.js";
import { hub } from "./model/hub-node.js";
import { compileResponse } from "./runtime/compile.js";
import type { Reply, Request } from "./runtime/protocol.js";

// Tracers such as @vercel/nft find `new URL` in a function's body only if that is a block.
const wasmFiles = {
  simd128() {
    return new URL("./crossrank.wasm", import.meta.url);
  },
  "relaxed-simd"() {
    return new URL("./crossrank-relaxed-simd.wasm", import.meta.url);
  },
  general() {
    return new URL("./crossrank-general.wasm", import.meta.url);
  },
};

const api = /* @__PURE__ */ createApi({
  resolveUrl: resolveLocation,
  openFile: (url, signal, resume, token) =>
    url.protocol === "file:" ? openLocalFile(url, signal) : openResponse(url, signal, resume, token),
  hub,
  compileWasm: async (url, storage, kind) =>
    url.protocol === "file:"
      ? WebAssembly.compile(await readLocalFile(url))
      : compileResponse(url, storage, kind),
  wasmFiles,
  defaultWorkers: 0,
  cores: availableParallelism,
  // Under jsdom and happy-dom, the global class is one whose blobs cannot be sent.
  toBlob: (bytes) => new Blob([bytes]) as globalThis.Blob,
  startWorker,
});

/** Starts a worker that keeps node running only while a request is under way. */
function startWorker(script: URL | undefined): WorkerPort {
  // Some of node's own options are for the main script only, and would stop a worker. Where `Worker`
  // itself is imported, webpack 5 compiles this to a call of something that does not exist.
  const worker =
    script === undefined
      ? new threads.Worker(new URL("./worker-node.js", import.meta.url), { execArgv: [] })
      : new threads.Worker(script, { execArgv: [] });
  let requests = 0;
  return {
    post: (message) => {
      worker.postMessage(message);
      if ((message as Request).op !== "stop" && requests++ === 0) worker.ref();
    },
    onMessage: (listener) => {
      worker.on("message", (reply: Reply) => {
        if (!("results" in reply) && --requests === 0) worker.unref();
        listener(reply as never);
      });
    },
    onEnd: (listener) => {
      worker.on("error", listener);
      worker.on("exit", listener);
    },
    terminate: () => void worker.terminate(),
  };
}

export { CrossrankError } from "./core/errors.js";
export const Embedder = api.Embedder;
export const Reranker = api.Reranker;
export const rerank = api.rerank;
