// The server's routes as a handler of fetch requests. src/server decides what a route answers. This
// file brings the model into the instance, keeps the instance, and handles CORS.

import type { EdgeHandler, EdgeModel, EdgeOptions } from "../../types/edge.js";
import type { ModelFile } from "../../types/index.js";
import { copyToWasm, type Pieces, toPieces, type WasmFiles } from "../core/content.js";
import { packageUrl } from "../core/package-url.js";
import { errorOfCore, lastPanic } from "../core/panic.js";
import { isBytes, isLocation, toUint8Array } from "../core/realm.js";
import { ANY, checkOptions, describeValue, FLAG, isObject, type OptionRules } from "../core/validate.js";
import { ReceivedBytes } from "../io/download.js";
import { BASE_FILES } from "../model/layout.js";
import { PREPARED_EXTENSION, PREPARED_FILE } from "../model/prepared.js";
import { type Bindings, bind, type RawResponse, type Routes } from "./bindings.js";
import { preflightResponse, withCors } from "./cors.js";

interface Instance {
  bindings: Bindings;
  routes: Routes;
}

type FileKey = keyof typeof BASE_FILES;

/** What differs between runtimes. */
export interface EdgeRuntime {
  /** Compiles the package's WebAssembly. */
  compile(): Promise<WebAssembly.Module>;
  resolveUrl(location: string): URL;
  /** Opens the file at a URL; undefined if there is none. */
  openFile(url: URL): Promise<Pieces | undefined>;
}

const RULES: OptionRules<EdgeOptions<never>> = {
  // These are checked when they are read, because the environment may give them.
  model: ANY,
  tokens: ANY,
  name: ["a string", (value) => typeof value === "string"],
  pathPrefix: ["a string", (value) => typeof value === "string"],
  acceptAnyModel: FLAG,
  cors: ["an origin or a list of origins", (value) => [value].flat().every((one) => typeof one === "string")],
};

/** Makes the function `createHandler` of a runtime. */
export function createHandlerFactory(runtime: EdgeRuntime) {
  return function createHandler<Env>(given: EdgeOptions<Env>): EdgeHandler<Env> {
    const options = checkOptions(given, RULES);
    const origins = [options.cors ?? []].flat();
    let loading: Promise<Instance> | undefined;

    /** One instance serves all requests. If it fails or crashes, the next request loads another. */
    function loadInstance(env: Env): Promise<Instance> {
      if (!loading) {
        const attempt = load(options, env, runtime).catch((error) => {
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
        throw errorOfCore(error, bindings, "the next request");
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

async function load<Env>(options: EdgeOptions<Env>, env: Env, runtime: EdgeRuntime): Promise<Instance> {
  const tokens = tokensOf(options, env);
  const bindings = bind();
  await bindings({ module_or_path: await runtime.compile() });
  const model = await (typeof options.model === "function" ? options.model(env) : options.model);
  const open = openerOf(model, runtime);
  const files = new bindings.Files();
  try {
    await readModel(files, open);
    const { name = "minilm-l6-en", pathPrefix = "", acceptAnyModel = false } = options;
    return { bindings, routes: new bindings.Routes(files, name, tokens, pathPrefix, acceptAnyModel) };
  } catch (error) {
    const panic = lastPanic(bindings);
    throw panic === undefined ? error : new Error(`loading crashed (${panic})`, { cause: error });
  }
}

/** The tokens, one per line. An empty setting must not open the routes to everybody. */
function tokensOf<Env>(options: EdgeOptions<Env>, env: Env): string {
  if (!("tokens" in options)) return "";
  const { tokens } = options;
  const given = typeof tokens === "function" ? tokens(env) : tokens;
  const lines = [given ?? []].flat().join("\n");
  if (lines.trim() === "") {
    throw new Error("tokens is empty; set the secret that it is read from, or leave tokens out");
  }
  return lines;
}

/** Opens a file of a model; undefined if the model does not have it. */
type OpenFile = (key: FileKey | "prepared") => Promise<Pieces | undefined>;

async function readModel(files: WasmFiles, open: OpenFile): Promise<void> {
  const prepared = await open("prepared");
  // Within WebAssembly, a prepared model takes the place of the graph.
  if (prepared) return copyToWasm(files, "onnx", prepared);
  const keys = Object.keys(BASE_FILES) as FileKey[];
  await Promise.all(keys.map((key) => readInto(files, open, key)));
}

async function readInto(files: WasmFiles, open: OpenFile, key: FileKey): Promise<void> {
  const { paths, optional = false } = BASE_FILES[key];
  const pieces = await open(key);
  if (pieces) {
    await copyToWasm(files, key, pieces);
  } else if (!optional) {
    throw new Error(`the model has no ${paths[0]}; check the option model`);
  }
}

function openerOf(model: EdgeModel, { resolveUrl, openFile }: EdgeRuntime): OpenFile {
  if (isLocation(model)) {
    const folder = resolveUrl(typeof model === "string" ? model : model.href);
    if (folder.pathname.endsWith(PREPARED_EXTENSION)) return onlyPrepared(() => openFile(folder));
    if (!folder.pathname.endsWith("/")) folder.pathname += "/";
    return inFolder((path) => openFile(new URL(path, folder)));
  }
  if (isBytes(model)) return onlyPrepared(async () => toPieces(toUint8Array(model)));
  if (!isObject(model)) {
    const expected = "give a binding, a model package, the URL of a folder or bytes";
    throw new Error(`the option model is ${describeValue(model)}; ${expected}`);
  }
  // This comes before the others, because a service binding has a method of every name.
  if ("fetch" in model) {
    return inFolder(async (path) => piecesOf(await model.fetch(new URL(path, "https://model/"))));
  }
  if ("get" in model) {
    return inFolder(async (path) => {
      const object = await model.get(path);
      return object ? { pieces: read(object.body), size: object.size } : undefined;
    });
  }
  if ("files" in model) {
    const files: Record<string, ModelFile | undefined> = { ...model.files };
    return async (key) => {
      const file = files[key];
      return file && openFile(resolveUrl(String(packageUrl(() => file.url))));
    };
  }
  return async (key) => {
    const bytes = key === "prepared" ? undefined : model[key];
    return bytes && toPieces(toUint8Array(bytes));
  };
}

function onlyPrepared(open: () => Promise<Pieces | undefined>): OpenFile {
  return async (key) => (key === "prepared" ? open() : undefined);
}

/** Opens the first of a file's paths that exists. */
function inFolder(openPath: (path: string) => Promise<Pieces | undefined>): OpenFile {
  return async (key) => {
    for (const path of key === "prepared" ? [PREPARED_FILE] : BASE_FILES[key].paths) {
      const pieces = await openPath(path);
      if (pieces) return pieces;
    }
    return undefined;
  };
}

/** Opens a file by a request. */
export async function fetchFile(url: URL): Promise<Pieces | undefined> {
  return piecesOf(await fetch(url));
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

/** Reads the body. What is beyond the limit is cut after one piece, and the routes refuse such a body. */
async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  const body = new ReceivedBytes();
  let unused = 0;
  for await (const piece of request.body ?? []) {
    if (body.length <= limit) body.push(piece);
    else unused += piece.length;
    // A client whose connection is closed while it sends may not see why. So a little more is read.
    if (unused > limit) break;
  }
  return body.join();
}

function toResponse({ method }: Request, [status, headers, body]: RawResponse, id: string): Response {
  const isEmpty = method === "HEAD" || status === 204;
  return new Response(isEmpty ? null : body, { status, headers: [...headers, ["x-request-id", id]] });
}
