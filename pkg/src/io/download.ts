// Reads a file to its end, even if the connection breaks on the way.

import { checkFileSize } from "../core/content.js";
import type { FileRequest, FileStream } from "../core/platform.js";
import { backoff, MAX_RETRY_AFTER_MS, pause } from "../core/retry.js";
import { NetworkError, toNetworkError } from "./fetch.js";

/** The number of retries in a row that bring no new bytes. */
const MAX_RETRIES = 4;
/** The delay before the first retry, in milliseconds. It doubles with each later one. */
const FIRST_DELAY_MS = 500;

/** Called with the number of bytes of a file that have been received. */
export type ReportBytes = (bytes: number) => void;

/** Where a file comes from. */
export interface DownloadSource {
  url: URL;
  open(request?: FileRequest): Promise<FileStream>;
  /** How to continue after `start` bytes of a version; undefined if that is not safe. */
  resume(start: number, version: string | undefined): FileRequest | undefined;
  signal?: AbortSignal | undefined;
}

/** Only a strong validator promises the same bytes (RFC 9110, 8.8.1). */
export function resumeSameVersion(start: number, version: string | undefined): FileRequest | undefined {
  return version?.startsWith('"') ? { start, version } : undefined;
}

/** The bytes of a file that have been received so far. */
export class ReceivedBytes {
  #chunks: Uint8Array[] = [];
  length = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  clear(): void {
    this.#chunks = [];
    this.length = 0;
  }

  join(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.length);
    let offset = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return bytes;
  }
}

/** Makes a request, and repeats it after transient failures. */
export async function withRetries<R>(
  signal: AbortSignal | undefined,
  call: (isLast: boolean) => Promise<R>,
): Promise<R> {
  for (let retry = 0; ; retry += 1) {
    try {
      return await call(retry === MAX_RETRIES);
    } catch (error) {
      await waitAfter(error, retry, signal);
    }
  }
}

/** Reads the rest of a file and gives its version. After an error, `received` keeps what came before it. */
export async function download(
  { url, open, resume, signal }: DownloadSource,
  stream: FileStream,
  received: ReceivedBytes,
  report: ReportBytes,
): Promise<string | undefined> {
  let { version } = stream;
  let maxLength = received.length;
  for (let retry = 0; ; retry += 1) {
    try {
      // The last try asks for the whole file, in case that only requests for its rest fail.
      const rest = retry < MAX_RETRIES ? resume(received.length, version) : undefined;
      if (retry > 0) stream = await open(rest);
      if (stream.start === 0) received.clear();
      version = stream.version;
      for await (const chunk of stream.chunks) {
        received.push(chunk);
        checkFileSize(received.length);
        report(received.length);
      }
      // Firefox reports a broken connection as the end of the file.
      if (received.length >= (stream.size ?? 0)) return version;
      throw toNetworkError(url, `${received.length} of ${stream.size} bytes came`, signal);
    } catch (error) {
      if (received.length > maxLength) {
        maxLength = received.length;
        retry = 0;
      }
      await waitAfter(error, retry, signal);
    }
  }
}

/** Waits before a retry. Rejects with the error if no retry is left, or none would help. */
async function waitAfter(error: unknown, retry: number, signal: AbortSignal | undefined): Promise<void> {
  if (!(error instanceof NetworkError) || retry === MAX_RETRIES) throw error;
  const delay = error.retryAfter ?? backoff(FIRST_DELAY_MS, retry);
  if (delay > MAX_RETRY_AFTER_MS) throw error;
  await pause(delay, signal);
}
