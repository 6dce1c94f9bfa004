// Reads a file to its end, also where the connection breaks on the way.

import { backoff, pause } from "./abort.js";
import { failed, NetworkError } from "./fetch.js";
import type { Opened, Resume } from "./platform.js";

/** Retries in a row that bring nothing new. */
const RETRIES = 4;
/** The wait before the first retry, in milliseconds; each later one is twice as long. */
const FIRST_DELAY = 500;

/** Told how many of a file's bytes have come. */
export type Report = (bytes: number) => void;

/** Where a file comes from. */
export interface Origin {
  url: URL;
  open(resume?: Resume): Promise<Opened>;
  /** How to go on after so many bytes of a version; undefined where that is not safe. */
  resume(start: number, version: string | undefined): Resume | undefined;
  signal?: AbortSignal;
}

/** Only a strong validator promises the same bytes (RFC 9110, 8.8.1). */
export function bySameVersion(start: number, version: string | undefined): Resume | undefined {
  return version?.startsWith('"') ? { start, version } : undefined;
}

/** The beginning of a file, as far as it has come. */
export class Received {
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

/** Reads the rest of a file and gives its version. What came before an error stays in `received`. */
export async function download(
  { url, open, resume, signal }: Origin,
  opened: Opened,
  received: Received,
  report: Report,
): Promise<string | undefined> {
  let { version } = opened;
  let most = received.length;
  for (let retry = 0; ; retry += 1) {
    try {
      if (retry > 0) opened = await open(resume(received.length, version));
      if (opened.start === 0) received.clear();
      version = opened.version;
      for await (const chunk of opened.chunks) {
        received.push(chunk);
        report(received.length);
      }
      // Firefox takes a connection that breaks for the end of the file.
      if (received.length >= (opened.size ?? 0)) return version;
      throw failed(url, `${received.length} of ${opened.size} bytes came`, signal);
    } catch (error) {
      if (!(error instanceof NetworkError) || retry === RETRIES) throw error;
    }
    if (received.length > most) {
      most = received.length;
      retry = 0;
    }
    await pause(backoff(FIRST_DELAY, retry), signal);
  }
}
