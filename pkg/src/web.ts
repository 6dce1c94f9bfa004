// The package in browsers, in their workers and in other runtimes that fetch.

import type * as types from "../types/index.js";
import { compileResponse } from "./compile.js";
import { define } from "./define.js";
import { openResponse } from "./fetch.js";

// Bundlers look for this very form of `new URL` and keep the file.
const wasm = () => new URL("./crossrank.wasm", import.meta.url);

const api = /* @__PURE__ */ define({
  url: (location) => new URL(location, globalThis.document?.baseURI ?? globalThis.location?.href),
  open: openResponse,
  compile: compileResponse,
  wasm,
});

export { CrossrankError } from "./errors.js";
export const Reranker: typeof types.Reranker = api.Reranker;
export const rerank: typeof types.rerank = api.rerank;
