// Finds and reads the files of the model that a caller names.

import type { Bytes, LoadOptions, ModelBytes, ModelFile, ModelPackage } from "../../types/index.js";
import { LinkedAbortController } from "../core/abort.js";
import { type Content, checkFileSize, sizeOf, toBytes } from "../core/content.js";
import { CrossrankError } from "../core/errors.js";
import { packageUrl } from "../core/package-url.js";
import type { FileStorage, Platform } from "../core/platform.js";
import { isBytes, isLocation, toUint8Array } from "../core/realm.js";
import { checkOption, describeValue, invalidArgument, isObject, resolveUrl } from "../core/validate.js";
import type { ReportBytes } from "../io/download.js";
import { canHash, sha256 } from "../io/hash.js";
import { inTurn } from "../io/in-turn.js";
import { type FolderFile, type HashedFile, type OpenFile, openFile, type ReadContext } from "../io/read.js";
import { HubModel } from "./hub.js";
import {
  candidatesOf,
  type FileCandidates,
  isExternalData,
  isGraph,
  isWeights,
  MODULE_FILES,
  type TaskName,
  WEIGHTS,
  WEIGHTS_INDEX,
} from "./layout.js";
import { PREPARED_EXTENSION, readPreparedHash, verifyPrepared } from "./prepared.js";

/** The content of a model's files. Other keys are the names of files with external weights. */
export interface ModelFiles {
  /** The graph, or a prepared model, which holds the other files. */
  onnx: Content;
  tokenizer?: Content | undefined;
  config?: Content | undefined;
  tokenizerConfig?: Content | undefined;
  /** An embedder has this file, or some of those below. */
  pooling?: Content | undefined;
  modules?: Content | undefined;
  poolingConfig?: Content | undefined;
  sentenceBertConfig?: Content | undefined;
  sentenceTransformersConfig?: Content | undefined;
}

/** Files that have been read, and are still being verified, which takes longer. */
export interface ReadModel {
  files: ModelFiles;
  /** The file with the weights, if they are in a file. */
  weights?: Weights | undefined;
  verified: Promise<unknown>;
  /** The copies of files that no hash verifies, which are to blame if the model is invalid. */
  unverified?: UnverifiedFiles | undefined;
}

/** The file with a model's weights, and its size with that of the files that hold a part of them. */
export interface Weights {
  file: string;
  bytes: number;
}

export interface UnverifiedFiles {
  /** Whether this load took some of the files from the storage. */
  areCopies: boolean;
  /** Removes them from the storage. */
  remove(): Promise<void>;
}

/** What `options.model` names, or the name that was given before the options. */
export type ModelSource = Exclude<LoadOptions["model"], undefined> | HubModel;

export interface ReadOptions extends Pick<ReadContext, "reload"> {
  onProgress?: LoadOptions["onProgress"];
  signal?: AbortSignal | undefined;
}

/**
 * Reads all files of a model at once. The first failure stops the other reads. `graph` is the path of the
 * graph, if the caller named it.
 */
export async function readModel(
  kind: TaskName,
  source: ModelSource,
  platform: Platform,
  storage: FileStorage,
  { onProgress, signal, reload, graph }: ReadOptions & { graph: string | undefined },
): Promise<ReadModel> {
  signal?.throwIfAborted();
  if (graph !== undefined && (hasBytes(source) || isPackage(source))) {
    throw invalidArgument("graph is for a model in a folder or on a hub; leave it out");
  }
  if (hasBytes(source)) return startVerifying(filesFromBytes(source));
  const candidates = candidatesOf(kind, graph);
  const controller = new LinkedAbortController(signal);
  try {
    const context = { platform, storage, signal: controller.signal, reload };
    const files: Files =
      source instanceof HubModel
        ? await source.files(candidates, context)
        : isPackage(source)
          ? filesOfPackage(source, kind, platform)
          : filesInFolder(source, candidates, platform);
    const check = kind === "reranker" ? refuseGenerator : undefined;
    const read = (onProgress: LoadOptions["onProgress"]) =>
      readAll(files, context, controller, onProgress, check);
    if (!storage.isEnabled || (await areStored(files, storage))) return await read(onProgress);
    // One load downloads the files. The others take its copies.
    return await inTurn(`crossrank ${Object.values(files)[0]!.slot}`, context.signal, onProgress, read);
  } catch (cause) {
    const error = source instanceof HubModel ? source.explain(cause) : cause;
    controller.abort(error);
    throw error;
  } finally {
    controller.unlink();
  }
}

type Files = Record<string, HashedFile | FolderFile>;

