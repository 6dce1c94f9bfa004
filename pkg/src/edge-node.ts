import { createHandlerFactory, fetchFile } from "./edge/handler.js";
import { openLocalFile, readLocalFile, resolveLocation } from "./io/files-node.js";

/** For node, Deno and Bun, which have node's file system. */
export const createHandler = createHandlerFactory({
  compile,
  resolveUrl: resolveLocation,
  async openFile(url) {
    if (url.protocol !== "file:") return fetchFile(url);
    const stream = await openLocalFile(url);
    return stream && { pieces: stream.chunks, size: stream.size };
  },
});

// Tracers such as @vercel/nft find `new URL` in a function's body only if that is a block.
async function compile(): Promise<WebAssembly.Module> {
  const url = new URL("./crossrank-edge.wasm", import.meta.url);
  return WebAssembly.compile(await readLocalFile(url));
}
