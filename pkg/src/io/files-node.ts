// Local files in node.

import { open, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CrossrankError } from "../core/errors.js";
import type { FileStream } from "../core/platform.js";

/** The URL of a location, which may be a path. */
export function resolveLocation(location: string): URL {
  return /^(https?|file|data|blob):/.test(location) ? new URL(location) : pathToFileURL(resolve(location));
}

/** Begins to read a file; undefined if there is none. */
export async function openLocalFile(url: URL, signal?: AbortSignal): Promise<FileStream | undefined> {
  try {
    const handle = await open(url);
    const { size } = await handle.stat();
    // The stream closes the handle, even if the signal aborts it before it is read.
    const stream = handle.createReadStream({ highWaterMark: 1 << 20, signal } as object);
    stream.on("error", () => {});
    const chunks = readChunks(stream, url, signal);
    return { start: 0, size, version: undefined, chunks, close: () => stream.destroy() };
  } catch (cause) {
    if (isMissing(cause) && !isAddressOfPage(url)) return undefined;
    throw readError(url, cause);
  }
}

async function* readChunks(
  stream: AsyncIterable<Uint8Array>,
  url: URL,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (cause) {
    throw signal?.aborted ? signal.reason : readError(url, cause);
  }
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
