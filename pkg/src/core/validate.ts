// Checks of arguments that the conversion to WebAssembly would hide: wrong types, and lone
// surrogates, which it would silently replace. The Rust core checks everything else.

import { CrossrankError } from "./errors.js";
import type { Platform } from "./platform.js";

/** The core counts in 32 bits. */
export const MAX_UINT32 = 0xffff_ffff;

export function invalidArgument(message: string): CrossrankError {
  return new CrossrankError("invalid-argument", message);
}

/** Throws if an option is given and is not valid. The name `""` stands for the options as a whole. */
export function checkOption(name: string, value: unknown, expected: string, isValid: boolean): void {
  if (value === undefined || isValid) return;
  throw invalidArgument(`options${name && `.${name}`} is ${describeValue(value)}; give ${expected}`);
}

/** Checks and returns the text; `name` is used in messages. */
export function checkText(text: unknown, name: string): string {
  if (typeof text !== "string") {
    throw invalidArgument(`${name} is ${describeValue(text)}; give a string`);
  }
  if (/\p{Surrogate}/u.test(text)) {
    throw new CrossrankError(
      "invalid-text",
      `${name} contains half of a surrogate pair, which is not valid Unicode; ` +
        "find where the text was cut, or repair it with toWellFormed()",
    );
  }
  return text;
}

/** Gives a copy, so that a call is not affected if the caller changes the array meanwhile. */
export function copyArray<V>(value: readonly V[], name: string): readonly V[] {
  if (!Array.isArray(value)) {
    throw invalidArgument(`${name} is ${describeValue(value)}; give an array`);
  }
  // Unlike slice(), this turns holes into undefined, which later checks see.
  return Array.from(value as readonly V[]);
}

/** Resolves a location on the platform. `name` names it in messages. */
export function resolveUrl(platform: Platform, location: URL | string, name: string): URL {
  try {
    return platform.resolveUrl(String(location));
  } catch {
    const value = describeValue(String(location));
    throw invalidArgument(`${name} is ${value}, which is not a valid URL; give a complete one`);
  }
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isPositiveInteger(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1;
}

/** A short description of a value for a message. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (value === null || value === undefined || typeof value === "boolean") return String(value);
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return Array.isArray(value) ? "an array" : `of type ${typeof value}`;
}
