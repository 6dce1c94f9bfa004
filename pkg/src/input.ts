// Checks of what the conversion to WebAssembly would hide: types, and lone surrogates, which it
// would replace without a word. Every other rule is the Rust core's.

import type { CallOptions, Document, TextOptions } from "../types/index.js";
import { CrossrankError } from "./errors.js";

/** The largest number that the core's `top_k` can take, for "all of them". */
const ALL = 0xffff_ffff;

export function topKOf(topK: unknown): number {
  if (topK === undefined) return ALL;
  if (typeof topK !== "number" || !Number.isInteger(topK) || topK < 0) {
    throw invalid(`topK is ${show(topK)}; give a whole number from 1, or leave it out for all`);
  }
  return Math.min(topK, ALL);
}

export function textOf(text: unknown, place: string): string {
  if (typeof text !== "string") throw invalid(`${place} is ${show(text)}; give a string`);
  if (/\p{Surrogate}/u.test(text)) {
    throw new CrossrankError(
      "invalid-text",
      `${place} holds half of a surrogate pair, which no Unicode text does; ` +
        "find where it was cut, or repair it with toWellFormed()",
    );
  }
  return text;
}

export function textsOf<D extends Document>(
  documents: readonly D[],
  options: TextOptions<D> | undefined,
  place = "",
): string[] {
  if (options?.text !== undefined && typeof options.text !== "function") {
    throw invalid(`options.text is ${show(options.text)}; give a function`);
  }
  return documents.map((document, index) => {
    const here = `${place}document ${index}`;
    if (options?.text) return textOf(options.text(document, index), `the text of ${here}`);
    if (typeof document === "string") return textOf(document, here);
    if (document === null || typeof document !== "object") {
      throw invalid(`${here} is ${show(document)}; give a string or an object`);
    }
    if (!("text" in document)) {
      throw invalid(`${here} has no field "text"; say where its text is with the option "text"`);
    }
    return textOf(document.text, `the text of ${here}`);
  });
}

export function signalOf(options: CallOptions<never> | undefined): AbortSignal | undefined {
  const signal = options?.signal;
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw invalid(`options.signal is ${show(signal)}; give an AbortSignal`);
}

/** A copy, so that what a caller does to the array while a call is under way changes nothing. */
export function arrayOf<T>(value: readonly T[], place: string): readonly T[] {
  if (!Array.isArray(value)) throw invalid(`${place} is ${show(value)}; give an array`);
  // Unlike slice(), this turns holes into undefined, which the checks then see.
  return Array.from(value as readonly T[]);
}

/** A value in a message, in few words. */
export function show(value: unknown): string {
  if (typeof value === "string") return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (value === null || value === undefined || typeof value === "boolean") return String(value);
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return Array.isArray(value) ? "an array" : `of type ${typeof value}`;
}

function invalid(message: string): CrossrankError {
  return new CrossrankError("invalid-argument", message);
}
