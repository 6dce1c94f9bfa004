/**
 * The routes of `crossrank serve` as a handler of fetch requests, for Cloudflare Workers, Deno and Bun.
 *
 * ```js
 * import { createHandler } from "crossrank/edge";
 * export default createHandler({ model: (env) => env.ASSETS, tokens: (env) => env.TOKENS });
 * ```
 */

import type { Bytes, ModelBytes, ModelPackage, UrlLike } from "./index.js";

/** A binding of a Worker that holds the model's folder: static assets or an R2 bucket. */
export type EdgeBinding =
  | { fetch(url: URL): Promise<Response> }
  | { get(path: string): Promise<{ body: ReadableStream<Uint8Array>; size: number } | null> };

/**
 * A folder with `model.crossrank` or in the Hugging Face layout, in a binding or by its URL, which in node,
 * Deno and Bun may be a `file:` URL or a path; or the URL of a prepared model (`.crossrank`); or, in these
 * three, a model package; or the bytes of the files or of a prepared model.
 */
export type EdgeModel = UrlLike | string | EdgeBinding | ModelPackage | ModelBytes | Bytes;

/** Options of {@link createHandler}. */
export interface EdgeOptions<Env> {
  /** The model. The first request reads it, and it is kept for as long as the isolate lives. */
  model: EdgeModel | ((env: Env) => EdgeModel | Promise<EdgeModel>);
  /** The name of the model in requests. Default: `minilm-l6-en`. */
  name?: string | undefined;
  /**
   * Tokens. A request has to carry one of them, as a bearer token or in the header `x-api-key` or
   * `api-key`. A single string holds one token per line.
   * Without this option, everybody may ask. If it is given but empty or `undefined`, as with a secret
   * that is not set, every request fails.
   */
  tokens?: string | string[] | undefined | ((env: Env) => string | string[] | undefined);
  /**
   * Take an unknown model name as the model, for programs that always send the name of a hosted one.
   * Default: false, which answers it by 404.
   */
  acceptAnyModel?: boolean | undefined;
  /** A path such as `/rerankers`, below which the routes answer too. Default: none. */
  pathPrefix?: string | undefined;
  /** The origins whose web pages may send requests; `*` allows all. Default: none. */
  cors?: string | string[] | undefined;
}

/** The fetch handler that {@link createHandler} makes. */
export interface EdgeHandler<Env> {
  /** Answers a request. It does not use `this`: `Deno.serve(createHandler(options).fetch)`. */
  fetch(
    request: Request,
    env: Env,
    context?: { waitUntil?: (promise: Promise<unknown>) => void },
  ): Promise<Response>;
}

/** Makes a handler, which loads the model when the first request arrives. */
export function createHandler<Env = unknown>(options: EdgeOptions<Env>): EdgeHandler<Env>;
