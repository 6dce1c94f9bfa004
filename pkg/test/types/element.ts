// A page with the element of a site's search.

import type { CrossrankSearch } from "crossrank/site-element";

const element = document.createElement("crossrank-search");
element satisfies CrossrankSearch;
element.messages = { search: "Find" };
element.addEventListener("crossrank-select", ({ detail }) => console.log(detail.url, detail.result.title));
element.open("a query");

// @ts-expect-error: no text of this name
element.messages = { find: "Find" };
