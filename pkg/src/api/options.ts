// Checks the arguments of calls.

import type {
  CallOptions,
  Document,
  EmbedCallOptions,
  EncodeOptions,
  ScoreCallOptions,
  TextOptions,
} from "../../types/index.js";
import { MAX_TIMER_MS } from "../core/abort.js";
import { CrossrankError } from "../core/errors.js";
import type { Embedding } from "../core/task.js";
import {
  COUNT,
  checkOptions,
  checkText,
  describeValue,
  FLAG,
  FUNCTION,
  invalidArgument,
  isPositiveInteger,
  MAX_UINT32,
  type OptionRules,
  oneOf,
  SIGNAL,
} from "../core/validate.js";
import type { CallControl } from "./call.js";

/** The core's limit. */
const MAX_TEXT_BYTES = 1 << 20;

const SCORE_RULES: OptionRules<ScoreCallOptions<never>> = {
  text: FUNCTION,
  signal: SIGNAL,
  longDocuments: oneOf("truncate", "windows"),
  maxWindows: COUNT,
  skipCache: FLAG,
};

const CALL_RULES: OptionRules<CallOptions<never>> = {
  ...SCORE_RULES,
  timeoutMs: ["a number of milliseconds", (value) => typeof value === "number" && value >= 0],
  minScore: ["a number", (value) => typeof value === "number" && !Number.isNaN(value)],
  latest: ["true or a name", (value) => typeof value === "boolean" || typeof value === "string"],
  onError: oneOf("throw", "original-order"),
};

const EMBED_RULES: OptionRules<EmbedCallOptions> = {
  signal: SIGNAL,
  truncate: FLAG,
  normalize: FLAG,
  onProgress: FUNCTION,
};

const ENCODE_RULES: OptionRules<EncodeOptions> = { query: FLAG };

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

/** Nothing that can be seen, as in src/reranker/schedule.rs. */
const INVISIBLE = /^[\s\p{Cc}\p{Default_Ignorable_Code_Point}]*$/u;

/** Gives a query to rank documents for. */
export function checkQuery(query: unknown, name: string): string {
  const text = checkBoundedText(query, name);
  if (INVISIBLE.test(text)) throw invalidArgument(`${name} is empty; give a query`);
  return text;
}

export function textsOf<D extends Document>(
  documents: readonly D[],
  options: TextOptions<D> | undefined,
  describe: (index: number) => string,
): string[] {
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

export function parseEncodeOptions(options: EncodeOptions | undefined): { query: boolean } {
  const { query = false } = checkOptions(options, ENCODE_RULES);
  return { query };
}

export function parseEmbedOptions(options: EmbedCallOptions | undefined): CallControl<Embedding> {
  const { signal, truncate, normalize } = checkOptions(options, EMBED_RULES);
  const coreOptions = {
    ...(truncate !== undefined && { truncate }),
    ...(normalize !== undefined && { normalize }),
  };
  return { options: coreOptions, skipCache: true, signal, timeoutMs: undefined };
}

export function parseScoreOptions(options: ScoreCallOptions<never> | undefined): CallControl {
  return scoreControl(checkOptions(options, SCORE_RULES));
}

function scoreControl(options: ScoreCallOptions<never>): CallControl {
  const { signal, longDocuments, maxWindows, skipCache = false } = options;
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

export function parseRerankOptions(given: CallOptions<never> | undefined): RerankControl {
  const options = checkOptions(given, CALL_RULES);
  const { timeoutMs, minScore, latest, onError } = options;
  return {
    ...scoreControl(options),
    timeoutMs: timeoutMs === undefined ? undefined : Math.min(timeoutMs, MAX_TIMER_MS),
    minScore,
    latest: latest === true ? UNNAMED : latest === false ? undefined : latest,
    keepOrder: onError === "original-order",
  };
}
