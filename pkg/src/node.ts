// The package in node: as in browsers, and `file:` URLs and paths are read from the disk.

import { type FileHandle, open, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { createApi } from "./api/create-api.js";
import { onAbort } from "./core/abort.js";
import { CrossrankError } from "./core/errors.js";
import type { FileStream, WorkerPort } from "./core/platform.js";
import { openResponse } from "./io/fetch.js";
import { hub } from "./model/hub-node.js";
import { compileResponse } from "./runtime/compile.js";
import type { Reply, Request } from "./runtime/protocol.js";

const wasmFiles = {
  simd128: () => new URL("./crossrank.wasm", import.meta.url),
  "relaxed-simd": () => new URL("./crossrank-relaxed-simd.wasm", import.meta.url),
  general: () => new URL("./crossrank-general.wasm", import.meta.url),
};

const api = /* @__PURE__ */ createApi({
  resolveUrl: (location) =>
    /^(https?|file|data|blob):/.test(location) ? new URL(location) : pathToFileURL(resolve(location)),
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
  startWorker,
});

/** Starts a worker that keeps node running only while a request is under way. */
function startWorker(script: URL | undefined): WorkerPort {
  // Some of node's own options are for the main script only, and would stop a worker. Next.js
  // bundles the script only if it finds exactly this form.
  const worker =
    script === undefined
      ? new Worker(new URL("./worker-node.js", import.meta.url), { execArgv: [] })
      : new Worker(script, { execArgv: [] });
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

const CHUNK_BYTES = 1 << 20;

async function openLocalFile(url: URL, signal: AbortSignal): Promise<FileStream | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(url);
    const { size } = await handle.stat();
    signal.throwIfAborted();
    return { start: 0, size, version: undefined, ...readChunks(handle, url, signal) };
  } catch (cause) {
    void handle?.close();
    if (signal.aborted) throw signal.reason;
    if (["ENOENT", "ENOTDIR"].includes((cause as { code: string }).code)) return undefined;
    throw readError(url, cause);
  }
}

/**
 * The file is closed after its last chunk, or when the signal aborts, even if nobody reads the chunks.
 * It is not a stream of node, which would stand still where a test replaces `process.nextTick`.
 */
function readChunks(handle: FileHandle, url: URL, signal: AbortSignal): Pick<FileStream, "chunks" | "close"> {
  const unlink = onAbort(signal, close);
  function close(): void {
    unlink();
    handle.close().catch(() => {});
  }
  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const { bytesRead, buffer } = await handle.read(new Uint8Array(CHUNK_BYTES));
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } catch (cause) {
      throw signal.aborted ? signal.reason : readError(url, cause);
    } finally {
      close();
    }
  }
  return { chunks: read(), close };
}

async function readLocalFile(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  return readFile(url).catch((cause) => Promise.reject(readError(url, cause)));
}

function readError(url: URL, cause: unknown): CrossrankError {
  return new CrossrankError("io", `${url.pathname} could not be read`, { cause });
}

export { CrossrankError } from "./core/errors.js";
export const Embedder = api.Embedder;
export const Reranker = api.Reranker;
export const rerank = api.rerank;
