// The package in node: as in browsers, and `file:` URLs and paths are read from the disk.

import { open, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type * as types from "../types/index.js";
import { compileResponse } from "./compile.js";
import { define } from "./define.js";
import { CrossrankError } from "./errors.js";
import { openResponse } from "./fetch.js";
import { hub } from "./hub-node.js";
import type { Opened } from "./platform.js";
import type { Reply, Request, WorkerPort } from "./protocol.js";

const wasm = {
  simd128: () => new URL("./crossrank.wasm", import.meta.url),
  "relaxed-simd": () => new URL("./crossrank-relaxed-simd.wasm", import.meta.url),
  general: () => new URL("./crossrank-general.wasm", import.meta.url),
};

const api = /* @__PURE__ */ define({
  url: (location) =>
    /^(https?|file|data|blob):/.test(location)
      ? new URL(location)
      : pathToFileURL(resolve(location)),
  open: (url, signal, resume, token) =>
    url.protocol === "file:" ? openFile(url, signal) : openResponse(url, signal, resume, token),
  hub,
  compile: async (url, storage, kind) =>
    url.protocol === "file:"
      ? WebAssembly.compile(await readFile(url).catch((cause) => Promise.reject(failed(url, cause))))
      : compileResponse(url, storage, kind),
  wasm,
  workers: 0,
  cores: availableParallelism,
  worker,
});

/** A worker that keeps node running only while a request is under way. */
function worker(script: URL | undefined): WorkerPort {
  // Of node's own options some are for the main script alone, and stop a worker. Next.js bundles
  // the script where it finds this very form.
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
    onMessage: (take) => {
      worker.on("message", (reply: Reply) => {
        if (!("found" in reply) && --requests === 0) worker.unref();
        take(reply as never);
      });
    },
    onEnd: (take) => {
      worker.on("error", take);
      worker.on("exit", take);
    },
    end: () => void worker.terminate(),
  };
}

async function openFile(url: URL, signal: AbortSignal): Promise<Opened | undefined> {
  try {
    const handle = await open(url);
    const { size } = await handle.stat();
    // The stream closes the handle, also when the signal aborts it before it is read.
    const stream = handle.createReadStream({ highWaterMark: 1 << 20, signal } as object);
    stream.on("error", () => {});
    const chunks = chunksOf(stream, url, signal);
    return { start: 0, size, version: undefined, chunks, close: () => stream.destroy() };
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes((cause as { code: string }).code)) return undefined;
    throw failed(url, cause);
  }
}

async function* chunksOf(
  stream: AsyncIterable<Uint8Array>,
  url: URL,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (cause) {
    throw signal.aborted ? signal.reason : failed(url, cause);
  }
}

function failed(url: URL, cause: unknown): CrossrankError {
  return new CrossrankError("io", `${url.pathname} could not be read`, { cause });
}

export { CrossrankError } from "./errors.js";
export const Embedder: typeof types.Embedder = api.Embedder;
export const Reranker: typeof types.Reranker = api.Reranker;
export const rerank: typeof types.rerank = api.rerank;
