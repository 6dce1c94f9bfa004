// Defines <crossrank-search> in apps, which have a bundler.

import { createSearchElement } from "./search-element.js";
import { createSiteSearch } from "./web.js";

export const CrossrankSearch = createSearchElement(createSiteSearch);

if (globalThis.customElements && !customElements.get("crossrank-search")) {
  customElements.define("crossrank-search", CrossrankSearch);
}
