// What the search of a site needs of node and of browsers.

import type { SiteReranker } from "../../types/site.js";

/** Whether a copy of a file will do: any, one that the host says is still right, or none. */
export type OpenMode = "copy" | "check" | "reload";

/** A function that loads a reranker. */
export type RerankerLoader = Extract<SiteReranker, (...given: never[]) => unknown>;

export interface SitePlatform {
  resolveUrl(location: string): URL;
  /** The content of a file; undefined if there is none. */
  open(url: URL, mode: OpenMode): Promise<Uint8Array | undefined>;
  /** The WebAssembly files for an index in this folder: one for English, and one for all languages. */
  wasmFile(base: URL): URL;
  languagesWasmFile(base: URL): URL;
  /** What reranks by default, if anything does. `files` is the folder of a reranker beside the index, if it has one. */
  rerankerOf(files: URL | undefined): RerankerLoader | undefined;
  /** Whether the user asks to save data. */
  savesData(): boolean;
}
