// The search of a site in browsers, with the package's own files.

import { openOverHttp, savesData } from "./http.js";
import { createSiteSearchFactory } from "./search.js";

export const createSiteSearch = /* @__PURE__ */ createSiteSearchFactory({
  resolveUrl: (location) => new URL(location, globalThis.document?.baseURI ?? globalThis.location?.href),
  open: openOverHttp,
  // Bundlers find `new URL` only in exactly this form, and then keep the file.
  wasmFile: () => new URL("../crossrank-site.wasm", import.meta.url),
  languagesWasmFile: () => new URL("../crossrank-site-languages.wasm", import.meta.url),
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
