// The script of pages without a bundler, which lies beside the index with all that it needs.

import type * as Models from "../../types/index.js";
import { openOverHttp, savesData } from "./http.js";
import { createSiteSearchFactory } from "./search.js";
import { createSearchElement } from "./search-element.js";

function importModels(files: URL): Promise<typeof Models> {
  return import(new URL("web.js", files).href);
}

export const createSiteSearch = createSiteSearchFactory({
  resolveUrl: (location) => new URL(location, document.baseURI),
  open: openOverHttp,
  // The command wrote the one that the pages need.
  wasmFile: (base) => new URL("crossrank-site.wasm", base),
  languagesWasmFile: (base) => new URL("crossrank-site.wasm", base),
  rerankerOf: (files) =>
    files &&
    (async (onProgress) => {
      const { Reranker } = await importModels(files);
      return Reranker.load({ model: new URL("reranker.crossrank", files), onProgress });
    }),
  embedderOf: (files) => async (onProgress) => {
    const { Embedder } = await importModels(files);
    return Embedder.load({ model: new URL("embedder.crossrank", files), onProgress });
  },
  savesData,
});

export const CrossrankSearch = createSearchElement(createSiteSearch, new URL("./", import.meta.url).href);

if (!customElements.get("crossrank-search")) customElements.define("crossrank-search", CrossrankSearch);
