// Fetches and compiles a WebAssembly file in browsers.

import type { FileRequest, FileStorage, WasmKind } from "../core/platform.js";
import { VERSION } from "../core/version.js";
import { download, ReceivedBytes, resumeSameVersion, withRetries } from "../io/download.js";
import { checkStatus, openResponse, request } from "../io/fetch.js";
import { missingFileError } from "../io/read.js";

/**
 * The network is preferred to the storage, because browsers keep the compiled code of a response
 * that `compileStreaming` is given.
 */
export async function compileResponse(
  url: URL,
  storage: FileStorage,
  kind?: WasmKind,
): Promise<WebAssembly.Module> {
  // `data:` and `blob:` URLs hold the file themselves.
  if (!url.protocol.startsWith("http")) return compile(checkStatus(await request(url), url));
  // A folder has one file of each kind, whose name bundlers change with every version.
  const name = kind === undefined ? "wasm" : `${kind} wasm`;
  const slot = `${url.origin}${url.pathname.replace(/[^/]*$/, "")} ${name}`;
  const version = `${VERSION} ${url.pathname}`;
  try {
    const response = checkStatus(await request(url), url);
    const copy = storage.isEnabled && !(await storage.has(slot, version)) ? response.clone() : undefined;
    const module = await compile(response);
    if (copy) await storage.write(slot, version, new Uint8Array(await copy.arrayBuffer()));
    return module;
  } catch {
    // A file that does not compile may be incomplete, which Firefox does not report. The browser or a
    // service worker may have kept that, or another wrong answer.
  }
  const copy = await storage.read(slot, version);
  try {
    if (copy) return await WebAssembly.compile(copy);
  } catch {
    await storage.remove(slot);
  }
  const open = async (file?: FileRequest) => {
    const stream = await openResponse(url, undefined, { ...file, reload: true });
    if (!stream) throw missingFileError([url]);
    return stream;
  };
  const stream = await withRetries(undefined, () => open());
  const received = new ReceivedBytes();
  await download({ url, open, resume: resumeSameVersion }, stream, received, () => {});
  const content = received.join();
  const module = await WebAssembly.compile(content);
  await storage.write(slot, version, content);
  return module;
}

async function compile(response: Response): Promise<WebAssembly.Module> {
  // Browsers compile during the download only if the server gives the right content type.
  const isWasm = response.headers.get("content-type")?.startsWith("application/wasm");
  if (isWasm && !isFirefox()) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** There, `compileStreaming` of a file that is too short never settles, nor does any compilation after it. */
function isFirefox(): boolean {
  return /firefox/i.test(globalThis.navigator?.userAgent);
}
