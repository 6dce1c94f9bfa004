// Types of the bindings that scripts/build.sh makes from src/wasm/edge.rs with wasm-bindgen.

import type { WasmFiles } from "../core/content.js";

export type RawResponse = [status: number, headers: [string, string][], body: Uint8Array<ArrayBuffer>];

/** The headers are names and values in turn. */
type RequestHead = [method: string, path: string, headers: string[], id: string];

/** The server's routes with a model, inside a WebAssembly instance. */
export interface Routes {
  readonly maxBody: number;
  /** The response to a request that is refused without its body. */
  refusal(...head: RequestHead): RawResponse | undefined;
  respond(...request: [...RequestHead, body: Uint8Array]): RawResponse;
}

/** The bindings of one instance. Calling them with a module creates the instance. */
export interface Bindings {
  (module: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  Files: new () => WasmFiles;
  Routes: new (
    files: WasmFiles,
    name: string,
    tokens: string,
    pathPrefix: string,
    acceptAnyModel: boolean,
  ) => Routes;
  isPlainId(id: string): boolean;
  lastPanic(): string | undefined;
}

/** Makes bindings with a state of their own, for one more instance. */
export declare function bind(): Bindings;
