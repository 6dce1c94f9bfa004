// A document for tests, by happy-dom. React looks for one when it is imported.

import { Window } from "happy-dom";

const window = new Window({ url: "https://example.com/" });
const NAMES = ["document", "navigator", "HTMLElement", "customElements", "CustomEvent", "MutationObserver"];
for (const name of ["window", ...NAMES]) {
  const value = name === "window" ? window : window[name];
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
globalThis.IS_REACT_ACT_ENVIRONMENT = true;
