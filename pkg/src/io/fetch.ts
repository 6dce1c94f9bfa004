// Requests to servers, and what their failures mean.

import { CrossrankError } from "../core/errors.js";
import type { FileStream, Resume } from "../core/platform.js";

/** A transient failure: a retry may succeed. */
export class NetworkError extends CrossrankError {
  constructor(message: string, options?: ErrorOptions) {
    super("fetch-failed", message, options);
  }
}

/** A server refused a request. `reason` says why if the server does, as the Hugging Face Hub does. */
export class RefusedError extends CrossrankError {
  readonly status: number;
  readonly reason: string | null;
  /** Whether the request had a token. */
  readonly hadToken: boolean;

  constructor(message: string, { status, headers }: Response, hadToken: boolean) {
    super("fetch-failed", message);
    this.status = status;
    this.reason = headers.get("x-error-code");
    this.hadToken = hadToken;
  }
}

/** Begins a download or continues one; undefined if the server has no such file. */
export async function openResponse(
  url: URL,
  signal?: AbortSignal,
  resume: Resume = { start: 0 },
  token?: string,
): Promise<FileStream | undefined> {
  const response = await request(url, signal, resume.start, token);
  if (response.status === 404 || response.status === 410) return undefined;
  const { status, headers } = response;
  const close = () => void response.body?.cancel().catch(() => {});
  const version = versionOf(headers);
  const isContinued = status !== 416 && (status !== 206 || continues(headers, version, resume));
  if (resume.start > 0 && !isContinued) {
    close();
    return openResponse(url, signal, undefined, token);
  }
  const body = checkStatus(response, token).body!;
  const start = status === 206 ? resume.start : 0;
  const length = headers.get("content-length");
  // The length of a compressed response is that of the compressed form.
  const isKnown = length !== null && headers.get("content-encoding") === null;
  const size = isKnown ? start + Number(length) : undefined;
  return { start, size, version, chunks: readChunks(body, url, signal), close };
}

/**
 * Whether a partial response continues at the right offset of the right content.
 *
 * The version is compared here, because a request with `If-Range` would need a CORS preflight,
 * which servers that allow plain and ranged requests may refuse.
 */
function continues(headers: Headers, version: string | undefined, resume: Resume): boolean {
  return (
    headers.get("content-range")?.startsWith(`bytes ${resume.start}-`) === true &&
    headers.get("content-encoding") === null &&
    (resume.version === undefined || resume.version === version)
  );
}

function versionOf(headers: Headers): string | undefined {
  const [modified, length] = [headers.get("last-modified"), headers.get("content-length")];
  return headers.get("etag") ?? (modified && length ? `${modified}, ${length} bytes` : undefined);
}

export async function request(url: URL, signal?: AbortSignal, start = 0, token?: string): Promise<Response> {
  // With a range, `fetch` asks for no compression, so that offsets are those of the file itself.
  const headers: Record<string, string> = start > 0 ? { range: `bytes=${start}-` } : {};
  // `fetch` drops this header when it follows a redirect to another origin.
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  try {
    if (url.protocol === "data:") return new Response(decodeDataUrl(url));
    return await fetch(url, { headers, signal: signal ?? null });
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

export function checkStatus(response: Response, token?: string): Response {
  const { ok, status, url } = response;
  if (ok) return response;
  const message = `${url} answered with status ${status}; check the address`;
  if (status === 408 || status === 429 || status >= 500) throw new NetworkError(message);
  throw new RefusedError(message, response, token !== undefined);
}

async function* readChunks(
  body: ReadableStream<Uint8Array>,
  url: URL,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw toNetworkError(url, cause, signal);
  }
}

export function toNetworkError(url: URL, cause: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  const message = `${url.href} could not be fetched; check the address and the network`;
  return new NetworkError(message, { cause });
}
