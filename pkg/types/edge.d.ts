/**
 * The routes of `crossrank serve` as a handler of fetch requests: Cloudflare Workers, Deno, Bun.
 *
 * ```js
 * import { createHandler } from "crossrank/edge";
 * export default createHandler({ model: (env) => env.ASSETS, tokens: (env) => env.TOKENS });
 * ```
 */

import type { ModelBytes } from "./index.js";

/** A binding of a Worker that holds the model's folder: static assets, or an R2 bucket. */
export type EdgeBinding =
  | { fetch(url: URL): Promise<Response> }
  | { get(path: string): Promise<{ body: ReadableStream<Uint8Array>; size: number } | null> };

/** A folder in the Hugging Face layout, by its URL or in a binding; or the files' bytes. */
export type EdgeModel = URL | string | EdgeBinding | ModelBytes;

export interface EdgeOptions<Env> {
  /** The model. It is read on the first request, and kept for as long as the isolate lives. */
  model: EdgeModel | ((env: Env) => EdgeModel);
  /** The name that requests call the model by. Default: `minilm-l6-en`. */
  name?: string;
  /**
   * Bearer tokens, of which requests must carry one; in one text, one a line. Default: everybody
   * may ask. Tokens that are empty, as from a secret that is not set, let nobody in.
   */
  tokens?: string | string[] | ((env: Env) => string | string[] | undefined);
  /** Web pages of these origins may call; `*` is every page. Default: none. */
  cors?: string | string[];
}

export interface EdgeHandler<Env> {
  /** Answers a request. It needs no `this`: `Deno.serve(createHandler(options).fetch)`. */
  fetch(
    request: Request,
    env: Env,
    context?: { waitUntil?: (promise: Promise<unknown>) => void },
  ): Promise<Response>;
}

export function createHandler<Env = unknown>(options: EdgeOptions<Env>): EdgeHandler<Env>;
