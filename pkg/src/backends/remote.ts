// Reranks by a service over HTTP. Results have the same form as local ones.

import type { Encoding, Info, RemoteOptions, Score } from "../../types/index.js";
import { LinkedAbortController, MAX_TIMER_MS } from "../core/abort.js";
import type { Backend, Job, RunControl } from "../core/backend.js";
import { CrossrankError, disposedError } from "../core/errors.js";
import type { Platform } from "../core/platform.js";
import { isLocation } from "../core/realm.js";
import {
  ANY,
  checkOptions,
  describeValue,
  FLAG,
  FUNCTION,
  invalidArgument,
  type OptionRules,
  resolveUrl,
} from "../core/validate.js";
import { DIALECTS, type Dialect, valuesOf } from "./remote-api.js";
import { type Endpoint, postJson } from "./remote-http.js";

/** The number of requests that one call has under way at once. */
const MAX_CONCURRENT_REQUESTS = 4;

const RULES: OptionRules<RemoteOptions> = {
  // These are checked when they are read.
  url: ANY,
  api: ANY,
  apiKey: ANY,
  model: ANY,
  maxDocuments: ANY,
  retries: ANY,
  retryDelay: ANY,
  timeout: ANY,
  rawScores: FLAG,
  fetch: FUNCTION,
};

export class Remote implements Backend {
  readonly #endpoint: Endpoint;
  readonly #dialect: Dialect;
  readonly #model: string | undefined;
  readonly #rawScores: boolean;
  readonly #maxDocuments: number;
  #disposed = false;

  constructor(options: RemoteOptions, platform: Platform) {
    if (options === undefined)
      throw invalidArgument("remote() was given no options; give { url, api, model }");
    const { api, apiKey, model } = checkOptions(options, RULES);
    const dialect = Object.hasOwn(DIALECTS, api) ? DIALECTS[api] : undefined;
    if (!dialect) {
      const names = Object.keys(DIALECTS).join(", ");
      throw invalidArgument(`api is ${describeValue(api)}; give one of ${names}`);
    }
    if (typeof model !== "string" && (model !== undefined || dialect.namesModel)) {
      throw invalidArgument(`model is ${describeValue(model)}; name the service's model`);
    }
    // fetch would quote the key in its error message.
    if (apiKey !== undefined && (typeof apiKey !== "string" || !/^[\x21-\x7e]+$/.test(apiKey))) {
      throw invalidArgument(
        "apiKey is not a string of visible ASCII characters; look for spaces or line ends",
      );
    }
    this.#dialect = dialect;
    this.#model = model;
    this.#rawScores = dialect.rawScores || options.rawScores === true;
    this.#maxDocuments = integerOption(options, "maxDocuments", dialect.maxDocuments, 1);
    this.#endpoint = {
      url: endpointUrl(options.url, dialect, platform),
      apiKey,
      fetch: options.fetch ?? globalThis.fetch,
      retries: integerOption(options, "retries", 2, 0),
      retryDelay: integerOption(options, "retryDelay", 500, 0),
      timeout: integerOption(options, "timeout", 30_000, 1),
    };
  }

  async run({ queries, documents }: Job, { signal, onResult }: RunControl): Promise<void> {
    if (this.#disposed) throw disposedError();
    // The documents of equal queries are sent together, in whatever lists they came.
    const itemsOfQuery = new Map<string, { list: number; index: number }[]>();
    documents.forEach((texts, list) => {
      const query = queries[list]!;
      const items = itemsOfQuery.get(query) ?? [];
      items.push(...texts.map((_, index) => ({ list, index })));
      itemsOfQuery.set(query, items);
    });
    const requests = [...itemsOfQuery].flatMap(([query, items]) =>
      chunk(items, this.#maxDocuments).map((part) => ({ query, part })),
    );
    await forEachConcurrently(requests, signal, async ({ query, part }, signal) => {
      const texts = part.map(({ list, index }) => documents[list]![index]!);
      const payload = this.#dialect.request(query, texts, this.#model);
      const answer = await postJson(this.#endpoint, payload, signal);
      valuesOf(answer, this.#dialect, texts.length).forEach((value, i) => {
        const { list, index } = part[i]!;
        onResult(list, index, this.#scoreOf(value));
      });
    });
  }

  async encode(): Promise<Encoding> {
    const message = "a remote reranker has no tokenizer; load the model with Reranker.load()";
    throw new CrossrankError("unsupported", message);
  }

  async info(): Promise<Info> {
    return { backend: "remote", workers: 0 };
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
  }

  #scoreOf(value: number): Score {
    // Services do not report these.
    const unknown = { truncated: false, queryTruncated: false, tokens: 0 };
    if (this.#rawScores) return { score: 1 / (1 + Math.exp(-value)), logit: value, ...unknown };
    if (value >= 0 && value <= 1) {
      return { score: value, logit: Math.log(value / (1 - value)), ...unknown };
    }
    throw new CrossrankError(
      "invalid-score",
      `the service gives the score ${value}, which is not in 0..1; ` +
        "if it gives the model's plain output, set rawScores: true",
    );
  }
}

/** Handles a list with a few calls under way at a time. The first failure stops the others. */
async function forEachConcurrently<V>(
  list: V[],
  signal: AbortSignal,
  handle: (item: V, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new LinkedAbortController(signal);
  const rest = list.values();
  const handleRest = async () => {
    for (const item of rest) await handle(item, controller.signal);
  };
  try {
    await Promise.all(Array.from({ length: MAX_CONCURRENT_REQUESTS }, handleRest));
  } catch (error) {
    controller.abort(error);
    throw error;
  } finally {
    controller.unlink();
  }
}

function chunk<V>(list: V[], size: number): V[][] {
  const count = Math.ceil(list.length / size);
  return Array.from({ length: count }, (_, i) => list.slice(i * size, (i + 1) * size));
}

function endpointUrl(given: unknown, dialect: Dialect, platform: Platform): URL {
  const message = "url is not an address; give that of the service, such as https://api.example.com";
  if (!isLocation(given) || given === "") throw invalidArgument(message);
  let url: URL;
  try {
    url = resolveUrl(platform, given, "url");
  } catch {
    throw invalidArgument(message);
  }
  if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw invalidArgument(
      "url must begin with http: or https:, and must not hold a user name; give the service's address",
    );
  }
  const base = url.pathname.replace(/\/+$/, "");
  url.pathname = base.endsWith("/rerank") ? base : base + dialect.path;
  return url;
}

function integerOption(
  options: RemoteOptions,
  name: "maxDocuments" | "retries" | "retryDelay" | "timeout",
  defaultValue: number,
  min: number,
): number {
  const value: unknown = options[name] ?? defaultValue;
  if (Number.isInteger(value) && (value as number) >= min) {
    // Timers accept no longer delay.
    return Math.min(value as number, MAX_TIMER_MS);
  }
  throw invalidArgument(`${name} is ${describeValue(value)}; give a whole number from ${min}`);
}
