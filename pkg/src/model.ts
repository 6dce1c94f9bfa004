// From what a caller names as a model to the bytes of its files.

import type { LoadOptions, ModelBytes, ModelFile, ModelPackage } from "../types/index.js";
import { Stop } from "./abort.js";
import { bytesOf, checkSize, partOf, type Content } from "./content.js";
import type { Report } from "./download.js";
import { CrossrankError } from "./errors.js";
import { HubModel, type Place } from "./hub.js";
import { check, isObject, show, urlOf } from "./input.js";
import type { Platform } from "./platform.js";
import { canHash, find, sha256, type FolderFile, type Found, type KnownFile } from "./read.js";
import type { Storage } from "./storage.js";
import type { Work } from "./work.js";

export interface ModelFiles {
  /** The graph; or a prepared model, which holds the other files. */
  onnx: Content;
  tokenizer?: Content | undefined;
  config?: Content | undefined;
  tokenizerConfig?: Content | undefined;
  /** Of an embedder: this one, or some of the others. */
  pooling?: Content | undefined;
  modules?: Content | undefined;
  poolingConfig?: Content | undefined;
  sentenceBertConfig?: Content | undefined;
  sentenceTransformersConfig?: Content | undefined;
}

/** Files, and whether they are what they should be, which takes longer to know. */
export interface ReadModel {
  files: ModelFiles;
  verified: Promise<unknown>;
}

/** What the options name, or what a name before them does. */
type Model = Exclude<LoadOptions["model"], undefined> | HubModel;
type ModelKind = Work["setup"]["kind"];

/**
 * Where a folder in the Hugging Face layout may hold each file, in the order of preference: the
 * places of src/folder.rs.
 */
