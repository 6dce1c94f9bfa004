// Reranking by a service over HTTP. Results have the form of the local ones.

import type { Encoding, Info, RemoteOptions, Score } from "../types/index.js";
import { Stop } from "./abort.js";
import { CrossrankError, disposed } from "./errors.js";
import type { Control, Home, Job } from "./home.js";
import { show } from "./input.js";
import type { Platform } from "./platform.js";
import { SHAPES, valuesOf, type Shape } from "./remote-api.js";
import { ask, type Line } from "./remote-http.js";

/** Requests under way at once in one call. */
const LANES = 4;
/** The most milliseconds that a timer takes; it would go off at once. */
const LARGEST = 0x7fff_ffff;

export class Remote implements Home {
  readonly #line: Line;
  readonly #shape: Shape;
  readonly #model: string | undefined;
  readonly #rawScores: boolean;
  readonly #maxDocuments: number;
  #disposed = false;

  constructor(options: RemoteOptions, platform: Platform) {
    const { api, apiKey, model } = options;
    const shape = Object.hasOwn(SHAPES, api) ? SHAPES[api] : undefined;
    if (!shape) throw invalid(`api is ${show(api)}; give one of ${Object.keys(SHAPES).join(", ")}`);
    if (typeof model !== "string" && (model !== undefined || shape.namesModel)) {
      throw invalid(`model is ${show(model)}; name the service's model`);
    }
    // fetch would quote the key in its complaint.
    if (apiKey !== undefined && (typeof apiKey !== "string" || !/^[\x21-\x7e]+$/.test(apiKey))) {
      throw invalid("apiKey is no text of visible ASCII characters; look for spaces or line ends");
    }
    this.#shape = shape;
    this.#model = model;
    this.#rawScores = shape.rawScores || options.rawScores === true;
    this.#maxDocuments = whole(options, "maxDocuments", shape.maxDocuments, 1);
    this.#line = {
      url: endpointOf(options.url, shape, platform),
      apiKey,
      fetch: options.fetch ?? globalThis.fetch,
      retries: whole(options, "retries", 2, 0),
      retryDelay: whole(options, "retryDelay", 500, 0),
      timeout: whole(options, "timeout", 30_000, 1),
    };
  }

  async run({ queries, documents }: Job, { signal, found }: Control): Promise<void> {
    if (this.#disposed) throw disposed();
    // A query is asked about once, however its documents came.
    const places = new Map<string, { list: number; index: number }[]>();
    documents.forEach((texts, list) => {
      const query = queries[list]!;
      const all = places.get(query) ?? [];
      all.push(...texts.map((_, index) => ({ list, index })));
      places.set(query, all);
    });
    const requests = [...places].flatMap(([query, all]) =>
      chunksOf(all, this.#maxDocuments).map((part) => ({ query, part })),
    );
    await eachOf(requests, signal, async ({ query, part }, stop) => {
      const texts = part.map(({ list, index }) => documents[list]![index]!);
      const answer = await ask(this.#line, this.#shape.request(query, texts, this.#model), stop);
      valuesOf(answer, this.#shape, texts.length).forEach((value, i) => {
        const { list, index } = part[i]!;
        found(list, index, this.#scoreOf(value));
      });
    });
  }

  async encode(): Promise<Encoding> {
    const message = "a remote reranker has no tokenizer; load the model with Reranker.load()";
    throw new CrossrankError("unsupported", message);
  }

  async info(): Promise<Info> {
    return { home: "remote", workers: 0 };
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
  }

  #scoreOf(value: number): Score {
    // Services do not say what they cut.
    const rest = { truncated: false, queryTruncated: false, tokens: 0 };
    if (this.#rawScores) return { score: 1 / (1 + Math.exp(-value)), logit: value, ...rest };
    if (value >= 0 && value <= 1) {
      return { score: value, logit: Math.log(value / (1 - value)), ...rest };
    }
    throw new CrossrankError(
      "invalid-score",
      `the service gives the score ${value}, which is not in 0..1; ` +
        "where it gives a model's plain output, say so with rawScores: true",
    );
  }
}

/** Works through a list with a few calls under way; the first failure stops the others. */
async function eachOf<T>(
  list: T[],
  signal: AbortSignal,
  work: (item: T, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new Stop(signal);
  const rest = list.values();
  const lane = async () => {
    for (const item of rest) await work(item, stop.signal);
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    stop.unfollow();
  }
}

function chunksOf<T>(list: T[], size: number): T[][] {
  const count = Math.ceil(list.length / size);
  return Array.from({ length: count }, (_, i) => list.slice(i * size, (i + 1) * size));
}

function endpointOf(given: unknown, shape: Shape, platform: Platform): URL {
  const wrong = "url is no address; give that of the service, such as https://api.example.com";
  if (!(given instanceof URL) && (typeof given !== "string" || given === "")) throw invalid(wrong);
  let url;
  try {
    url = given instanceof URL ? new URL(given) : platform.url(given);
  } catch {
    throw invalid(wrong);
  }
  if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw invalid("url must begin with http: or https:, and hold no user name; name the service");
  }
  const base = url.pathname.replace(/\/+$/, "");
  url.pathname = base.endsWith("/rerank") ? base : base + shape.path;
  return url;
}

function whole(
  options: RemoteOptions,
  name: "maxDocuments" | "retries" | "retryDelay" | "timeout",
  standard: number,
  least: number,
): number {
  const value: unknown = options[name] ?? standard;
  if (Number.isInteger(value) && (value as number) >= least) {
    return Math.min(value as number, LARGEST);
  }
  throw invalid(`${name} is ${show(value)}; give a whole number from ${least}`);
}

function invalid(message: string): CrossrankError {
  return new CrossrankError("invalid-argument", message);
}
