// Checks the arguments of calls.

import type {
  CallOptions,
  Document,
  EmbedCallOptions,
  ScoreCallOptions,
  TextOptions,
} from "../../types/index.js";
import { MAX_TIMER_MS } from "../core/abort.js";
import { CrossrankError } from "../core/errors.js";
import type { Embedding } from "../core/task.js";
import {
  checkOption,
  checkText,
  describeValue,
  invalidArgument,
  isObject,
  isPositiveInteger,
  MAX_UINT32,
} from "../core/validate.js";
import type { CallControl } from "./call.js";

/** The core's limit. */
const MAX_TEXT_BYTES = 1 << 20;

export function parseTopK(topK: unknown): number {
  if (topK === undefined) return Infinity;
  if (!isPositiveInteger(topK)) {
    const expected = "give a whole number from 1, or leave it out for all";
    throw invalidArgument(`topK is ${describeValue(topK)}; ${expected}`);
  }
  return topK;
}

/**
 * Gives a text that is at most as long as the core allows. The core receives it with every share of
 * its documents, and so could not name it in an error.
 */
export function checkBoundedText(value: unknown, name: string): string {
  const text = checkText(value, name);
  const bytes = text.length * 3 > MAX_TEXT_BYTES ? new TextEncoder().encode(text).length : 0;
  if (bytes <= MAX_TEXT_BYTES) return text;
  const message = `${name} has ${bytes} bytes, over the limit of ${MAX_TEXT_BYTES}; shorten it`;
  throw new CrossrankError("input-too-large", message);
}

/** Gives a query to rank documents for. */
export function checkQuery(query: unknown, name: string): string {
  const text = checkBoundedText(query, name);
  if (text.trim() === "") throw invalidArgument(`${name} is empty; give a query`);
  return text;
}

export function textsOf<D extends Document>(
  documents: readonly D[],
  options: TextOptions<D> | undefined,
  describe: (index: number) => string,
): string[] {
  if (options?.text !== undefined && typeof options.text !== "function") {
    throw invalidArgument(`options.text is ${describeValue(options.text)}; give a function`);
  }
  return documents.map((document, index) => {
    const name = describe(index);
    if (options?.text) return checkText(options.text(document, index), `the text of ${name}`);
    if (typeof document === "string") return checkText(document, name);
    if (document === null || typeof document !== "object") {
      throw invalidArgument(`${name} is ${describeValue(document)}; give a string or an object`);
    }
    if (!("text" in document)) {
      const advice = 'say where its text is with the option "text"';
      throw invalidArgument(`${name} has no field "text"; ${advice}`);
    }
    return checkText(document.text, `the text of ${name}`);
  });
}

export function parseEmbedOptions(options: EmbedCallOptions | undefined): CallControl<Embedding> {
  checkOption("", options, "an object", isObject(options));
  const { signal, truncate, normalize, onProgress } = options ?? {};
  checkOption("signal", signal, "an AbortSignal", signal instanceof AbortSignal);
  checkOption("truncate", truncate, "true or false", typeof truncate === "boolean");
  checkOption("normalize", normalize, "true or false", typeof normalize === "boolean");
  checkOption("onProgress", onProgress, "a function", typeof onProgress === "function");
  const coreOptions = {
    ...(truncate !== undefined && { truncate }),
    ...(normalize !== undefined && { normalize }),
  };
  return { options: coreOptions, skipCache: true, signal, timeoutMs: undefined };
}

export function parseScoreOptions(options: ScoreCallOptions<never> | undefined): CallControl {
  checkOption("", options, "an object", isObject(options));
  const { signal, longDocuments, maxWindows, skipCache = false } = options ?? {};
  checkOption("signal", signal, "an AbortSignal", signal instanceof AbortSignal);
  const isMode = longDocuments === "truncate" || longDocuments === "windows";
  checkOption("longDocuments", longDocuments, '"truncate" or "windows"', isMode);
  checkOption("maxWindows", maxWindows, "a whole number from 1", isPositiveInteger(maxWindows));
  checkOption("skipCache", skipCache, "true or false", typeof skipCache === "boolean");
  const coreOptions = {
    ...(longDocuments && { longDocuments }),
    ...(maxWindows && { maxWindows: Math.min(maxWindows, MAX_UINT32) }),
  };
  return { options: coreOptions, skipCache, signal, timeoutMs: undefined };
}

/** The name that `latest: true` stands for. No name that a caller gives equals it. */
const UNNAMED = Symbol("latest");

export interface RerankControl extends CallControl {
  minScore: number | undefined;
  latest: string | symbol | undefined;
  /** Whether a failed call gives the documents in the order given. */
  keepOrder: boolean;
}

export function parseRerankOptions(options: CallOptions<never> | undefined): RerankControl {
  const control = parseScoreOptions(options);
  const { timeoutMs, minScore, latest, onError = "throw" } = options ?? {};
  const isDuration = typeof timeoutMs === "number" && timeoutMs >= 0;
  checkOption("timeoutMs", timeoutMs, "a number of milliseconds", isDuration);
  const isNumber = typeof minScore === "number" && !Number.isNaN(minScore);
  checkOption("minScore", minScore, "a number", isNumber);
  const isLatest = typeof latest === "boolean" || typeof latest === "string";
  checkOption("latest", latest, "true or a name", isLatest);
  const isErrorMode = onError === "throw" || onError === "original-order";
  checkOption("onError", onError, '"throw" or "original-order"', isErrorMode);
  return {
    ...control,
    timeoutMs: timeoutMs === undefined ? undefined : Math.min(timeoutMs, MAX_TIMER_MS),
    minScore,
    latest: latest === true ? UNNAMED : latest === false ? undefined : latest,
    keepOrder: onError === "original-order",
  };
}
