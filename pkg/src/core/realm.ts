// Values that the caller gives, which may come from another realm: a frame, a `vm` context, jsdom.
// `instanceof` recognizes the classes of this realm only.

import type { AbortSignalLike, Bytes, UrlLike } from "../../types/index.js";

/** The class that the platform gives a value, in whatever realm. */
function classOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

export function isSignal(value: unknown): value is AbortSignalLike {
  const { aborted, addEventListener } = (value ?? {}) as AbortSignal;
  return typeof aborted === "boolean" && typeof addEventListener === "function";
}

/** Whether a value is a URL, or a string that may be one. */
export function isLocation(value: unknown): value is UrlLike | string {
  return typeof value === "string" || typeof (value as UrlLike | null | undefined)?.href === "string";
}

export function isBytes(value: unknown): value is Bytes {
  return ["Uint8Array", "ArrayBuffer", "SharedArrayBuffer"].includes(classOf(value));
}

export function isCompiledModule(value: unknown): value is WebAssembly.Module {
  return classOf(value) === "WebAssembly.Module";
}

export function isError(value: unknown): value is Error {
  return value instanceof Error || ["Error", "DOMException"].includes(classOf(value));
}

/**
 * The bytes in this realm. They are copied if their memory is shared or can be resized, because blobs,
 * hashes and decoders refuse such memory.
 */
export function toUint8Array(bytes: Bytes): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(bytes)
    ? bytes
    : { buffer: bytes, byteOffset: 0, byteLength: bytes.byteLength };
  const view = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  const isFixed = classOf(buffer) === "ArrayBuffer" && !(buffer as { resizable?: boolean }).resizable;
  return isFixed ? view : view.slice();
}