async function areStored(files: Files, storage: FileStorage): Promise<boolean> {
  const hashOf = (file: HashedFile | FolderFile) => ("hash" in file ? file.hash : undefined);
  const copies = Object.values(files).map((file) => storage.has(file.slot, hashOf(file)));
  return (await Promise.all(copies)).every(Boolean);
}

/** A file that has been read. */
interface ReadFile {
  key: string;
  file: OpenFile;
  content: Content;
}

/** Reads the files, and those that their contents name. */
async function readAll(
  files: Files,
  context: ReadContext,
  controller: AbortController,
  onProgress: LoadOptions["onProgress"],
  checkConfig?: (config: Content) => Promise<void>,
): Promise<ReadModel> {
  const all: Files = {};
  const read: ReadFile[] = [];
  for (let next = files; Object.keys(next).length > 0; next = await filesNamedIn(read, all)) {
    Object.assign(all, next);
    const before = read.reduce((sum, { content }) => sum + sizeOf(content), 0);
    read.push(...(await readFiles(next, context, controller, onProgress, before, checkConfig)));
  }
  const contents = read.map(({ key, content }) => [key, content] as const);
  return {
    ...startVerifying(
      toModelFiles(contents),
      read.map(({ file }) => file.verify?.()),
    ),
    weights: weightsOf(read),
    unverified: unverifiedOf(all, read, context.storage),
  };
}

/**
 * The files of a folder that the contents of others name, and that are not among `known`: parts of the weights, and
 * modules of sentence-transformers.
 */
async function filesNamedIn(read: ReadFile[], known: Files): Promise<Files> {
  const contentOf = (key: string) => read.find((file) => file.key === key);
  const weights = contentOf("onnx");
  if (!weights || !("urls" in known.onnx!) || !isWeights(weights.file.url.pathname)) return {};
  const folder = new URL(".", weights.file.url);
  folder.search = weights.file.url.search;
  const files: Files = {};
  const add = (key: string, path: string, optional: boolean) => {
    if (key in known) return;
    files[key] = {
      slot: `${folder.origin}${folder.pathname} ${key}`,
      urls: [urlInFolder(folder, path)],
      optional,
    };
  };
  for (const [key, path] of MODULE_FILES) add(key, path, true);
  if (weights.file.url.pathname.endsWith(WEIGHTS_INDEX)) {
    const { weight_map: map } = (await parseJson(weights.content)) as { weight_map?: Record<string, string> };
    for (const name of new Set(Object.values(map ?? {}))) if (isName(name)) add(name, name, false);
  }
  const modules = (await parseJson(contentOf("modules")?.content)) as { path?: string }[];
  for (const { path } of Array.isArray(modules) ? modules : []) {
    if (!isName(path) || path === "1_Pooling") continue;
    for (const name of ["config.json", WEIGHTS]) add(`${path}/${name}`, `${path}/${name}`, true);
  }
  return files;
}

/** Whether a text is the name of a file or folder in a folder. The core refuses others. */
function isName(text: unknown): text is string {
  return typeof text === "string" && /^[^./\\:][^/\\:]*$/.test(text);
}

/** Ends the download of weights that the core would refuse, for the same reason. */
async function refuseGenerator(config: Content): Promise<void> {
  const { architectures } = (await parseJson(config)) as { architectures?: unknown };
  if (!Array.isArray(architectures)) return;
  const generator = architectures.find((name) => /For(CausalLM|ConditionalGeneration)$/.test(name));
  if (generator === undefined) return;
  throw new CrossrankError(
    "unsupported-model",
    `the model generates text (${generator}) and gives no relevance score; use a cross-encoder, whose ` +
      "architecture ends in ForSequenceClassification",
  );
}

/** The value of a JSON file; empty if it has none, which the core reports. */
async function parseJson(content: Content | undefined): Promise<object> {
  try {
    return (content && JSON.parse(new TextDecoder().decode(await toBytes(content)))) || {};
  } catch {
    return {};
  }
}

function weightsOf(read: ReadFile[]): Weights | undefined {
  const weights = read.find(({ key }) => key === "onnx");
  if (!weights) return undefined;
  const file = decodeURIComponent(weights.file.url.pathname).split("/").pop()!;
  const parts = read.filter(({ key }) => key === "onnx" || (isExternalData(key) && !key.includes("/")));
  return { file, bytes: parts.reduce((sum, { content }) => sum + sizeOf(content), 0) };
}

