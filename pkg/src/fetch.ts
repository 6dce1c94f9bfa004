import { CrossrankError } from "./errors.js";
import type { Opened, Resume } from "./platform.js";

/** A failure that may be over by the next request. */
export class NetworkError extends CrossrankError {
  constructor(message: string, options?: ErrorOptions) {
    super("fetch-failed", message, options);
  }
}

/** A server that refuses, and why, where it says so as the Hugging Face Hub does. */
export class Refused extends CrossrankError {
  readonly status: number;
  readonly reason: string | null;
  /** The request had a token. */
  authorized = false;

  constructor(message: string, { status, headers }: Response) {
    super("fetch-failed", message);
    this.status = status;
    this.reason = headers.get("x-error-code");
  }
}

/** Begins a download, or goes on with one; undefined where the server has no such file. */
export async function openResponse(
  url: URL,
  signal?: AbortSignal,
  resume: Resume = { start: 0 },
  token?: string,
): Promise<Opened | undefined> {
  const response = await get(url, signal, resume.start, token);
  if (response.status === 404 || response.status === 410) return undefined;
  const { status, headers } = response;
  const close = () => void response.body?.cancel().catch(() => {});
  const version = versionOf(headers);
  const goesOn = status !== 416 && (status !== 206 || continues(headers, version, resume));
  if (resume.start > 0 && !goesOn) {
    close();
    return openResponse(url, signal, undefined, token);
  }
  const body = checked(response, token).body!;
  const start = status === 206 ? resume.start : 0;
  const given = headers.get("content-length");
  // The length of a compressed response is that of its compressed form.
  const known = given !== null && headers.get("content-encoding") === null;
  const size = known ? start + Number(given) : undefined;
  return { start, size, version, chunks: chunksOf(body, url, signal), close };
}

/**
 * Whether a partial response goes on at the right place of the right content.
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

export async function get(
  url: URL,
  signal?: AbortSignal,
  start = 0,
  token?: string,
): Promise<Response> {
  // With a range, `fetch` asks for no compression, so that places count in the file itself.
  const headers: Record<string, string> = start > 0 ? { range: `bytes=${start}-` } : {};
  // Where it follows a redirect to another origin, `fetch` leaves this header out.
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  try {
    if (url.protocol === "data:") return new Response(decoded(url));
    return await fetch(url, { headers, signal: signal ?? null });
  } catch (cause) {
    throw failed(url, cause, signal);
  }
}

/**
 * What a `data:` URL holds. Bundlers make such URLs of small files, and a page's policy that allows
 * requests to its own server alone has `fetch` refuse them.
 */
function decoded({ href }: URL): Uint8Array<ArrayBuffer> {
  const [head, ...rest] = href.split("#")[0]!.split(",");
  const byte = (_: string, hex: string) => String.fromCharCode(parseInt(hex, 16));
  const content = rest.join(",").replace(/%([0-9a-f]{2})/gi, byte);
  const binary = head!.endsWith(";base64") ? atob(content) : content;
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

export function checked(response: Response, token?: string): Response {
  const { ok, status, url } = response;
  if (ok) return response;
  const message = `${url} answered with status ${status}; check the address`;
  if (status === 408 || status === 429 || status >= 500) throw new NetworkError(message);
  throw Object.assign(new Refused(message, response), { authorized: token !== undefined });
}

async function* chunksOf(
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
    throw failed(url, cause, signal);
  }
}

export function failed(url: URL, cause: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  const message = `${url.href} could not be fetched; check the address and the network`;
  return new NetworkError(message, { cause });
}
