// The server's routes as a handler of fetch requests. What a route answers is decided in
// src/server; here are the model's way into the instance, the instance's life, and CORS.

import type { EdgeBinding, EdgeHandler, EdgeModel, EdgeOptions } from "../types/edge.js";
import type { ModelBytes } from "../types/index.js";
import { piecesOf, put, type Pieces, type WasmFiles } from "./content.js";
import { Received } from "./download.js";
import { bind, type Bindings, type RawResponse, type Routes } from "./edge-bindings.js";
import { FOLDER } from "./model.js";

interface Instance {
  bindings: Bindings;
  routes: Routes;
}

export function define(compile: () => Promise<WebAssembly.Module>) {
  return function createHandler<Env>(options: EdgeOptions<Env>): EdgeHandler<Env> {
    const origins = [options.cors ?? []].flat();
    let loading: Promise<Instance> | undefined;

    /** One instance for all requests. One that failed or crashed is forgotten. */
    function instance(env: Env): Promise<Instance> {
      if (!loading) {
        const own = load(options, env, compile).catch((error) => {
          if (loading === own) loading = undefined;
          throw error;
        });
        loading = own;
      }
      return loading;
    }

    async function answer(request: Request, env: Env, context?: Context): Promise<Response> {
      const mine = instance(env);
      // The load must outlive the request that began it, for others wait for it too.
      context?.waitUntil?.(mine.catch(() => {}));
      const { bindings, routes } = await mine;
      const sent = request.headers.get("x-request-id");
      const id = sent !== null && bindings.isPlainId(sent) ? sent : crypto.randomUUID();
      const authorization = request.headers.get("authorization") ?? undefined;
      const head = [request.method, new URL(request.url).pathname, authorization, id] as const;
      const refused = routes.refusal(...head);
      if (refused) return respond(refused, id);
      const body = await bodyOf(request, routes.maxBody);
      try {
        return respond(routes.respond(...head, body), id);
      } catch (error) {
        // A trap leaves an instance in an unknown state: the next request makes another.
        if (loading === mine) loading = undefined;
        throw new Error(`the instance crashed (${placeOf(bindings) ?? error})`, { cause: error });
      }
    }

    async function fetch(request: Request, env: Env, context?: Context): Promise<Response> {
      const preflight = preflightOf(request, origins);
      if (preflight) return preflight;
      const response = await answer(request, env, context).catch((error) => {
        console.error("crossrank:", error);
        const message = "the reranker cannot answer now; its operator finds the reason in the log";
        return Response.json({ message }, { status: 500 });
      });
      return withCors(request, response, origins);
    }

    return { fetch };
  };
}

/** What a Worker gets beside a request and its bindings. */
type Context = { waitUntil?: (promise: Promise<unknown>) => void };

async function load<Env>(
  options: EdgeOptions<Env>,
  env: Env,
  compile: () => Promise<WebAssembly.Module>,
): Promise<Instance> {
  const tokens = tokensOf(options, env);
  const bindings = bind();
  await bindings({ module_or_path: await compile() });
  const model = typeof options.model === "function" ? options.model(env) : options.model;
  const files = new bindings.Files();
  const keys = Object.keys(FOLDER) as (keyof typeof FOLDER)[];
  try {
    await Promise.all(keys.map((key) => readInto(files, model, key)));
    return { bindings, routes: new bindings.Routes(files, options.name ?? "minilm-l6-en", tokens) };
  } catch (error) {
    const place = placeOf(bindings);
    throw place === undefined ? error : new Error(`loading crashed (${place})`, { cause: error });
  }
}

/** One token a line. A setting that came to nothing must not open the routes to everybody. */
function tokensOf<Env>({ tokens }: EdgeOptions<Env>, env: Env): string {
  if (tokens === undefined) return "";
  const given = typeof tokens === "function" ? tokens(env) : tokens;
  const lines = [given ?? []].flat().join("\n");
  if (lines.trim() === "") {
    throw new Error("tokens is empty; set the secret that it is read from, or leave tokens out");
  }
  return lines;
}

