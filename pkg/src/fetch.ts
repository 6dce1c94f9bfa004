import { CrossrankError } from "./errors.js";
import type { Opened } from "./platform.js";

/** Begins a download; undefined where the server has no such file. */
export async function openResponse(url: URL, signal?: AbortSignal): Promise<Opened | undefined> {
  const response = await get(url, signal);
  if (response.status === 404 || response.status === 410) return undefined;
  const length = response.headers.get("content-length");
  // The length of a compressed response is that of its compressed form.
  const known = length !== null && response.headers.get("content-encoding") === null;
  return { size: known ? Number(length) : undefined, chunks: chunksOf(checked(response), signal) };
}

export async function compileResponse(url: URL): Promise<WebAssembly.Module> {
  const response = checked(await get(url));
  // Compiling while downloading is refused where a server names another type.
  if (response.headers.get("content-type")?.startsWith("application/wasm")) {
    return WebAssembly.compileStreaming(response);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}

async function get(url: URL, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, signal ? { signal } : {});
  } catch (cause) {
    throw failed(url, cause, signal);
  }
}

function checked(response: Response): Response {
  if (response.ok) return response;
  throw new CrossrankError(
    "fetch-failed",
    `${response.url} answered with status ${response.status}; check the address`,
  );
}

async function* chunksOf(response: Response, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = response.body!.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw failed(new URL(response.url), cause, signal);
  }
}

function failed(url: URL, cause: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  const message = `${url.href} could not be fetched; check the address and the network`;
  return new CrossrankError("fetch-failed", message, { cause });
}
