// The interface to node and browsers, and the interfaces that it needs.

/** A file or a response that is being read. */
export interface FileStream {
  /** The offset of the first chunk: the requested one, or 0. */
  start: number;
  /** The length of the whole file, if it is known. */
  size: number | undefined;
  /** Identifies this version of the file among those that the URL may give, if it is known. */
  version: string | undefined;
  chunks: AsyncIterable<Uint8Array>;
  /** Ends the reading. Call it if the chunks are not iterated over. */
  close(): void;
}

/** How a file is asked for. */
export interface FileRequest {
  /** Where to continue in a file whose beginning was received earlier. */
  start?: number;
  /** The version of the beginning. Without one, the caller checks whether the parts fit. */
  version?: string | undefined;
  /** Pass over the copies of the browser and of service workers. */
  reload?: boolean | undefined;
}

/**
 * Keeps a copy of each file. A slot names the file, and a version its content. A new version
 * replaces the old one.
 */
export interface FileStorage {
  /** Whether copies are kept at all. */
  readonly isEnabled: boolean;
  /** The copy of this version, or of any version. Its bytes are not read yet. */
  open(slot: string, version?: string): Promise<StoredCopy | undefined>;
  /** The bytes of a copy. A damaged one is removed. */
  read(slot: string, version?: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Whether there is a copy of this version, or of any version. */
  has(slot: string, version?: string): Promise<boolean>;
  /** Resolves when the copy is stored, or could not be. `hash` is its SHA-256, if that is known. */
  write(slot: string, version: string, content: Uint8Array, hash?: string): Promise<void>;
  remove(slot: string): Promise<void>;
}

export interface StoredCopy {
  content: Blob;
  /** Removes the copy and rejects with {@link DamagedCopy} if its bytes are not those that were written. */
  verify(): Promise<void>;
}

/** The instruction set of one of the package's small WebAssembly files. */
export type WasmVariant = "simd128" | "relaxed-simd";

/** The WebAssembly files that a folder holds beside the small ones. */
export type WasmKind = "general" | "gpu";

/** A WebAssembly file that computes on a GPU, and its bindings. */
export interface GpuFiles {
  wasm(): URL;
  bindings(): URL;
}

/** One end of the channel between a page and a worker. */
export interface Port {
  post(message: unknown): void;
  onMessage(listener: (message: never) => void): void;
}

/** A worker as its page sees it. */
export interface WorkerPort extends Port {
  /** Calls the listener when the worker fails or ends, if the platform reports that. */
  onEnd(listener: (reason: unknown) => void): void;
  terminate(): void;
}

/** The Hugging Face Hub's settings and cache on this machine. */
export interface HubEnvironment {
  /** Settings that the environment gives in place of options. */
  settings(): { baseUrl?: string | undefined; token?: string | undefined; offline?: boolean };
  /** The files of a revision in the hub's cache, if it has that revision. */
  snapshot(repository: string, revision: string): Promise<{ folder: URL; paths: string[] } | undefined>;
}

export interface Platform {
  /**
   * The URL of a model or a WebAssembly file. A URL arrives as a string too, because Next.js turns
   * `new URL("./file", import.meta.url)` into one without an origin.
   */
  resolveUrl(location: string): URL;
  /**
   * Begins to read a file; undefined if there is none. If the file cannot be continued, its stream
   * starts at 0. The token is sent to the URL's origin only.
   */
  openFile(
    url: URL,
    signal: AbortSignal,
    request?: FileRequest,
    token?: string,
  ): Promise<FileStream | undefined>;
  /** Set on platforms that share a cache with other clients of the Hugging Face Hub. */
  readonly hub?: HubEnvironment;
  /** Reads and compiles a WebAssembly file; `kind` distinguishes it from others in its folder. */
  compileWasm(url: URL, storage: FileStorage, kind?: WasmKind): Promise<WebAssembly.Module>;
  /** The WebAssembly files of this package. */
  readonly wasmFiles: Record<WasmVariant | "general", () => URL>;
  /** The files that compute on a GPU, on platforms that may have one. */
  readonly gpuFiles?: GpuFiles;
  /** The number of workers if the caller names none. */
  readonly defaultWorkers: "auto" | number;
  /** The number of processors of this machine. */
  cores(): number;
  /** A blob can be sent to a worker without a copy. */
  toBlob(bytes: Uint8Array): Blob;
  /** Starts a worker, from this package's script or from the one that the caller names. */
  startWorker(script: URL | undefined): WorkerPort;
}
