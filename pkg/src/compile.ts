// The WebAssembly file in browsers, compiled.

import { bySameVersion, download, Received } from "./download.js";
import { CrossrankError } from "./errors.js";
import { checked, get, NetworkError, openResponse } from "./fetch.js";
import type { Resume, WasmKind } from "./platform.js";
import { missing } from "./read.js";
import type { Storage } from "./storage.js";
import { VERSION } from "./version.js";

/**
 * Fetches and compiles a file. The network goes before the storage: browsers keep the compiled
 * code of what `compileStreaming` takes from there.
 */
export async function compileResponse(
  url: URL,
  storage: Storage,
  kind?: WasmKind,
): Promise<WebAssembly.Module> {
  // `data:` and `blob:` hold the file themselves.
  if (!url.protocol.startsWith("http")) return compileStream(checked(await get(url)));
  // A folder has a file of each kind once, under a name that bundlers change with every version.
  const name = kind === undefined ? "wasm" : `${kind} wasm`;
  const slot = `${url.origin}${url.pathname.replace(/[^/]*$/, "")} ${name}`;
  const version = `${VERSION} ${url.pathname}`;
  try {
    const response = checked(await get(url));
    const copy = (await storage.has(slot, version)) ? undefined : response.clone().body!;
    const module = await compileStream(response);
    if (copy) await storage.write(slot, version, copy);
    return module;
  } catch (error) {
    if (error instanceof CrossrankError && !(error instanceof NetworkError)) throw error;
    // What does not compile may be the half of a file, which Firefox takes for a whole one.
  }
  const copy = await storage.read(slot, version);
  if (copy) return WebAssembly.compile(copy);
  const open = async (resume?: Resume) =>
    (await openResponse(url, undefined, resume)) ?? missing([url]);
  const received = new Received();
  await download({ url, open, resume: bySameVersion }, await open(), received, () => {});
  const content = received.join();
  const module = await WebAssembly.compile(content);
  await storage.write(slot, version, content);
  return module;
}

async function compileStream(response: Response): Promise<WebAssembly.Module> {
  // Compiling while downloading is refused where a server names another type.
  if (response.headers.get("content-type")?.startsWith("application/wasm")) {
    return WebAssembly.compileStreaming(response);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}
