// The content of a file, on its way from the network, a disk or the storage into WebAssembly.

import { CrossrankError } from "./errors.js";

/** Bytes, or a blob whose bytes may still be in the browser's storage. */
export type Content = Uint8Array | Blob;

/** A copy in the browser's storage cannot be read, or has the wrong content. */
export class DamagedCopy extends Error {}

/** A file in pieces, and its length if that is known. */
export interface Pieces {
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  size?: number | undefined;
}

/** The files of a model inside a WebAssembly instance, as in src/wasm/files.rs. */
export interface WasmFiles {
  reserve(name: string, bytes: number): boolean;
  push(name: string, piece: Uint8Array): void;
}

/** Pieces are this long at most, because each is in memory twice while it is handed over. */
const MAX_PIECE_BYTES = 4 << 20;
/** The memory of a file whose length is unknown grows by this. */
const GROWTH_BYTES = 1 << 20;
/** The limit of one allocation in Rust on 32-bit machines. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

export function isBlob(content: Content): content is Blob {
  return !ArrayBuffer.isView(content);
}

export function sizeOf(content: Content): number {
  return isBlob(content) ? content.size : content.length;
}

export function slice(content: Content, start: number, end?: number): Content {
  return isBlob(content) ? content.slice(start, end) : content.subarray(start, end);
}

export async function toBytes(content: Content): Promise<Uint8Array> {
  if (!isBlob(content)) return content;
  return new Uint8Array(await content.arrayBuffer().catch(throwUnreadable));
}

export function toPieces(content: Content): Pieces {
  return { pieces: piecesOf(content), size: sizeOf(content) };
}

async function* piecesOf(content: Content): AsyncGenerator<Uint8Array> {
  if (isBlob(content)) return yield* streamBlob(content);
  for (let start = 0; start < content.length; start += MAX_PIECE_BYTES) {
    yield content.subarray(start, start + MAX_PIECE_BYTES);
  }
}

/** A stream reads ahead, and so takes half the time of reading one slice after another. */
async function* streamBlob(blob: Blob): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(throwUnreadable);
      if (done) return;
      yield value;
    }
  } finally {
    // If the stream has failed, this fails for the same reason.
    reader.cancel().catch(() => {});
  }
}

function throwUnreadable(cause: unknown): never {
  throw new DamagedCopy("it cannot be read", { cause });
}

/** Rejects a file that is too large. Called before the file is fetched if its length is known. */
export function checkFileSize(size: number | undefined): void {
  if (size !== undefined && size > MAX_FILE_BYTES) throw tooLargeError(size);
}

function tooLargeError(size: number): CrossrankError {
  return new CrossrankError(
    "unsupported-model",
    `a file of the model has ${Math.ceil(size / 1e6)} MB, which do not fit into the memory of ` +
      "WebAssembly: 2147 MB per file and 4294 MB in all; use a quantized or a smaller model, " +
      "or run this one natively (crossrank serve)",
  );
}

/** Copies a file into an instance's memory. */
export async function copyToWasm(files: WasmFiles, name: string, { pieces, size }: Pieces): Promise<void> {
  let length = 0;
  const reserve = (bytes: number) => {
    checkFileSize(length + bytes);
    if (!files.reserve(name, bytes)) throw tooLargeError(size ?? length + bytes);
  };
  if (size !== undefined) reserve(size);
  for await (const piece of pieces) {
    if (length + piece.length > (size ?? 0)) reserve(Math.max(piece.length, GROWTH_BYTES));
    files.push(name, piece);
    length += piece.length;
  }
}
