// What the search of a site needs of node and of browsers.

import type { SiteEmbedder, SiteReranker } from "../../types/site.js";

/** Whether a copy of a file will do: any, one that the host says is still right, or none. */
export type OpenMode = "copy" | "check" | "reload";

type Loader<Model> = Extract<Model, (...given: never[]) => unknown>;

/** Functions that load a model. */
export type RerankerLoader = Loader<SiteReranker>;
export type EmbedderLoader = Loader<SiteEmbedder>;

export interface SitePlatform {
  resolveUrl(location: string): URL;
  /** The content of a file; undefined if there is none. */
  open(url: URL, mode: OpenMode): Promise<Uint8Array | undefined>;
  /** The WebAssembly files for an index in this folder: one for English, and one for all languages. */
  wasmFile(base: URL): URL;
  languagesWasmFile(base: URL): URL;
  /** What reranks by default, if anything does. `files` is the folder of models beside the index, if a reranker is there. */
  rerankerOf(files: URL | undefined): RerankerLoader | undefined;
  /** What embeds queries by default. `files` is the folder of models beside the index. */
  embedderOf(files: URL): EmbedderLoader;
  /** Whether the user asks to save data. */
  savesData(): boolean;
}