async function readFiles(
  files: Files,
  context: ReadContext,
  controller: AbortController,
  onProgress: LoadOptions["onProgress"],
  before: number,
  checkConfig?: (config: Content) => Promise<void>,
): Promise<ReadFile[]> {
  /** As `Promise.all`. After a failure, all reads have ended, and have kept what they have received. */
  async function all<R>(reads: Promise<R>[]): Promise<R[]> {
    try {
      return await Promise.all(reads);
    } catch (error) {
      controller.abort(error);
      await Promise.allSettled(reads);
      throw error;
    }
  }
  const opened = await all(
    Object.entries(files).map(async ([key, file]) => [key, await openFile(file, context)] as const),
  );
  const existing = opened.filter((entry): entry is [string, OpenFile] => entry[1] !== undefined);
  for (const [, { size }] of existing) checkFileSize(size);
  const reporterOf = sumProgress(
    existing.map(([, file]) => file),
    onProgress,
    controller.signal,
    before,
  );
  return all(
    existing.map(async ([key, file]) => {
      const content = await file.read(reporterOf(file));
      if (key === "config" && checkConfig) {
        // A damaged copy says nothing. It is reported when the other copies have been verified too.
        const isIntact = Promise.resolve(file.verify?.()).then(
          () => true,
          () => false,
        );
        if (await isIntact) await checkConfig(content);
      }
      return { key, file, content };
    }),
  );
}

/** The files of a folder on a server. */
function unverifiedOf(files: Files, read: ReadFile[], storage: FileStorage): UnverifiedFiles | undefined {
  const remote = Object.entries(files).filter(
    ([, file]) => "urls" in file && file.urls[0]!.protocol.startsWith("http"),
  );
  if (remote.length === 0) return undefined;
  return {
    areCopies: read.some(({ key, file }) => file.isCopy && remote.some(([other]) => other === key)),
    async remove() {
      await Promise.all(remote.map(([, { slot }]) => storage.remove(slot)));
    },
  };
}

export function mapFiles(files: ModelFiles, map: (content: Content) => Content): ModelFiles {
  const contents = Object.entries(files as ModelFiles & Record<string, Content | undefined>);
  return toModelFiles(contents.flatMap(([key, content]) => (content ? [[key, map(content)]] : [])));
}

function toModelFiles(contents: (readonly [key: string, content: Content])[]): ModelFiles {
  return Object.fromEntries(contents) as ModelFiles & Record<string, Content>;
}

/**
 * The fingerprint of the model. Without one, the core hashes the files itself, which takes longer.
 */
export async function fingerprintOf(
  source: ModelSource,
  files: ModelFiles,
): Promise<{ fingerprint?: string }> {
  if (!hasBytes(source) && isPackage(source) && "onnx" in source.files) {
    const { onnx, tokenizer, config } = source.files;
    return { fingerprint: [onnx, tokenizer, config].map(({ sha256 }) => sha256).join(" ") };
  }
  const prepared = await readPreparedHash(files.onnx);
  if (prepared) return { fingerprint: prepared.hash };
  const { onnx, tokenizer, config } = files;
  // A single file that is not a prepared model is not a model at all, as the core will say.
  if (!canHash() || !tokenizer || !config) return {};
  const external = Object.entries(files).filter(([key]) => isExternalData(key));
  external.sort(([a], [b]) => (a < b ? -1 : 1));
  const parts: Content[] = [onnx, tokenizer, config, ...external.map(([, content]) => content)];
  const hashes = parts.map(async (content) => sha256(await toBytes(content)));
  return { fingerprint: (await Promise.all(hashes)).join(" ") };
}

/** Verifies the files by `verifications`, and a prepared model by the hash that it states. */
function startVerifying(files: ModelFiles, verifications: (Promise<void> | undefined)[] = []): ReadModel {
  const verified = (async () => {
    // All of them finish first, so that one retry replaces every damaged copy.
    await Promise.allSettled(verifications);
    await Promise.all(verifications);
    await verifyPrepared(files.onnx);
  })();
  // Callers that await it see the failure.
  verified.catch(() => {});
  return { files, verified };
}

function hasBytes(source: object | string): source is ModelBytes | Bytes {
  return isBytes(source) || (isObject(source) && "onnx" in source);
}

function isPackage(source: object | string): source is ModelPackage {
  return isObject(source) && "files" in source && isObject(source.files);
}

