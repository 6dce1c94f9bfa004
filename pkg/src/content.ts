// What a file holds, on its way from where it lies into WebAssembly.

import { CrossrankError } from "./errors.js";

/** Bytes, or a blob, whose bytes may lie in the browser's storage still. */
export type Content = Uint8Array | Blob;

/** A copy in the browser's storage cannot be read, or is another file than it should be. */
export class DamagedCopy extends Error {}

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

/** Bytes that are handed over at once: while they are, they are in memory twice. */
const PIECE = 4 << 20;
/** What a file of unknown length grows by. */
const STEP = 1 << 20;
/** One file's most bytes: Rust's limit on 32-bit machines. */
const MOST = 2 ** 31 - 1;

export function sizeOf(content: Content): number {
  return content instanceof Blob ? content.size : content.length;
}

export function partOf(content: Content, start: number, end?: number): Content {
  return content instanceof Blob ? content.slice(start, end) : content.subarray(start, end);
}

export async function bytesOf(content: Content): Promise<Uint8Array> {
  if (!(content instanceof Blob)) return content;
  return new Uint8Array(await content.arrayBuffer().catch(unreadable));
}

function unreadable(cause: unknown): never {
  throw new DamagedCopy("it cannot be read", { cause });
}

/** What crosses to a worker without being copied. */
export function blobOf(content: Content): Blob {
  return content instanceof Blob ? content : new Blob([content as Uint8Array<ArrayBuffer>]);
}

export function piecesOf(content: Content): Pieces {
  return { pieces: slices(content), size: sizeOf(content) };
}

async function* slices(content: Content): AsyncGenerator<Uint8Array> {
  if (content instanceof Blob) return yield* chunksOf(content);
  for (let start = 0; start < content.length; start += PIECE) {
    yield content.subarray(start, start + PIECE);
  }
}

/** A stream reads ahead, which takes half of the time that one slice after another does. */
async function* chunksOf(blob: Blob): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(unreadable);
      if (done) return;
      yield value;
    }
  } finally {
    // Of a stream that has failed, this says so again.
    reader.cancel().catch(() => {});
  }
}

/** Refuses a file that is too large, before it is fetched where its length is known. */
export function checkSize(size: number | undefined): void {
  if (size !== undefined && size > MOST) throw tooLarge(size);
}

function tooLarge(size: number): CrossrankError {
  return new CrossrankError(
    "unsupported-model",
    `a file of the model has ${Math.ceil(size / 1e6)} MB, which do not fit into the memory of ` +
      "WebAssembly: 2147 MB a file at most, 4294 MB in all; take a quantized or a smaller model, " +
      "or run this one natively (crossrank serve)",
  );
}

/** Puts a file into an instance's memory. */
export async function put(files: WasmFiles, name: string, { pieces, size }: Pieces): Promise<void> {
  let length = 0;
  const reserve = (bytes: number) => {
    checkSize(length + bytes);
    if (!files.reserve(name, bytes)) throw tooLarge(size ?? length + bytes);
  };
  if (size !== undefined) reserve(size);
  for await (const piece of pieces) {
    if (length + piece.length > (size ?? 0)) reserve(Math.max(piece.length, STEP));
    files.push(name, piece);
    length += piece.length;
  }
}
