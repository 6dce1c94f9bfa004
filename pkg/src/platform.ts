/** A file or a response whose reading has begun. */
export interface Opened {
  /** Its length, where known. */
  size: number | undefined;
  chunks: AsyncIterable<Uint8Array>;
}

/** What differs between node and browsers. */
export interface Platform {
  /** The URL that a string given as a model or a WebAssembly file means. */
  url(location: string): URL;
  /** Begins to read a file; undefined where there is none. */
  open(url: URL, signal: AbortSignal): Promise<Opened | undefined>;
  /** Reads and compiles a WebAssembly file. */
  compile(url: URL): Promise<WebAssembly.Module>;
  /** The WebAssembly file of this package. */
  wasm(): URL;
}
