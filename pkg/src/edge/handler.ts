// The server's routes as a handler of fetch requests. src/server decides what a route answers. This
// file brings the model into the instance, keeps the instance, and handles CORS.

import type { EdgeBinding, EdgeHandler, EdgeModel, EdgeOptions } from "../../types/edge.js";
import type { ModelBytes } from "../../types/index.js";
import { copyToWasm, type Pieces, toPieces, type WasmFiles } from "../core/content.js";
import { lastPanic } from "../core/panic.js";
import { ReceivedBytes } from "../io/download.js";
import { BASE_FILES } from "../model/layout.js";
import { type Bindings, bind, type RawResponse, type Routes } from "./bindings.js";
import { preflightResponse, withCors } from "./cors.js";

interface Instance {
  bindings: Bindings;
  routes: Routes;
}

type FileKey = keyof typeof BASE_FILES;

/** Makes `createHandler` of a runtime, which has a way of its own to compile WebAssembly. */
export function createHandlerFactory(compile: () => Promise<WebAssembly.Module>) {
  return function createHandler<Env>(options: EdgeOptions<Env>): EdgeHandler<Env> {
    const origins = [options.cors ?? []].flat();
    let loading: Promise<Instance> | undefined;

    /** One instance serves all requests. If it fails or crashes, the next request loads another. */
    function loadInstance(env: Env): Promise<Instance> {
      if (!loading) {
        const attempt = load(options, env, compile).catch((error) => {
          if (loading === attempt) loading = undefined;
          throw error;
        });
        loading = attempt;
      }
      return loading;
    }

    async function answer(request: Request, env: Env, context?: Context): Promise<Response> {
      const current = loadInstance(env);
      // The load must outlive the request that began it, because others wait for it too.
      context?.waitUntil?.(current.catch(() => {}));
      const { bindings, routes } = await current;
      const givenId = request.headers.get("x-request-id");
      const id = givenId !== null && bindings.isPlainId(givenId) ? givenId : crypto.randomUUID();
      const headers = [...request.headers].flat();
      const head = [request.method, new URL(request.url).pathname, headers, id] as const;
      const refusal = routes.refusal(...head);
      if (refusal) return toResponse(request, refusal, id);
      const body = await readBody(request, routes.maxBody);
      try {
        return toResponse(request, routes.respond(...head, body), id);
      } catch (error) {
        // A trap leaves an instance in an unknown state.
        if (loading === current) loading = undefined;
        const reason = lastPanic(bindings) ?? error;
        throw new Error(`the instance crashed (${reason})`, { cause: error });
      }
    }

    async function fetch(request: Request, env: Env, context?: Context): Promise<Response> {
      const preflight = preflightResponse(request, origins);
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

/** The context that a Worker receives with each request. */
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
  const keys = Object.keys(BASE_FILES) as FileKey[];
  try {
    await Promise.all(keys.map((key) => readInto(files, model, key)));
    const { name = "minilm-l6-en", pathPrefix = "", acceptAnyModel = false } = options;
    return { bindings, routes: new bindings.Routes(files, name, tokens, pathPrefix, acceptAnyModel) };
  } catch (error) {
    const panic = lastPanic(bindings);
    throw panic === undefined ? error : new Error(`loading crashed (${panic})`, { cause: error });
  }
}

/** The tokens, one per line. An empty setting must not open the routes to everybody. */
function tokensOf<Env>({ tokens }: EdgeOptions<Env>, env: Env): string {
  if (tokens === undefined) return "";
  const given = typeof tokens === "function" ? tokens(env) : tokens;
  const lines = [given ?? []].flat().join("\n");
  if (lines.trim() === "") {
    throw new Error("tokens is empty; set the secret that it is read from, or leave tokens out");
  }
  return lines;
}

async function readInto(files: WasmFiles, model: EdgeModel, key: FileKey): Promise<void> {
  const { paths, optional = false } = BASE_FILES[key];
  const pieces = await open(model, key, paths);
  if (pieces) {
    await copyToWasm(files, key, pieces);
  } else if (!optional) {
    throw new Error(`the model has no ${paths[0]}; check the option model`);
  }
}

/** Opens the first of the paths that exists, or the bytes of the file. */
async function open(model: EdgeModel, key: FileKey, paths: string[]): Promise<Pieces | undefined> {
  const openPath = pathOpenerOf(model);
  if (!openPath) {
    const bytes = (model as ModelBytes)[key];
    return bytes && toPieces(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
  }
  for (const path of paths) {
    const pieces = await openPath(path);
    if (pieces) return pieces;
  }
  return undefined;
}

/** What opens a file by its path in the model's folder; undefined for a model in bytes. */
function pathOpenerOf(
  model: EdgeBinding | URL | string | ModelBytes,
): ((path: string) => Promise<Pieces | undefined>) | undefined {
  if (typeof model === "string" || model instanceof URL) {
    const folder = new URL(model);
    if (!folder.pathname.endsWith("/")) folder.pathname += "/";
    return async (path) => piecesOf(await fetch(new URL(path, folder)));
  }
  // This comes before `get`, because a service binding has a method of every name.
  if ("fetch" in model) {
    return async (path) => piecesOf(await model.fetch(new URL(path, "https://model/")));
  }
  if ("get" in model) {
    return async (path) => {
      const object = await model.get(path);
      return object ? { pieces: read(object.body), size: object.size } : undefined;
    };
  }
  return undefined;
}

function piecesOf(response: Response): Pieces | undefined {
  if (response.status === 404) return undefined;
  if (!response.ok) {
    throw new Error(`${response.url} answered with status ${response.status}`);
  }
  // The length of a compressed response is that of the compressed form.
  const isPlain = response.headers.get("content-encoding") === null;
  const length = isPlain ? response.headers.get("content-length") : null;
  return { pieces: read(response.body!), size: length === null ? undefined : Number(length) };
}

/** Reads a stream in pieces, which reuse one buffer if the stream can fill a given one. */
async function* read(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let reader: ReadableStreamBYOBReader;
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

/** Reads the body. Stops once it is over the limit, and the routes then refuse it. */
async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  const body = new ReceivedBytes();
  for await (const piece of request.body ?? []) {
    body.push(piece);
    if (body.length > limit) break;
  }
  return body.join();
}

function toResponse({ method }: Request, [status, headers, body]: RawResponse, id: string): Response {
  const isEmpty = method === "HEAD" || status === 204;
  return new Response(isEmpty ? null : body, { status, headers: [...headers, ["x-request-id", id]] });
}
