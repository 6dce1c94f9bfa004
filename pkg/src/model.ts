// From what a caller names as a model to the bytes of its files.

import type { LoadOptions, ModelBytes, ModelFile, ModelPackage } from "../types/index.js";
import { Stop } from "./abort.js";
import type { Report } from "./download.js";
import { CrossrankError } from "./errors.js";
import { isObject, show } from "./input.js";
import type { Platform } from "./platform.js";
import { find, sha256, type FolderFile, type Found, type KnownFile } from "./read.js";
import type { Storage } from "./storage.js";

export interface ModelFiles {
  onnx: Uint8Array;
  tokenizer: Uint8Array;
  config: Uint8Array;
  tokenizerConfig?: Uint8Array | undefined;
}

type FileKey = keyof ModelFiles;

type Model = Exclude<LoadOptions["model"], undefined>;

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
  model: Model,
  platform: Platform,
  storage: Storage,
  { onProgress, signal }: Pick<LoadOptions, "onProgress" | "signal">,
): Promise<ModelFiles> {
  signal?.throwIfAborted();
  if (isBytes(model)) return filesOf(model);
  const stop = new Stop(signal);
  try {
    const sources = { platform, storage, signal: stop.signal };
    const wanted: Record<string, KnownFile | FolderFile> = isPackage(model)
      ? fromPackage(model, platform)
      : fromFolder(model, platform);
    const begun = await Promise.all(
      Object.entries(wanted).map(async ([key, file]) => [key, await find(file, sources)] as const),
    );
    const found = begun.filter((entry): entry is [string, Found] => entry[1] !== undefined);
    const reporter = progressOf(found.map(([, file]) => file), onProgress, stop.signal);
    const read = await Promise.all(
      found.map(async ([key, file]) => [key, await file.read(reporter(file))] as const),
    );
    return Object.fromEntries(read) as unknown as ModelFiles;
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    stop.unfollow();
  }
}

/**
 * What tells the model's scores from others' in a score cache. Without it the core hashes the files
 * itself, which takes a moment.
 */
export async function fingerprintOf(
  model: Model,
  files: ModelFiles,
): Promise<{ fingerprint?: string }> {
  if (!isBytes(model) && isPackage(model)) {
    const hashes = Object.values(model.files).map(({ sha256 }) => sha256);
    return { fingerprint: hashes.join(" ") };
  }
  if (!globalThis.crypto?.subtle) return {};
  const digests = Object.values(files).filter((bytes) => bytes !== undefined).map(sha256);
  return { fingerprint: (await Promise.all(digests)).join(" ") };
}

function isBytes(model: object | string): model is ModelBytes {
  return isObject(model) && "onnx" in model;
}

function isPackage(model: object | string): model is ModelPackage {
  return isObject(model) && "files" in model && isObject(model.files);
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

function fromPackage(model: ModelPackage, platform: Platform): Record<string, KnownFile> {
  const wanted: Record<string, KnownFile> = {};
  for (const key of Object.keys(FOLDER) as FileKey[]) {
    const file: ModelFile | undefined = model.files[key];
    if (!file) continue;
    const { url, bytes, sha256 } = file;
    wanted[key] = { slot: `${model.name} ${key}`, url: platform.url(String(url)), bytes, sha256 };
  }
  return wanted;
}

function fromFolder(model: unknown, platform: Platform): Record<string, FolderFile> {
  if (!(model instanceof URL) && (typeof model !== "string" || model === "")) {
    throw new CrossrankError(
      "invalid-argument",
      `model is ${show(model)}; give a model package, a URL, a folder or bytes`,
    );
  }
  const folder = platform.url(String(model));
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  const wanted: Record<string, FolderFile> = {};
  for (const [key, { paths, optional = false }] of Object.entries(FOLDER)) {
    const slot = `${folder.origin}${folder.pathname} ${key}`;
    wanted[key] = { slot, urls: paths.map((path) => inFolder(folder, path)), optional };
  }
  return wanted;
}

/**
 * The folder's query string is kept: some hosts sign addresses with it. The storage is not told of
 * it, so that a new signature means the same file.
 */
function inFolder(folder: URL, path: string): URL {
  const url = new URL(folder);
  url.pathname += path;
  return url;
}

/** Gives each file a reporter; together they make one figure. */
function progressOf(
  files: Found[],
  onProgress: LoadOptions["onProgress"],
  signal: AbortSignal,
): (file: Found) => Report {
  let loaded = 0;
  let total: number | undefined = 0;
  for (const { size } of files) {
    total = total === undefined || size === undefined ? undefined : total + size;
  }
  return ({ url }) => {
    const file = url.pathname.split("/").pop()!;
    let before = 0;
    return (bytes) => {
      signal.throwIfAborted();
      loaded += bytes - before;
      before = bytes;
      onProgress?.({ file, loaded, total });
    };
  };
}
