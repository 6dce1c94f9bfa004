// From what a caller names as a model to the bytes of its files.

import type { LoadOptions, ModelBytes, ModelFile, ModelPackage } from "../types/index.js";
import { CrossrankError } from "./errors.js";
import { show } from "./input.js";
import type { Opened, Platform } from "./platform.js";

export interface ModelFiles {
  onnx: Uint8Array;
  tokenizer: Uint8Array;
  config: Uint8Array;
  tokenizerConfig?: Uint8Array | undefined;
}

type FileKey = keyof ModelFiles;

/** A file to load: the first of its URLs that exists, checked where a length or a hash is known. */
interface Wanted {
  urls: URL[];
  optional?: boolean;
  bytes?: number;
  sha256?: string;
}

/**
 * Where a folder in the Hugging Face layout may hold each file, in the order of preference: the
 * places of src/folder.rs.
 */
export const FOLDER: Record<FileKey, { paths: string[]; optional?: boolean }> = {
  onnx: {
    paths: [
      "onnx/model_quantized.onnx",
      "onnx/model_int8.onnx",
      "onnx/model.onnx",
      "onnx/model_fp16.onnx",
      "model_quantized.onnx",
      "model.onnx",
    ],
  },
  tokenizer: { paths: ["tokenizer.json"] },
  config: { paths: ["config.json"] },
  tokenizerConfig: { paths: ["tokenizer_config.json"], optional: true },
};

/** Loads the model's files, all at once; the first failure stops the others. */
export async function readModel(
  model: Exclude<LoadOptions["model"], undefined>,
  platform: Platform,
  { onProgress, signal }: Pick<LoadOptions, "onProgress" | "signal">,
): Promise<ModelFiles> {
  signal?.throwIfAborted();
  if (isBytes(model)) return filesOf(model);
  const stop = new AbortController();
  const forward = () => stop.abort(signal!.reason);
  signal?.addEventListener("abort", forward, { once: true });
  try {
    const wanted = Object.entries(isPackage(model) ? fromPackage(model) : fromFolder(model, platform));
    const opened = await Promise.all(
      wanted.map(async ([key, file]) => ({ key, ...(await open(file, platform, stop.signal)) })),
    );
    const found = opened.filter((file) => file.url !== undefined);
    const report = progressOf(found, onProgress);
    const read = await Promise.all(
      found.map(async (file) => [file.key, await readFile(file, report)] as const),
    );
    return Object.fromEntries(read) as unknown as ModelFiles;
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", forward);
  }
}

function isBytes(model: object | string): model is ModelBytes {
  return typeof model === "object" && "onnx" in model;
}

function isPackage(model: object | string): model is ModelPackage {
  return typeof model === "object" && "files" in model;
}

function filesOf(model: ModelBytes): ModelFiles {
  const bytes = (key: FileKey) => {
    const value = model[key];
    if (value instanceof Uint8Array) return value;
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    throw new CrossrankError(
      "invalid-argument",
      `model.${key} is ${show(value)}; give a Uint8Array or an ArrayBuffer`,
    );
  };
  return {
    onnx: bytes("onnx"),
    tokenizer: bytes("tokenizer"),
    config: bytes("config"),
    tokenizerConfig: model.tokenizerConfig === undefined ? undefined : bytes("tokenizerConfig"),
  };
}

function fromPackage(model: ModelPackage): Record<string, Wanted> {
  const wanted: Record<string, Wanted> = {};
  for (const key of Object.keys(FOLDER) as FileKey[]) {
    const file: ModelFile | undefined = model.files[key];
    if (file) wanted[key] = { urls: [new URL(file.url)], bytes: file.bytes, sha256: file.sha256 };
  }
  return wanted;
}

function fromFolder(model: unknown, platform: Platform): Record<string, Wanted> {
  if (!(model instanceof URL) && (typeof model !== "string" || model === "")) {
    throw new CrossrankError(
      "invalid-argument",
      `model is ${show(model)}; give a model package, a URL, a folder or bytes`,
    );
  }
  const folder = new URL(model instanceof URL ? model : platform.url(model));
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  const wanted: Record<string, Wanted> = {};
  for (const [key, { paths, optional = false }] of Object.entries(FOLDER)) {
    wanted[key] = { urls: paths.map((path) => inFolder(folder, path)), optional };
  }
  return wanted;
}

/** The folder's query string is kept: some hosts sign addresses with it. */
function inFolder(folder: URL, path: string): URL {
  const url = new URL(folder);
  url.pathname += path;
  return url;
}

type OpenedFile = Wanted & { key: string; url?: URL } & Partial<Opened>;

async function open(
  wanted: Wanted,
  platform: Platform,
  signal: AbortSignal,
): Promise<Omit<OpenedFile, "key">> {
  for (const url of wanted.urls) {
    const opened = await platform.open(url, signal);
    if (opened) return { ...wanted, url, ...opened };
  }
  if (wanted.optional) return wanted;
  const url = wanted.urls[0]!;
  throw new CrossrankError(
    url.protocol === "file:" ? "io" : "fetch-failed",
    wanted.urls.length === 1
      ? `there is no ${url.href}; check where the model lies`
      : `there is no ${url.href}, nor a graph in the other places of the Hugging Face layout`,
  );
}

type Report = (file: string, bytes: number) => void;

function progressOf(files: OpenedFile[], onProgress: LoadOptions["onProgress"]): Report {
  let loaded = 0;
  let total: number | undefined = 0;
  for (const { bytes, size } of files) {
    const length = bytes ?? size;
    total = total === undefined || length === undefined ? undefined : total + length;
  }
  return (file, bytes) => {
    loaded += bytes;
    onProgress?.({ file, loaded, total });
  };
}

async function readFile(file: OpenedFile, report: Report): Promise<Uint8Array> {
  const name = file.url!.pathname.split("/").pop()!;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of file.chunks!) {
    chunks.push(chunk);
    length += chunk.length;
    report(name, chunk.length);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  await verify(file, bytes);
  return bytes;
}

/**
 * Compares the length and, where the platform can hash, the SHA-256.
 *
 * `crypto.subtle` is missing on insecure origins (`http:` other than localhost). There the length
 * alone is checked: whoever can change the model on the way can change this code too, so a hash
 * of our own would protect nobody.
 */
async function verify({ url, bytes, sha256 }: OpenedFile, content: Uint8Array): Promise<void> {
  const reject = (what: string) => {
    throw new CrossrankError(
      "integrity",
      `${url!.href} ${what}; it is not the file that the model package describes: ` +
        "check that the server sends it whole, or install the package again",
    );
  };
  if (bytes !== undefined && content.length !== bytes) {
    reject(`has ${content.length} bytes instead of ${bytes}`);
  }
  if (sha256 === undefined || !globalThis.crypto?.subtle) return;
  const digest = await crypto.subtle.digest("SHA-256", content as Uint8Array<ArrayBuffer>);
  const hex = Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
  if (hex !== sha256) reject(`has the SHA-256 ${hex} instead of ${sha256}`);
}
