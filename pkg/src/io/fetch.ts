// Requests to servers, and what their failures mean.

import { withTimeout } from "../core/abort.js";
import { CrossrankError } from "../core/errors.js";
import type { FileRequest, FileStream } from "../core/platform.js";
import { retryAfterOf } from "../core/retry.js";

/** A transient failure: a retry may succeed. */
export class NetworkError extends CrossrankError {
  /** The server is busy, and not for this request only. */
  readonly isBusy: boolean;
  /** The wait that the server asks for, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(message: string, options?: ErrorOptions, response?: Response) {
    super("fetch-failed", message, options);
    this.isBusy = response !== undefined && BUSY.includes(response.status);
    this.retryAfter = response && retryAfterOf(response);
  }
}

const BUSY = [408, 429, 503];

/** A connection that brings nothing for this long is taken for a broken one. */
const MAX_SILENCE_MS = 30_000;

/** A server refused a request. */
export class RefusedError extends CrossrankError {
  readonly status: number;
  /** Why, if the server says so, as the Hugging Face Hub does. */
  readonly reason: string | null;

  constructor(
    /** The message without the advice. */
    readonly what: string,
    readonly advice: string,
    readonly url: URL,
    { status, headers }: { status: number; headers?: Headers },
    /** Whether the request had a token. */
    readonly hadToken = false,
  ) {
    super("fetch-failed", `${what}; ${advice}`);
    this.status = status;
    this.reason = headers?.get("x-error-code") ?? null;
  }
}

/**
 * Begins a download or continues one; undefined if the server has no such file. Where a request for
 * the rest fails, the whole file is asked for: some servers, proxies and service workers refuse all
 * such requests.
 */
export async function openResponse(
  url: URL,
  signal?: AbortSignal,
  file: FileRequest = {},
  token?: string,
): Promise<FileStream | undefined> {
  if (file.start) {
    try {
      const rest = await open(url, signal, file, token);
      if (rest) return rest;
    } catch (error) {
      if (signal?.aborted || (error instanceof NetworkError && error.isBusy)) throw error;
    }
  }
  return open(url, signal, { reload: file.reload }, token);
}

async function open(
  url: URL,
  signal: AbortSignal | undefined,
  file: FileRequest,
  token: string | undefined,
): Promise<FileStream | undefined> {
  const response = await request(url, signal, file, token);
  const { status, headers } = response;
  const reader = response.body?.getReader();
  const close = () => void reader?.cancel().catch(() => {});
  try {
    const isPart = checkStatus(response, url, token).status === 206;
    if (!reader) throw new RefusedError(`${url.href} answered without content`, "check it", url, response);
    const version = versionOf(headers);
    const part = isPart ? partOf(headers, version, file) : { start: 0, size: lengthOf(headers) };
    if (!part) throw new NetworkError(`${url.href} answered with another part of the file`);
    const first = headers.get("content-type")?.includes("html") ? await read(reader) : undefined;
    if (isMarkup(first?.value)) throw pageError(url, response);
    return { ...part, version, chunks: readChunks(reader, first, url, signal), close };
  } catch (error) {
    close();
    if (status === 404 || status === 410) return undefined;
    throw error instanceof CrossrankError ? error : toNetworkError(url, error, signal);
  }
}

/** What a partial response holds, if it continues at the right offset of the right content. */
function partOf(
  headers: Headers,
  version: string | undefined,
  { start = 0, version: expected }: FileRequest,
): Pick<FileStream, "start" | "size"> | undefined {
  // The version is compared here, because a request with `If-Range` would need a CORS preflight,
  // which servers that allow plain and ranged requests may refuse.
  if (headers.get("content-encoding") !== null || (expected ?? version) !== version) return undefined;
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
  if (Number(range?.[1]) !== start) return undefined;
  // If the part ends before the file does, the rest is asked for later.
  return { start, size: range![3] === "*" ? undefined : Number(range![3]) };
}

/** The length of a compressed response is that of the compressed form. */
function lengthOf(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.get("content-encoding") !== null ? undefined : Number(length);
}

function versionOf(headers: Headers): string | undefined {
  const [modified, length] = [headers.get("last-modified"), headers.get("content-length")];
  return headers.get("etag") ?? (modified && length ? `${modified}, ${length} bytes` : undefined);
}

/** Whether this is the beginning of a page. Some servers give every unknown kind of file the type of one. */
function isMarkup(chunk: Uint8Array | undefined): boolean {
  return chunk !== undefined && /^\s*</.test(new TextDecoder().decode(chunk));
}

function pageError(url: URL, response: Response): RefusedError {
  const page = "an HTML page, as servers of single-page apps do if there is no such file";
  return new RefusedError(`${url.href} answered with ${page}`, "check the address", url, response);
}

/** Whether a server that answers in this way has no such file: it sent a page instead. */
export function isMissing(error: unknown): error is RefusedError {
  return error instanceof RefusedError && [200, 404].includes(error.status);
}

/** Whether it may have none: stores of files give 403 to those who may not list their files. */
export function isAbsent(error: unknown): error is RefusedError {
  return isMissing(error) || (error instanceof RefusedError && error.status === 403);
}

export async function request(
  url: URL,
  signal?: AbortSignal,
  { start, reload }: FileRequest = {},
  token?: string,
): Promise<Response> {
  // With a range, `fetch` asks for no compression, so that offsets are those of the file itself.
  const headers: Record<string, string> = start ? { range: `bytes=${start}-` } : {};
  // `fetch` drops this header when it follows a redirect to another origin.
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const init: RequestInit = { headers, signal: signal ?? null };
  try {
    if (url.protocol === "data:") return new Response(decodeDataUrl(url));
    if (!reload) return await fetch(url, init);
    const address = new URL(url);
    // Service workers look for their copies by the address. One with a query may be signed.
    if (!address.search) address.searchParams.set("reload", String(Math.random()).slice(2));
    return await fetch(address, { ...init, cache: "reload" });
  } catch (cause) {
    throw toNetworkError(url, cause, signal);
  }
}

/**
 * The content of a `data:` URL. Bundlers turn small files into such URLs, and `fetch` refuses them
 * on pages whose policy allows requests to their own server only.
 */
function decodeDataUrl({ href }: URL): Uint8Array<ArrayBuffer> {
  const [head, ...rest] = href.split("#")[0]!.split(",");
  const byte = (_: string, hex: string) => String.fromCharCode(parseInt(hex, 16));
  const content = rest.join(",").replace(/%([0-9a-f]{2})/gi, byte);
  const binary = head!.endsWith(";base64") ? atob(content) : content;
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

export function checkStatus(response: Response, url: URL, token?: string): Response {
  const { ok, status } = response;
  if (ok) return response;
  const what = `${url.href} answered with status ${status}`;
  // 501 refuses a kind of request for good.
  if (status === 408 || status === 429 || (status >= 500 && status !== 501)) {
    throw new NetworkError(`${what}; try again later`, undefined, response);
  }
  const advice = status === 403 ? "check the address, and that the file is public" : "check the address";
  throw new RefusedError(what, advice, url, response, token !== undefined);
}

async function* readChunks(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  first: ReadableStreamReadResult<Uint8Array> | undefined,
  url: URL,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; ; next = undefined) {
      const { done, value } = next ?? (await read(reader));
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw toNetworkError(url, cause, signal);
  } finally {
    void reader.cancel().catch(() => {});
  }
}

function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  const error = new Error(`nothing came for ${MAX_SILENCE_MS} ms`);
  return withTimeout(MAX_SILENCE_MS, error, undefined, () => reader.read());
}

export function toNetworkError(url: URL, cause: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  const what = `${url.href} could not be fetched`;
  if (url.protocol.startsWith("http")) {
    return new NetworkError(`${what}; check the address and the network`, { cause });
  }
  const advice = "serve the files over HTTP, or pass their bytes";
  return new CrossrankError("fetch-failed", `${what}; ${advice}`, { cause });
}
