// Local files in node.

import { type FileHandle, open, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { onAbort } from "../core/abort.js";
import { CrossrankError } from "../core/errors.js";
import type { FileStream } from "../core/platform.js";

/** The URL of a location, which may be a path. */
export function resolveLocation(location: string): URL {
  return /^(https?|file|data|blob):/.test(location) ? new URL(location) : pathToFileURL(resolve(location));
}

const CHUNK_BYTES = 1 << 20;

/** Begins to read a file; undefined if there is none. */
export async function openLocalFile(url: URL, signal?: AbortSignal): Promise<FileStream | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(url);
    const { size } = await handle.stat();
    signal?.throwIfAborted();
    return { start: 0, size, version: undefined, ...readChunks(handle, url, signal) };
  } catch (cause) {
    void handle?.close();
    if (signal?.aborted) throw signal.reason;
    if (isMissing(cause) && !isAddressOfPage(url)) return undefined;
    throw readError(url, cause);
  }
}

/**
 * The file is closed after its last chunk, or when the signal aborts, even if nobody reads the chunks.
 * It is not a stream of node, which would stand still where a test replaces `process.nextTick`.
 */
function readChunks(
  handle: FileHandle,
  url: URL,
  signal: AbortSignal | undefined,
): Pick<FileStream, "chunks" | "close"> {
  const unlink = signal && onAbort(signal, close);
  function close(): void {
    unlink?.();
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
      throw signal?.aborted ? signal.reason : readError(url, cause);
    } finally {
      close();
    }
  }
  return { chunks: read(), close };
}

export async function readLocalFile(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  return readFile(url).catch((cause) => Promise.reject(readError(url, cause)));
}

function isMissing(cause: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes((cause as { code: string }).code);
}

/** Next.js gives the files of Server Components the addresses that they have for pages. */
function isAddressOfPage({ pathname }: URL): boolean {
  return pathname.includes("/_next/static/");
}

function readError(url: URL, cause: unknown): CrossrankError {
  return new CrossrankError("io", `${url.pathname} could not be read${adviceFor(url, cause)}`, { cause });
}

function adviceFor(url: URL, cause: unknown): string {
  if (isAddressOfPage(url)) {
    return (
      ", because Next.js has bundled it for pages; name crossrank and its model packages in " +
      "serverExternalPackages, in next.config.js"
    );
  }
  return isMissing(cause) ? ", because it does not exist; check whether a bundler left it out" : "";
}
