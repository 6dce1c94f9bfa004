import type { HubPlatform } from "./hub.js";
import type { WorkerPort } from "./protocol.js";
import type { Build } from "./simd.js";
import type { Storage } from "./storage.js";

/** A file or a response whose reading has begun. */
export interface Opened {
  /** Where the chunks begin: at the place that was asked for, or at 0. */
  start: number;
  /** The length of the whole file, where known. */
  size: number | undefined;
  /** What tells the file from others that the same address may give, where known. */
  version: string | undefined;
  chunks: AsyncIterable<Uint8Array>;
  /** Ends the reading; for those who do not iterate over the chunks. */
  close(): void;
}

/** The place to go on from in a file whose beginning came earlier. */
export interface Resume {
  start: number;
  /** The beginning's version. Without one, the caller finds out whether the parts fit. */
  version?: string;
}

/** The WebAssembly files that a folder has beside the small ones. */
export type WasmKind = "general" | "gpu";

/** A WebAssembly file that computes on a GPU, and its bindings. */
export interface GpuFiles {
  wasm(): URL;
  bindings(): URL;
}

/** What differs between node and browsers. */
export interface Platform {
  /**
   * The URL that is meant by what is given as a model or a WebAssembly file: a string, or a URL as
   * a string, because Next.js makes `new URL("./file", import.meta.url)` one without an origin.
   */
  url(location: string): URL;
  /** Begins to read a file; undefined where there is none. The token goes to its origin alone. */
  open(
    url: URL,
    signal: AbortSignal,
    resume?: Resume,
    token?: string,
  ): Promise<Opened | undefined>;
  /** Where this platform shares a cache with other clients of the Hugging Face Hub. */
  readonly hub?: HubPlatform;
  /** Reads and compiles a WebAssembly file; `kind` tells it from others of its folder. */
  compile(url: URL, storage: Storage, kind?: WasmKind): Promise<WebAssembly.Module>;
  /** The WebAssembly files of this package. */
  readonly wasm: Record<Build | "general", () => URL>;
  /** Those that compute on a GPU, where the platform may have one. */
  readonly gpu?: GpuFiles;
  /** Where a model computes when the caller does not say: in how many workers. */
  readonly workers: "auto" | number;
  /** Processors of this machine. */
  cores(): number;
  /** Starts a worker: from this package's script, or from where a caller has put it. */
  worker(script: URL | undefined): WorkerPort;
}
