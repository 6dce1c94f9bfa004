// Types of what scripts/build.sh generates from src/wasm_edge.rs with wasm-bindgen.

import type { WasmFiles } from "./content.js";

export type RawResponse = [status: number, headers: [string, string][], body: Uint8Array<ArrayBuffer>];

type Head = [method: string, path: string, authorization: string | undefined, id: string];

/** The server's routes with a model, inside a WebAssembly instance. */
export interface Routes {
  readonly maxBody: number;
  refusal(...head: Head): RawResponse | undefined;
  respond(...request: [...Head, body: Uint8Array]): RawResponse;
}

/** The bindings of one instance; calling them with a module makes the instance. */
export interface Bindings {
  (module: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  Files: new () => WasmFiles;
  Routes: new (files: WasmFiles, name: string, tokens: string) => Routes;
  isPlainId(id: string): boolean;
  lastPanic(): string | undefined;
}

/** Bindings with a state of their own, for one more instance. */
export function bind(): Bindings;
