// The script of pages without a bundler, which lies beside the index with all that it needs.

import type { Reranker } from "../../types/index.js";
import { openOverHttp, savesData } from "./http.js";
import { createSiteSearchFactory } from "./search.js";
import { createSearchElement } from "./search-element.js";

export const createSiteSearch = createSiteSearchFactory({
  resolveUrl: (location) => new URL(location, document.baseURI),
  open: openOverHttp,
  // The command wrote the one that the pages need.
  wasmFile: (base) => new URL("crossrank-site.wasm", base),
  languagesWasmFile: (base) => new URL("crossrank-site.wasm", base),
  rerankerOf: (files) =>
    files &&
    (async (onProgress) => {
      const module = (await import(new URL("web.js", files).href)) as { Reranker: typeof Reranker };
      return module.Reranker.load({ model: new URL("model.crossrank", files), onProgress });
    }),
  savesData,
});

export const CrossrankSearch = createSearchElement(createSiteSearch, new URL("./", import.meta.url).href);

if (!customElements.get("crossrank-search")) customElements.define("crossrank-search", CrossrankSearch);