async function readInto(files: WasmFiles, model: EdgeModel, key: keyof typeof FOLDER): Promise<void> {
  const { paths, optional = false } = FOLDER[key];
  const opened = await open(model, key, paths);
  if (opened) {
    await put(files, key, opened);
  } else if (!optional) {
    throw new Error(`the model has no ${paths[0]}; check what model names`);
  }
}

/** The first of the paths that exists, or the bytes. */
async function open(
  model: EdgeModel,
  key: keyof typeof FOLDER,
  paths: string[],
): Promise<Pieces | undefined> {
  const file = fileIn(model);
  if (!file) {
    const bytes = (model as ModelBytes)[key];
    return bytes && piecesOf(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
  }
  for (const path of paths) {
    const opened = await file(path);
    if (opened) return opened;
  }
  return undefined;
}

function fileIn(model: EdgeModel): ((path: string) => Promise<Pieces | undefined>) | undefined {
  if (typeof model === "string" || model instanceof URL) {
    const folder = new URL(model);
    if (!folder.pathname.endsWith("/")) folder.pathname += "/";
    return async (path) => fromResponse(await fetch(new URL(path, folder)));
  }
  // Asked first, because a binding that takes calls has a method of every name.
  if ("fetch" in model) {
    return async (path) => fromResponse(await model.fetch(new URL(path, "https://model/")));
  }
  if ("get" in model) {
    return async (path) => {
      const object = await model.get(path);
      return object ? { pieces: read(object.body), size: object.size } : undefined;
    };
  }
  return undefined;
}

function fromResponse(response: Response): Pieces | undefined {
  if (response.status === 404) return undefined;
  if (!response.ok) {
    throw new Error(`${response.url} answered with status ${response.status}`);
  }
  // The length of a compressed response is that of its compressed form.
  const plain = response.headers.get("content-encoding") === null;
  const length = plain ? response.headers.get("content-length") : null;
  return { pieces: read(response.body!), size: length === null ? undefined : Number(length) };
}

/** The pieces of a stream, in one buffer again and again where the stream can fill one. */
async function* read(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let reader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    return yield* body;
  }
  try {
    let buffer = new ArrayBuffer(1 << 16);
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) return;
      yield value;
      buffer = value.buffer;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * The body, and of one over the limit as much as shows that it is: the routes refuse it then.
 */
async function bodyOf(request: Request, limit: number): Promise<Uint8Array> {
  const body = new Received();
  for await (const piece of request.body ?? []) {
    body.push(piece);
    if (body.length > limit) break;
  }
  return body.join();
}

function respond([status, headers, body]: RawResponse, id: string): Response {
  return new Response(body, { status, headers: [...headers, ["x-request-id", id]] });
}

function placeOf(bindings: Bindings): string | undefined {
  try {
    return bindings.lastPanic();
  } catch {
    return undefined; // The instance is beyond answering.
  }
}

/** The answer to a browser that asks whether it may send a request of another origin. */
function preflightOf(request: Request, origins: string[]): Response | undefined {
  if (request.method !== "OPTIONS" || !request.headers.has("access-control-request-method")) {
    return undefined;
  }
  const headers = new Headers({ "access-control-allow-methods": "GET, POST" });
  const wanted = request.headers.get("access-control-request-headers");
  if (wanted !== null) headers.set("access-control-allow-headers", wanted);
  return withCors(request, new Response(null, { status: 204, headers }), origins);
}

/** Without an allowed origin, browsers keep every page of another origin out. */
function withCors(request: Request, response: Response, origins: string[]): Response {
  if (origins.length === 0) return response;
  const any = origins.includes("*");
  const origin = request.headers.get("origin");
  const allowed = any ? "*" : origins.find((allowed) => allowed === origin);
  if (!any) response.headers.append("vary", "origin");
  if (allowed === undefined) return response;
  response.headers.set("access-control-allow-origin", allowed);
  response.headers.set("access-control-expose-headers", "x-request-id, retry-after");
  return response;
}
