// The search of a site in node: as in browsers, and `file:` URLs and paths are read from the disk.

import { openLocalFile, readLocalFile, resolveLocation } from "../io/files-node.js";
import { openOverHttp, savesData } from "./http.js";
import { createSiteSearchFactory } from "./search.js";

export const createSiteSearch = /* @__PURE__ */ createSiteSearchFactory({
  resolveUrl: resolveLocation,
  async open(url, mode) {
    if (url.protocol !== "file:") return openOverHttp(url, mode);
    const stream = await openLocalFile(url);
    stream?.close();
    return stream && readLocalFile(url);
  },
  // Tracers such as @vercel/nft find `new URL` in a function's body only if that is a block.
  wasmFile() {
    return new URL("../crossrank-site.wasm", import.meta.url);
  },
  languagesWasmFile() {
    return new URL("../crossrank-site-languages.wasm", import.meta.url);
  },
  rerankerOf: () => async (onProgress) => {
    const { Reranker } = await import("crossrank");
    return Reranker.load({ onProgress });
  },
  embedderOf: () => async (onProgress) => {
    const { Embedder } = await import("crossrank");
    return Embedder.load({ onProgress });
  },
  savesData,
});
