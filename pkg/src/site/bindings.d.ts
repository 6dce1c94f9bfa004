// Types of the bindings that scripts/build.sh makes from src/wasm/site.rs with wasm-bindgen.

import type { SiteFilter, SiteResult } from "../../types/site.js";

/** A result. Its address is relative to the site. */
export interface FoundSection extends Omit<SiteResult, "meta"> {
  id: number;
  /** What a reranker reads: titles and the best passage. */
  passage: string;
  meta: [name: string, value: string][];
}

export interface Found {
  stage: "terms" | "vectors" | "reranked";
  /** The files that would make the results complete. */
  needs: string[];
  /** Whether the order is final and texts are needed: results without them say only what their page is. */
  isPartial: boolean;
  results: FoundSection[];
  total: number;
  /** The files that were marked as failed and would have made a difference. */
  missing: string[];
}

export interface FindOptions {
  limit: number;
  filters: Record<string, string[]>;
  language: string | undefined;
  vectors: boolean;
  /** The query's vector, where an embedder made those of the site. */
  vector?: Float32Array | undefined;
  /** The logits of a reranker for results that were found. */
  logits: [id: number, logit: number][];
}

/** The index of a site inside a WebAssembly instance. The errors that it throws are `{ code, message }`. */
export interface SiteIndex {
  /** The folder that was indexed, relative to that of the index. */
  readonly root: string;
  readonly hasVectors: boolean;
  /** The fingerprint of the embedder that made the vectors, if one did. */
  readonly embedder: string | undefined;
  /** Whether the files of a reranker lie beside those of the index. */
  readonly hasReranker: boolean;
  search(query: string, options: FindOptions): Found;
  /** The files that no search needs, and with which later ones are partial sooner. */
  useful(language: string | undefined): string[];
  /** Throws if the content is not the one that the manifest names. */
  add(name: string, content: Uint8Array): void;
  /** Searches do without a file, until it is added. */
  fail(name: string): void;
  filters(): SiteFilter[];
  free(): void;
}

/** The bindings of one instance. Calling them with a module creates the instance. */
export interface Bindings {
  (module: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  SiteIndex: new (manifest: Uint8Array) => SiteIndex;
  lastPanic(): string | undefined;
}

/** Makes bindings with a state of their own, for one more instance. */
export declare function bind(): Bindings;
