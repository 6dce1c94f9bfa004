// What a file holds, on its way from where it lies into WebAssembly.

import { CrossrankError } from "./errors.js";

/** Bytes, or a blob, whose bytes may lie in the browser's storage still. */
export type Content = Uint8Array | Blob;

/** A file's pieces, and its length where that is known. */
export interface Pieces {
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  size?: number | undefined;
}

/** The files of a model inside a WebAssembly instance: src/wasm_files.rs. */
export interface WasmFiles {
  reserve(name: string, bytes: number): boolean;
  push(name: string, piece: Uint8Array): void;
}

/** Bytes of a blob that are in memory at once. */
const PIECE = 4 << 20;

export function sizeOf(content: Content): number {
  return content instanceof Blob ? content.size : content.length;
}

export function partOf(content: Content, start: number, end?: number): Content {
  return content instanceof Blob ? content.slice(start, end) : content.subarray(start, end);
}

export async function bytesOf(content: Content): Promise<Uint8Array> {
  return content instanceof Blob ? new Uint8Array(await content.arrayBuffer()) : content;
}

/** What crosses to a worker without being copied. */
export function blobOf(content: Content): Blob {
  return content instanceof Blob ? content : new Blob([content as Uint8Array<ArrayBuffer>]);
}

export function piecesOf(content: Content): Pieces {
  const pieces = content instanceof Blob ? slices(content) : [content];
  return { pieces, size: sizeOf(content) };
}

async function* slices(blob: Blob): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < blob.size; start += PIECE) {
    yield new Uint8Array(await blob.slice(start, start + PIECE).arrayBuffer());
  }
}

/** Puts a file into an instance's memory. */
export async function put(files: WasmFiles, name: string, { pieces, size }: Pieces): Promise<void> {
  const reserve = (bytes: number) => {
    if (files.reserve(name, bytes)) return;
    throw new CrossrankError(
      "unsupported-model",
      `the model's file of ${megabytes(size ?? bytes)} does not fit into the memory of ` +
        "WebAssembly, 4096 MB at most; take a smaller or a quantized model, or a service",
    );
  };
  if (size !== undefined) reserve(size);
  for await (const piece of pieces) {
    reserve(piece.length);
    files.push(name, piece);
  }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / (1 << 20))} MB`;
}
