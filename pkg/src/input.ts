// Checks of what the conversion to WebAssembly would hide: types, and lone surrogates, which it
// would replace without a word. Every other rule is the Rust core's.

import type {
  CallOptions,
  Document,
  EmbedCallOptions,
  ScoreCallOptions,
  TextOptions,
} from "../types/index.js";
import type { CallControl } from "./call.js";
import { CrossrankError } from "./errors.js";
import type { Platform } from "./platform.js";
import type { Embedding } from "./work.js";

export function topKOf(topK: unknown): number {
  if (topK === undefined) return Infinity;
  if (!isWhole(topK)) {
    throw invalid(`topK is ${show(topK)}; give a whole number from 1, or leave it out for all`);
  }
  return topK;
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

/** The core's limit, in bytes. */
const MOST_BYTES = 1 << 20;

/** A text that is sent to the core with every share of its documents, which could not name it. */
export function sizedTextOf(value: unknown, place: string): string {
  const text = textOf(value, place);
  const bytes = text.length * 3 > MOST_BYTES ? new TextEncoder().encode(text).length : 0;
  if (bytes <= MOST_BYTES) return text;
  const message = `${place} has ${bytes} bytes, over the limit of ${MOST_BYTES}; shorten it`;
  throw new CrossrankError("input-too-large", message);
}

export function textsOf<D extends Document>(
  documents: readonly D[],
  options: TextOptions<D> | undefined,
  place = (index: number) => `document ${index}`,
): string[] {
  if (options?.text !== undefined && typeof options.text !== "function") {
    throw invalid(`options.text is ${show(options.text)}; give a function`);
  }
  return documents.map((document, index) => {
    const here = place(index);
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

/** A query that documents are to be ranked for. */
export function queryOf(query: unknown, place: string): string {
  const text = sizedTextOf(query, place);
  if (text.trim() === "") throw invalid(`${place} is empty; give a query`);
  return text;
}

export function embedControlOf(options: EmbedCallOptions | undefined): CallControl<Embedding> {
  check("", options, "an object", isObject(options));
  const { signal, truncate, normalize } = options ?? {};
  check("signal", signal, "an AbortSignal", signal instanceof AbortSignal);
  check("truncate", truncate, "true or false", typeof truncate === "boolean");
  check("normalize", normalize, "true or false", typeof normalize === "boolean");
  const { onProgress } = options ?? {};
  check("onProgress", onProgress, "a function", typeof onProgress === "function");
  const core = {
    ...(truncate !== undefined && { truncate }),
    ...(normalize !== undefined && { normalize }),
  };
  return { options: core, skipCache: true, signal, timeoutMs: undefined };
}

export function scoreControlOf(options: ScoreCallOptions<never> | undefined): CallControl {
  check("", options, "an object", isObject(options));
  const { signal, longDocuments, maxWindows, skipCache = false } = options ?? {};
  check("signal", signal, "an AbortSignal", signal instanceof AbortSignal);
  const ways: unknown[] = ["truncate", "windows"];
  check("longDocuments", longDocuments, '"truncate" or "windows"', ways.includes(longDocuments));
  check("maxWindows", maxWindows, "a whole number from 1", isWhole(maxWindows));
  check("skipCache", skipCache, "true or false", typeof skipCache === "boolean");
  const core = {
    ...(longDocuments && { longDocuments }),
    // The core counts in 32 bits.
    ...(maxWindows && { maxWindows: Math.min(maxWindows, 0xffff_ffff) }),
  };
  return { options: core, skipCache, signal, timeoutMs: undefined };
}

/** What `latest: true` names: no name that a caller can give. */
const UNNAMED = Symbol("latest");

export interface RankControl extends CallControl {
  minScore: number | undefined;
  latest: string | symbol | undefined;
  /** A failed call gives the documents in the order given. */
  keepOrder: boolean;
}

export function rankControlOf(options: CallOptions<never> | undefined): RankControl {
  const control = scoreControlOf(options);
  const { timeoutMs, minScore, latest, onError = "throw" } = options ?? {};
  const isMilliseconds = typeof timeoutMs === "number" && timeoutMs >= 0;
  check("timeoutMs", timeoutMs, "a number of milliseconds", isMilliseconds);
  check("minScore", minScore, "a number", typeof minScore === "number" && !Number.isNaN(minScore));
  check("latest", latest, "true or a name", ["boolean", "string"].includes(typeof latest));
  const ways: unknown[] = ["throw", "original-order"];
  check("onError", onError, '"throw" or "original-order"', ways.includes(onError));
  return {
    ...control,
    // Timers take no more, and would go off at once.
    timeoutMs: timeoutMs === undefined ? undefined : Math.min(timeoutMs, 0x7fff_ffff),
    minScore,
    latest: latest === true ? UNNAMED : latest === false ? undefined : latest,
    keepOrder: onError === "original-order",
  };
}

/** Throws where an option is given and does not hold what it should; `""` means all options. */
export function check(name: string, value: unknown, wanted: string, holds: boolean): void {
  if (value === undefined || holds) return;
  throw invalid(`options${name && `.${name}`} is ${show(value)}; give ${wanted}`);
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isWhole(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1;
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

/** What the platform takes a location for; `name` says in a message whose it is. */
export function urlOf(platform: Platform, location: URL | string, name: string): URL {
  try {
    return platform.url(String(location));
  } catch {
    throw invalid(`${name} is ${show(String(location))}, which is no URL; give a whole one`);
  }
}

export function invalid(message: string): CrossrankError {
  return new CrossrankError("invalid-argument", message);
}
