// Fetches and compiles a WebAssembly file in browsers.

import { CrossrankError } from "../core/errors.js";
import type { FileStorage, Resume, WasmKind } from "../core/platform.js";
import { VERSION } from "../core/version.js";
import { download, ReceivedBytes, resumeSameVersion } from "../io/download.js";
import { checkStatus, NetworkError, openResponse, request } from "../io/fetch.js";
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
  if (!url.protocol.startsWith("http")) return compile(checkStatus(await request(url)));
  // A folder has one file of each kind, whose name bundlers change with every version.
  const name = kind === undefined ? "wasm" : `${kind} wasm`;
  const slot = `${url.origin}${url.pathname.replace(/[^/]*$/, "")} ${name}`;
  const version = `${VERSION} ${url.pathname}`;
  try {
    const response = checkStatus(await request(url));
    const copy = (await storage.has(slot, version)) ? undefined : response.clone().body!;
    const module = await compile(response);
    if (copy) await storage.write(slot, version, copy);
    return module;
  } catch (error) {
    if (error instanceof CrossrankError && !(error instanceof NetworkError)) throw error;
    // A file that does not compile may be incomplete, which Firefox does not report.
  }
  const copy = await storage.read(slot, version);
  if (copy) return WebAssembly.compile(copy);
  const open = async (resume?: Resume) => {
    const stream = await openResponse(url, undefined, resume);
    if (!stream) throw missingFileError([url]);
    return stream;
  };
  const received = new ReceivedBytes();
  await download({ url, open, resume: resumeSameVersion }, await open(), received, () => {});
  const content = received.join();
  const module = await WebAssembly.compile(content);
  await storage.write(slot, version, content);
  return module;
}

async function compile(response: Response): Promise<WebAssembly.Module> {
  // Browsers compile during the download only if the server gives the right content type.
  if (response.headers.get("content-type")?.startsWith("application/wasm")) {
    return WebAssembly.compileStreaming(response);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}