export const FOLDER: Record<"onnx" | "tokenizer" | "config" | "tokenizerConfig", Place> = {
  onnx: {
    paths: [
      "onnx/model_quantized.onnx",
      "onnx/model_int8.onnx",
      "onnx/model_qint8_avx512_vnni.onnx",
      "onnx/model_qint8_avx512.onnx",
      "onnx/model_quint8_avx2.onnx",
      "onnx/model_qint8_arm64.onnx",
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

/** The files that say how an embedder makes vectors: those of `ModelFiles::EMBEDDING` in src/model. */
const EMBEDDING = {
  pooling: "pooling.json",
  modules: "modules.json",
  poolingConfig: "1_Pooling/config.json",
  sentenceBertConfig: "sentence_bert_config.json",
  sentenceTransformersConfig: "config_sentence_transformers.json",
};

/** A file's name in src/wasm_files.rs. */
export function nameOf(key: string): string {
  return EMBEDDING[key as keyof typeof EMBEDDING] ?? key;
}

/** Where a folder may hold the files that a kind of model is made of. */
function placesOf(kind: ModelKind): Record<string, Place> {
  if (kind === "reranker") return FOLDER;
  const entries = Object.entries(EMBEDDING);
  const embedding = entries.map(([key, path]) => [key, { paths: [path], optional: true }] as const);
  return { ...FOLDER, ...Object.fromEntries(embedding) };
}

/** How the name of a prepared model ends, which is a file and no folder. */
const PREPARED = ".crossrank";

/** Loads the model's files, all at once; the first failure stops the others. */
export async function readModel(
  kind: ModelKind,
  model: Model,
  platform: Platform,
  storage: Storage,
  { onProgress, signal }: Pick<LoadOptions, "onProgress" | "signal">,
): Promise<ReadModel> {
  signal?.throwIfAborted();
  if (isBytes(model)) return verifying(filesOf(model));
  const stop = new Stop(signal);
  try {
    const sources = { platform, storage, signal: stop.signal };
    const wanted: Record<string, KnownFile | FolderFile> =
      model instanceof HubModel
        ? await model.files(placesOf(kind), sources)
        : isPackage(model)
          ? fromPackage(model, kind, platform)
          : fromFolder(model, kind, platform);
    const begun = await Promise.all(
      Object.entries(wanted).map(async ([key, file]) => [key, await find(file, sources)] as const),
    );
    const found = begun.filter((entry): entry is [string, Found] => entry[1] !== undefined);
    for (const [, { size }] of found) checkSize(size);
    const reporter = progressOf(found.map(([, file]) => file), onProgress, stop.signal);
    const read = await Promise.all(
      found.map(async ([key, file]) => [key, await file.read(reporter(file))] as const),
    );
    const verify = found.map(([, file]) => file.verify?.());
    return verifying(Object.fromEntries(read) as unknown as ModelFiles, verify);
  } catch (cause) {
    const error = model instanceof HubModel ? model.explained(cause) : cause;
    stop.abort(error);
    throw error;
  } finally {
    stop.unfollow();
  }
}

/**
 * What tells the model from others: what the core makes of the files itself, which there takes a
 * moment.
 */
export async function fingerprintOf(
  model: Model,
  files: ModelFiles,
): Promise<{ fingerprint?: string }> {
  if (!isBytes(model) && isPackage(model)) {
    const { onnx, tokenizer, config } = model.files;
    return { fingerprint: [onnx, tokenizer, config].map(({ sha256 }) => sha256).join(" ") };
  }
  const prepared = await preparedHash(files);
  if (prepared) return { fingerprint: prepared.hash };
  const { onnx, tokenizer, config } = files;
  // One file that is no prepared model is none at all, as the core will say.
  if (!canHash() || !tokenizer || !config) return {};
  const isExternal = ([key]: [string, Content]) => !(key in FOLDER || key in EMBEDDING);
  const external = Object.entries(files).filter(isExternal).map(([, file]) => file);
  const parts = [onnx, tokenizer, config, ...external];
  const digests = parts.map(async (file) => sha256(await bytesOf(file)));
  return { fingerprint: (await Promise.all(digests)).join(" ") };
}

/** Files that are being verified: by `others`, and a prepared model by the hash that it says. */
function verifying(files: ModelFiles, others: (Promise<void> | undefined)[] = []): ReadModel {
  const verified = (async () => {
    // All of them first: a damaged copy that is found late would be read again.
    await Promise.allSettled(others);
    await Promise.all(others);
    await verifyPrepared(files);
  })();
  // Whoever waits for it hears of a failure.
  verified.catch(() => {});
  return { files, verified };
}

async function verifyPrepared(files: ModelFiles): Promise<void> {
  const prepared = canHash() ? await preparedHash(files) : undefined;
  if (prepared && (await sha256(await bytesOf(prepared.content))) !== prepared.hash) {
    throw new CrossrankError(
      "invalid-model",
      "the prepared model is damaged (its content has another SHA-256); copy or prepare it again",
    );
  }
}

/** The hash of a prepared model, and what it is of: src/model/prepared.rs has the format. */
async function preparedHash({
  onnx,
}: ModelFiles): Promise<{ hash: string; content: Content } | undefined> {
  const start = new TextDecoder("latin1").decode(await bytesOf(partOf(onnx, 8, 8 + 200)));
  const found = /^\{"__metadata__":\{"crossrank":"2","sha256":"([0-9a-f]{64})/.exec(start);
  return found ? { hash: found[1]!, content: partOf(onnx, 8 + found[0].length) } : undefined;
}

function isBytes(model: object | string): model is ModelBytes | Uint8Array | ArrayBuffer {
  return isBuffer(model) || (isObject(model) && "onnx" in model);
}

function isBuffer(value: unknown): value is Uint8Array | ArrayBuffer {
  return value instanceof Uint8Array || value instanceof ArrayBuffer;
}

function isPackage(model: object | string): model is ModelPackage {
  return isObject(model) && "files" in model && isObject(model.files);
}

function filesOf(model: ModelBytes | Uint8Array | ArrayBuffer): ModelFiles {
  const plain = (buffer: Uint8Array | ArrayBuffer) =>
    buffer instanceof Uint8Array ? buffer : new Uint8Array(buffer);
  if (isBuffer(model)) return { onnx: plain(model) };
  const bytes = (key: keyof ModelBytes) => {
    const value = model[key];
    if (isBuffer(value)) return plain(value);
    throw new CrossrankError(
      "invalid-argument",
      `model.${key} is ${show(value)}; give a Uint8Array or an ArrayBuffer`,
    );
  };
  const { external = {} } = model;
  check("model.external", external, "an object of files by their names", isObject(external));
  for (const [name, file] of Object.entries(external)) {
    check(`model.external["${name}"]`, file, "a Uint8Array or an ArrayBuffer", isBuffer(file));
  }
  return {
    ...Object.fromEntries(Object.entries(external).map(([name, file]) => [name, plain(file)])),
    onnx: bytes("onnx"),
    tokenizer: bytes("tokenizer"),
    config: bytes("config"),
    tokenizerConfig: model.tokenizerConfig === undefined ? undefined : bytes("tokenizerConfig"),
    pooling: model.pooling === undefined ? undefined : bytes("pooling"),
  };
}

function fromPackage(
  model: ModelPackage,
  kind: ModelKind,
  platform: Platform,
): Record<string, KnownFile> {
  const wanted: Record<string, KnownFile> = {};
  for (const key of Object.keys(placesOf(kind)) as (keyof ModelPackage["files"])[]) {
    const file: ModelFile | undefined = model.files[key];
    if (!file) continue;
    const { url, bytes, sha256 } = file;
    const place = urlOf(platform, url, `model.files.${key}.url`);
    wanted[key] = { slot: `${model.name} ${key}`, url: place, bytes, hash: sha256 };
  }
  return wanted;
}

function fromFolder(model: unknown, kind: ModelKind, platform: Platform): Record<string, FolderFile> {
  if (!(model instanceof URL) && (typeof model !== "string" || model === "")) {
    throw new CrossrankError(
      "invalid-argument",
      `model is ${show(model)}; give a model package, a URL, a folder, a prepared model or bytes`,
    );
  }
  const folder = urlOf(platform, model, "model");
  if (folder.pathname.endsWith(PREPARED)) {
    const slot = `${folder.origin}${folder.pathname}`;
    return { onnx: { slot, urls: [folder], optional: false } };
  }
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  const wanted: Record<string, FolderFile> = {};
  for (const [key, { paths, optional = false }] of Object.entries(placesOf(kind))) {
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