function filesFromBytes(model: ModelBytes | Bytes): ModelFiles {
  if (isBytes(model)) return { onnx: toUint8Array(model) };
  const bytesOf = (key: keyof ModelBytes) => {
    const value = model[key];
    if (isBytes(value)) return toUint8Array(value);
    const given = describeValue(value);
    throw invalidArgument(`model.${key} is ${given}; give a Uint8Array or an ArrayBuffer`);
  };
  const { external = {} } = model;
  checkOption("model.external", external, "an object of files by their names", isObject(external));
  for (const [name, file] of Object.entries(external)) {
    const option = `model.external["${name}"]`;
    checkOption(option, file, "a Uint8Array or an ArrayBuffer", isBytes(file));
  }
  const externalFiles = Object.entries(external).map(([name, file]) => [name, toUint8Array(file)]);
  return {
    ...Object.fromEntries(externalFiles),
    onnx: bytesOf("onnx"),
    tokenizer: bytesOf("tokenizer"),
    config: bytesOf("config"),
    tokenizerConfig: model.tokenizerConfig === undefined ? undefined : bytesOf("tokenizerConfig"),
    pooling: model.pooling === undefined ? undefined : bytesOf("pooling"),
  };
}

function filesOfPackage(model: ModelPackage, kind: TaskName, platform: Platform): Record<string, HashedFile> {
  const given: Record<string, ModelFile | undefined> = { ...model.files };
  const find = (key: string): HashedFile => {
    const file = given[key];
    if (!isObject(file) || !Number.isInteger(file.bytes) || typeof file.sha256 !== "string") {
      const message = `model.files.${key} has no bytes and sha256; give a whole model package`;
      throw invalidArgument(message);
    }
    const { bytes, sha256 } = file;
    const location = packageUrl(() => file.url);
    const url = resolveUrl(platform, location, `model.files.${key}.url`);
    return { slot: `${model.name} ${key}`, url, bytes, hash: sha256 };
  };
  if ("prepared" in model.files) return { onnx: find("prepared") };
  const candidates = Object.entries(candidatesOf(kind));
  const existing = candidates.filter(([key, { optional }]) => !optional || given[key]);
  return Object.fromEntries(existing.map(([key]) => [key, find(key)]));
}

/** The files of a folder. Those of a graph's address are beside it, or in the folder above. */
function filesInFolder(
  model: unknown,
  candidates: Record<string, FileCandidates>,
  platform: Platform,
): Record<string, FolderFile> {
  if (!isLocation(model) || model === "") {
    const expected = "give a model package, a URL, a folder, a prepared model or bytes";
    throw invalidArgument(`model is ${describeValue(model)}; ${expected}`);
  }
  const folder = resolveUrl(platform, model, "model");
  if (folder.pathname.endsWith(PREPARED_EXTENSION)) {
    const slot = `${folder.origin}${folder.pathname}`;
    return { onnx: { slot, urls: [folder], optional: false } };
  }
  const isFile = isGraph(folder.pathname);
  if (!isFile && !folder.pathname.endsWith("/")) folder.pathname += "/";
  const files: Record<string, FolderFile> = {};
  for (const [key, { paths, optional = false, named }] of Object.entries(candidates)) {
    if (isFile && named) throw invalidArgument("model and graph both name a graph; leave one out");
    const slot = `${folder.origin}${folder.pathname} ${key}`;
    let urls = paths.map((path) => urlInFolder(folder, path));
    if (isFile) urls = key === "onnx" ? [folder] : [...urlsAround(folder, paths)];
    files[key] = { slot, urls, optional };
  }
  return files;
}

function* urlsAround(graph: URL, paths: string[]): Iterable<URL> {
  for (const folder of [".", ".."]) {
    const around = new URL(folder, graph);
    around.search = graph.search;
    for (const path of paths) yield urlInFolder(around, path);
  }
}

/**
 * Keeps the folder's query string, because some hosts sign addresses with it. The slot in the storage
 * leaves it out, so that the file is still found under a new signature.
 */
function urlInFolder(folder: URL, path: string): URL {
  const url = new URL(folder);
  url.pathname += path;
  return url;
}

/** Makes a reporter for each file. `onProgress` receives the sum over all files, and of the bytes before them. */
function sumProgress(
  files: OpenFile[],
  onProgress: LoadOptions["onProgress"],
  signal: AbortSignal,
  before: number,
): (file: OpenFile) => ReportBytes {
  let loaded = before;
  let total: number | undefined = before;
  for (const { size } of files) {
    total = total === undefined || size === undefined ? undefined : total + size;
  }
  return ({ url }) => {
    const file = url.pathname.split("/").pop()!;
    let previous = 0;
    return (bytes) => {
      signal.throwIfAborted();
      loaded += bytes - previous;
      previous = bytes;
      onProgress?.({ file, loaded, total });
    };
  };
}
