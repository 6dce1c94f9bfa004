// Reranking by a service over HTTP. Results have the form of the local ones.

import type { Encoding, RemoteOptions, Score } from "../types/index.js";
import { CrossrankError, disposed } from "./errors.js";
import type { Home, Places } from "./home.js";
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

  async rerank(
    query: string,
    documents: string[],
    topK: number,
    signal?: AbortSignal,
  ): Promise<Places> {
    return (await this.rerankBatch([query], [documents], topK, signal))[0]!;
  }

  async rerankBatch(
    queries: string[],
    candidates: string[][],
    topK: number,
    signal?: AbortSignal,
  ): Promise<Places[]> {
    if (topK === 0) throw invalid("topK must be at least 1");
    if (queries.length !== candidates.length) {
      throw invalid(
        `${queries.length} queries came with ${candidates.length} lists of candidates; ` +
          "give one list a query",
      );
    }
    if (queries.some((query) => query.trim() === "")) {
      throw invalid("the query is empty; give a query");
    }
    const values = await this.#values(queries, candidates, signal);
    return values.map((list) => ({
      results: list
        .map((value, index) => ({ index, value }))
        // A stable sort keeps equal values in index order.
        .sort((a, b) => b.value - a.value)
        .slice(0, topK)
        .map(({ index, value }) => ({ index, ...this.#scoreOf(value), truncated: false })),
      queryTruncated: false,
    }));
  }

  async score(pairs: [string, string][], signal?: AbortSignal): Promise<Score[]> {
    const places = new Map<string, number[]>();
    pairs.forEach(([query], i) => {
      const list = places.get(query);
      if (list) list.push(i);
      else places.set(query, [i]);
    });
    const lists = [...places.values()].map((list) => list.map((i) => pairs[i]![1]));
    const values = await this.#values([...places.keys()], lists, signal);
    const scores: Score[] = [];
    [...places.values()].forEach((list, group) =>
      list.forEach((place, i) => {
        const score = this.#scoreOf(values[group]![i]!);
        scores[place] = { ...score, truncated: false, queryTruncated: false };
      }),
    );
    return scores;
  }

  async encode(): Promise<Encoding> {
    const message = "a remote reranker has no tokenizer; load the model with Reranker.load()";
    throw new CrossrankError("unsupported", message);
  }

  dispose(): void {
    this.#disposed = true;
  }

  /** The values of each query's documents, which are asked for in lists that the API takes. */
  async #values(
    queries: string[],
    candidates: string[][],
    signal: AbortSignal | undefined,
  ): Promise<number[][]> {
    if (this.#disposed) throw disposed();
    const values = candidates.map((): number[] => []);
    const lists: { query: number; start: number }[] = [];
    candidates.forEach((documents, query) => {
      for (let start = 0; start < documents.length; start += this.#maxDocuments) {
        lists.push({ query, start });
      }
    });
    await eachOf(lists, signal, async ({ query, start }, stop) => {
      const documents = candidates[query]!.slice(start, start + this.#maxDocuments);
      const question = this.#shape.request(queries[query]!, documents, this.#model);
      const answer = await ask(this.#line, question, stop);
      valuesOf(answer, this.#shape, documents.length).forEach((value, i) => {
        values[query]![start + i] = value;
      });
    });
    return values;
  }

  #scoreOf(value: number): { score: number; logit: number } {
    if (this.#rawScores) return { score: 1 / (1 + Math.exp(-value)), logit: value };
    if (value >= 0 && value <= 1) return { score: value, logit: Math.log(value / (1 - value)) };
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
  signal: AbortSignal | undefined,
  work: (item: T, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const forward = () => stop.abort(signal!.reason);
  if (signal?.aborted) forward();
  signal?.addEventListener("abort", forward, { once: true });
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
    signal?.removeEventListener("abort", forward);
  }
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
