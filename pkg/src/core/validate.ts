// Checks of arguments that the conversion to WebAssembly would hide: wrong types, and lone
// surrogates, which it would silently replace. The Rust core checks everything else.

import type { UrlLike } from "../../types/index.js";
import { CrossrankError } from "./errors.js";
import type { Platform } from "./platform.js";
import { isLocation, isSignal } from "./realm.js";

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

/** What an option has to be, and whether a value is that. */
export type OptionRule = readonly [expected: string, isValid: (value: unknown) => boolean];

export type OptionRules<O> = { [Name in keyof Required<O>]: OptionRule };

/** An option that is checked where it is used. */
export const ANY: OptionRule = ["a value", () => true];
export const FLAG: OptionRule = ["true or false", (value) => typeof value === "boolean"];
export const FUNCTION: OptionRule = ["a function", (value) => typeof value === "function"];
export const COUNT: OptionRule = ["a whole number from 1", isPositiveInteger];
export const SIGNAL: OptionRule = ["an AbortSignal", isSignal];
export const LOCATION: OptionRule = ["a URL", isLocation];

export function oneOf(...values: unknown[]): OptionRule {
  const names = values.map((value) => `"${value}"`);
  const expected = `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
  return [expected, (value) => values.includes(value)];
}

/**
 * Checks options by their rules, and refuses those that have none. `parent` names the option that
 * holds them, if one does.
 */
export function checkOptions<O extends object>(
  options: O | undefined,
  rules: Record<string, OptionRule>,
  parent = "",
): O {
  checkOption(parent, options, "an object", isObject(options));
  const given = (options ?? {}) as Record<string, unknown>;
  const prefix = parent && `${parent}.`;
  for (const [name, [expected, isValid]] of Object.entries(rules)) {
    checkOption(prefix + name, given[name], expected, isValid(given[name]));
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || Object.hasOwn(rules, name)) continue;
    const advice = adviceOnUnknown(name, Object.keys(rules));
    throw invalidArgument(`there is no option ${prefix}${name}; ${advice}`);
  }
  return given as O;
}

function adviceOnUnknown(name: string, known: string[]): string {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, "");
  const given = plain(name);
  const isSimilar = (other: string) => other.includes(given) || given.includes(other);
  const similar =
    known.find((other) => plain(other) === given) ?? known.find((other) => isSimilar(plain(other)));
  if (/^top[nk]$/.test(given)) return "did you mean topK, which rerank() takes before its options?";
  return similar ? `did you mean ${similar}?` : `the options are ${known.join(", ")}`;
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
export function resolveUrl(platform: Platform, location: UrlLike | string, name: string): URL {
  if (!isLocation(location)) throw invalidArgument(`${name} is ${describeValue(location)}; give a URL`);
  const address = typeof location === "string" ? location : location.href;
  try {
    return platform.resolveUrl(address);
  } catch {
    const value = describeValue(address);
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
