/**
 * Reranks search results with a cross-encoder, in node and in browsers.
 *
 * ```js
 * import { rerank } from "crossrank";
 * const { results } = await rerank("what is a vector database", documents, 10);
 * for (const { document, score } of results) console.log(score, document);
 * ```
 */

/**
 * Types of the platform that not every `lib` declares. Those that the program does not know are
 * described by what this package needs of them.
 */
type Global<Name extends string, Otherwise> = typeof globalThis extends { [N in Name]: infer Value }
  ? Value
  : Otherwise;

/** An `AbortSignal`, which may come from another realm: a frame, a `vm` context, jsdom. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A `URL`, which may come from another realm. */
export interface UrlLike {
  readonly href: string;
}

/** Bytes, which may come from another realm, and may be shared. */
export type Bytes = Uint8Array | ArrayBufferLike;

/** `AsyncDisposable`, where the program knows `Symbol.asyncDispose`. */
type AsyncDisposableIfKnown = SymbolConstructor extends { readonly asyncDispose: infer Key extends symbol }
  ? { [K in Key]: () => Promise<void> }
  : Record<never, never>;

/** A text, or an object that contains one. */
export type Document = string | object;

/** A document whose text is found without the option {@link TextOptions.text}. */
export type TextDocument = string | { readonly text: string };

/** Options of every call that takes documents. */
export interface TextOptions<D> {
  /** Gives the text of a document. Default: the document itself if it is a string, else its field `text`. */
  text?: ((document: D, index: number) => string) | undefined;
}

/** The options of a call whose documents need {@link TextOptions.text}. */
export type WithText<D, Options> = Options & { text: (document: D, index: number) => string };

/** Options of every call that reranks or scores. */
export interface ScoreCallOptions<D> extends TextOptions<D> {
  /**
   * Stops the call, which then rejects with the signal's reason. It rejects at once if the model is in
   * workers, and otherwise before the next layer of the model.
   */
  signal?: AbortSignalLike | undefined;
  /**
   * How a document is scored that is longer than the texts that the model was trained on.
   * `"truncate"` cuts it. `"windows"` splits it into windows of the training length, which overlap by
   * a quarter, and takes the score of the best window. Default: `"windows"` for a model whose
   * `config.json` states that length (`"crossrank": { "trained_tokens": 340 }`), as the bundled
   * model's does; otherwise `"truncate"`. Ignored by services.
   */
  longDocuments?: "truncate" | "windows" | undefined;
  /** The maximum number of windows of a document. The text after them is left out. Default: 32. */
  maxWindows?: number | undefined;
  /** Compute every score, and leave the score cache as it is. */
  skipCache?: boolean | undefined;
}

/** Options of every call that reranks. */
export interface CallOptions<D> extends ScoreCallOptions<D> {
  /**
   * The call resolves after this time at the latest, with the scores that are known by then: see
   * {@link Ranking.partial}. If the call has to wait until the model is loaded, that time counts. It
   * begins with a few documents at a time, so that some are known soon, but at least one has to be
   * computed whole.
   */
  timeoutMs?: number | undefined;
  /** Leave out results with a lower score. */
  minScore?: number | undefined;
  /**
   * For search as you type: a call with `latest` ends the previous one, which rejects with an
   * `AbortError`. Calls with different names do not end each other, as for several search fields.
   */
  latest?: boolean | string | undefined;
  /**
   * With `"original-order"`, a call that fails gives the documents unscored in the order given, and
   * the reason in {@link Ranking.error}. It still rejects if it is aborted, or if an option or `topK`
   * is invalid. Default: `"throw"`.
   */
  onError?: "throw" | "original-order" | undefined;
}

/** A part of a text, for `text.slice(start, end)`. */
export interface Span {
  start: number;
  end: number;
}

/** A document in a ranking. */
export interface RankedDocument<D> {
  /** The document's position in the list that was given, from 0. */
  index: number;
  /** Relevance from 0 to 1: the sigmoid of `logit`. NaN if the document was not scored, see {@link Ranking.partial}. */
  score: number;
  /**
   * The model's output. If a service gives only scores, this is the log odds of `score`: as exact as
   * the score's digits, and infinite if the score is 0 or 1. NaN if the document was not scored.
   */
  logit: number;
  /** Whether the document was cut to fit the model. False for services, which do not report it. */
  truncated: boolean;
  /** The window of the document's text that the score belongs to, if the text was split into windows. */
  span?: Span;
  /** The document that was given: the same object, not a copy. */
  document: D;
}

/** A reranked list: the best first, and documents with equal logits in the order given. */
export interface Ranking<D> {
  /** The best documents, `topK` at most. */
  results: RankedDocument<D>[];
  /** Whether the query was cut in at least one pair. False for services, which do not report it. */
  queryTruncated: boolean;
  /**
   * Why the primary did not answer, if the secondary did: see {@link Reranker.withFallback}. Or how the
   * GPU failed, if the CPU answered instead: see {@link LoadOptions.device}.
   */
  fallback?: Error;
  /**
   * Whether documents lack a score, because the time was up, the call failed, or more scores are still
   * to come. Their `score` is NaN, and they follow the others in the order given, unless there is a
   * `minScore`.
   */
  partial: boolean;
  /** Why there are no scores, if `onError` asks for the original order. */
  error?: Error;
}

/** The score of one pair. */
export interface Score {
  /** Relevance from 0 to 1: the sigmoid of `logit`. */
  score: number;
  /**
   * The model's output. If a service gives only scores, this is the log odds of `score`: as exact as
   * the score's digits, and infinite if the score is 0 or 1.
   */
  logit: number;
  /** Whether the document was cut to fit the model. False for services, which do not report it. */
  truncated: boolean;
  /** Whether the query was cut to fit the model. False for services, which do not report it. */
  queryTruncated: boolean;
  /** The number of tokens that the model read for this score. 0 for services, which do not report it. */
  tokens: number;
  /** The window that the score belongs to, if the document was split into windows. */
  span?: Span;
}

/** The model's input for a pair: `[CLS] query [SEP] document [SEP]`. */
export interface Encoding {
  /** Token ids. */
  ids: number[];
  /** 0 for the query's tokens, 1 for the document's. */
  typeIds: number[];
  /** Whether the query was cut to fit the model. */
  queryTruncated: boolean;
  /** Whether the document was cut to fit the model. */
  documentTruncated: boolean;
}

/** A file of a model package. */
export interface ModelFile {
  url: UrlLike;
  /** The file's length. */
  bytes: number;
  /** The file's SHA-256 in hexadecimal. */
  sha256: string;
}

/** The exports of a model package such as `crossrank-minilm-l6-en`. */
export interface ModelPackage {
  name: string;
  files: PreparedPackageFiles | SeparatePackageFiles;
}

/** A prepared model, which is one file, see `crossrank prepare` and `crossrank quantize`. */
export interface PreparedPackageFiles {
  prepared: ModelFile;
}

/** A model in the files of a Hugging Face repository. */
export interface SeparatePackageFiles {
  onnx: ModelFile;
  tokenizer: ModelFile;
  config: ModelFile;
  tokenizerConfig?: ModelFile | undefined;
  /** An embedder's `pooling.json`, see {@link ModelBytes.pooling}. */
  pooling?: ModelFile | undefined;
}

/**
 * The files of a model, as bytes. They are not copied. Leave them unchanged while the reranker is in
 * use, because a crashed instance is loaded from them again.
 */
export interface ModelBytes {
  onnx: Bytes;
  tokenizer: Bytes;
  config: Bytes;
  tokenizerConfig?: Bytes | undefined;
  /**
   * For an embedder: a JSON text that says how a vector is made from the tokens, such as
   * `{"pooling": "mean", "normalize": true, "max_seq_length": 256, "prompts": {"query": "query: "}}`.
   * `pooling` is `mean` or `cls`. All other fields are optional.
   */
  pooling?: Bytes | undefined;
  /**
   * The files that hold weights outside the graph (ONNX's external data, such as `model.onnx_data`),
   * by the names that the graph gives them.
   */
  external?: Record<string, Bytes> | undefined;
}

/** A `WebAssembly.Module`. */
type CompiledModule =
  Global<"WebAssembly", { Module: { prototype: object } }> extends {
    Module: { prototype: infer Module };
  }
    ? Module
    : never;

/** The progress of all the model's files together. */
export interface Progress {
  /** The file that the latest bytes belong to. */
  file: string;
  /**
   * Bytes loaded so far, of all files. It only grows, with one exception: if a server cannot continue
   * a broken download, that file counts from its beginning again.
   */
  loaded: number;
  /** Bytes of all files. Undefined if a server does not state the length of a file. */
  total: number | undefined;
}

/** Options of {@link Reranker.load}. */
export interface LoadOptions {
  /**
   * One of these:
   * - a model package (`import * as model from "crossrank-minilm-l6-en"`);
   * - the URL of a folder in the Hugging Face layout, of a graph in such a folder, whose name ends in
   *   `.onnx`, of weights, `model.safetensors`, or of a prepared model, whose name ends in `.crossrank` (`crossrank prepare` makes one).
   *   It is a `URL` or a string, which in browsers is relative to the page, and in node may also be a
   *   path;
   * - the bytes of a folder's files, or of a prepared model.
   *
   * Default: the package `crossrank-minilm-l6-en`.
   */
  model?: ModelPackage | UrlLike | string | ModelBytes | Bytes | undefined;
  /**
   * The path of the graph in the folder or the repository, such as `"onnx/model_fp16.onnx"`, or of weights,
   * such as `"model.safetensors"`. Default: the first graph with a usual name, graphs in 8 bits before
   * others; weights in safetensors where there is none, or where the model's head consists of modules of
   * sentence-transformers, which graphs lack. {@link Info.weights} names the file.
   */
  graph?: string;
  /**
   * Whether to compute with the floats of weights in safetensors. Otherwise they are quantized to int8 when
   * they are loaded, which is faster and takes a quarter of the memory. Graphs and prepared models always
   * compute with the weights that they hold. Default: false.
   */
  keepFloats?: boolean | undefined;
  /**
   * The WebAssembly file: its URL, its bytes or the compiled module. Name one if your bundler does not
   * keep the package's own. Default: the files beside the package's own code. Of these,
   * `crossrank-general.wasm` is fetched only for models that need it: encoders of other families than
   * BERT's, other tokenizers than those of BERT and XLM-RoBERTa, and weights in safetensors.
   */
  wasm?: UrlLike | string | Bytes | CompiledModule | undefined;
  /**
   * Where copies of the files are kept for the next load: `"cache"` is the browser's Cache API, under
   * the name `crossrank`; `"none"` keeps no copies. If the browser has no room, or the runtime no
   * Cache API, loading works without copies. Default: `"cache"`.
   *
   * Copies of a model package's files are used if they have the right SHA-256. Copies of a folder's
   * files and of the WebAssembly file are used if the network fails.
   */
  storage?: "cache" | "none" | undefined;
  /**
   * The number of workers that compute; 0 computes on the calling thread. `"auto"` is one worker less
   * than there are cores, 4 at most, and the calling thread if workers cannot be started. Each worker
   * has the model in its own memory. Workers need no special HTTP headers. Default: `"auto"` on
   * pages, 0 in workers and in node.
   */
  workers?: "auto" | number | undefined;
  /** The script of the workers, if your bundler does not keep the package's `worker.js`. */
  worker?: UrlLike | string | undefined;
  /**
   * The device that computes: `"cpu"`, which gives the same scores everywhere; `"gpu"`, by WebGPU on a
   * page or in a worker; or `"auto"`, the faster of the two. A GPU does not quantize activations, and
   * so its logits differ from the CPU's by up to about 0.3. They are closer to those of the float
   * model, and the order of documents with close scores may change. Default: `"cpu"`.
   *
   * With `"gpu"`, the CPU computes if there is no GPU, or none that is large enough. If the GPU fails
   * later, the CPU repeats the whole call and handles all later ones, and {@link Ranking.fallback} of
   * that call gives the reason. In either case, there is one warning on the console.
   *
   * With `"auto"`, the CPU computes if there is no GPU, or only one in software. Otherwise the first
   * load measures both devices on 32 texts, which takes some seconds, and chooses the GPU if it is
   * clearly faster and its scores are right. The storage keeps that choice for this version of the
   * package, the model, the number of workers and the GPU. {@link Info.deviceReason} explains it.
   *
   * A GPU runs encoders of BERT's family, as the bundled model is. It uses one worker, however many
   * are named here; 0 uses this thread.
   */
  device?: "cpu" | "gpu" | "auto" | undefined;
  /**
   * The folder of `crossrank-gpu.wasm` and `gpu-bindings.js`, if your bundler does not keep them beside
   * the package's own code. Nothing is fetched from there for `device: "cpu"`.
   */
  gpuFiles?: UrlLike | string | undefined;
  /**
   * The cache of scores. A list that was reranked before costs nothing, and one new document costs
   * only that document. `bytes` is the maximum of its memory (default: 4 MiB). `persistent` keeps it in
   * the browser's storage for the next visit; it contains no text. `false` turns the cache off.
   */
  scoreCache?: false | { bytes?: number | undefined; persistent?: boolean | undefined } | undefined;
  /** Called as bytes of the model arrive. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Stops loading. `load` then rejects with the signal's reason, as `fetch` does. */
  signal?: AbortSignalLike | undefined;
}

/** Where a model comes from that is loaded by its name. */
export interface HubOptions {
  /**
   * The address of the hub, or of a mirror with the same paths. Default: in node the environment
   * variable `HF_ENDPOINT`, otherwise `https://huggingface.co`.
   */
  baseUrl?: string | undefined;
  /** A branch, a tag or a commit. Default: `main`. */
  revision?: string | undefined;
  /**
   * A token that is sent to `baseUrl`, but not to the addresses that it redirects to. Everybody who
   * opens a page can read it there. Default: in node the environment variable `HF_TOKEN`, unless
   * `baseUrl` is given.
   */
  token?: string | undefined;
}

/** Options of {@link Reranker.load} for a model that is loaded by its name. */
export type NamedLoadOptions = Omit<LoadOptions, "model"> & HubOptions & { model?: undefined };

/** Options of {@link Embedder.load} for a model that is loaded by its name. */
export type NamedEmbedderLoadOptions = Omit<EmbedderLoadOptions, "model"> &
  HubOptions & { model?: undefined };

/** The APIs of rerank services. `tei` is Hugging Face's text-embeddings-inference. */
export type RemoteApi = "cohere" | "jina" | "voyage" | "tei";

/** Options of {@link Reranker.remote}. */
export interface RemoteOptions {
  /**
   * The service's base address, such as `https://api.cohere.com`. The API's path is appended
   * (`/v2/rerank`, `/v1/rerank`, or `/rerank` for TEI), unless the address ends in `/rerank`.
   */
  url: UrlLike | string;
  api: RemoteApi;
  /** Sent as a bearer token. Everybody who opens a page can read it there: name a proxy instead. */
  apiKey?: string | undefined;
  /** The service's name for the model. All APIs but TEI need it. */
  model?: string | undefined;
  /**
   * Whether the service gives the model's plain output where the API has scores from 0 to 1, as
   * llama.cpp does. The score is then the sigmoid of that output. TEI is always asked for plain
   * output. Default: false.
   */
  rawScores?: boolean | undefined;
  /**
   * The maximum number of documents in a request; longer lists are split. The scores of a
   * cross-encoder do not depend on it, but those of a model that reads documents together
   * (jina-reranker-v3) do. Default: 32 for TEI, which is TEI's own default, otherwise 1000.
   */
  maxDocuments?: number | undefined;
  /**
   * The number of requests after one that failed for a reason that may pass: no connection, no answer
   * in time, or status 408, 429 or 5xx. Default: 2.
   */
  retries?: number | undefined;
  /**
   * Milliseconds before the first retry. The delay doubles with each later retry, up to 8 s, and is
   * shortened at random by up to a half. A service's `Retry-After` overrides it; one of more than 60 s
   * ends the call. Default: 500.
   */
  retryDelay?: number | undefined;
  /** How long one request may take, in milliseconds. Default: 30 000. */
  timeout?: number | undefined;
  /** Replaces the platform's `fetch`. */
  fetch?: Global<"fetch", (url: never, init?: never) => Promise<object>> | undefined;
}

/** What a reranker reports about itself. */
export interface Info {
  /** What computes the scores: the calling thread, workers, or a service. */
  backend: "in-thread" | "workers" | "remote";
  /**
   * Why this is what computes: the option or the default that asked for it, and why workers that were
   * preferred could not be started. Undefined for services.
   */
  backendReason?: string;
  /** The number of workers; 0 if there are none. */
  workers: number;
  /** The device that computes, see {@link LoadOptions.device}. Undefined for services. */
  device?: "cpu" | "gpu";
  /**
   * Why this device computes: the measurement for `"auto"`, or what is wrong with the GPU that was
   * asked for. Undefined if there was no choice.
   */
  deviceReason?: string;
  /** The GPU that computes. Most browsers do not tell its name. */
  gpu?: { adapter: string; backend: string; software: boolean };
  /**
   * The kernel that computes: the instruction set `simd128`, `relaxed`, `relaxed_maddubs` or
   * `relaxed_dpbusd`, on which scores do not depend; or `gpu-f16` or `gpu-f32`, by the number format
   * of the GPU.
   */
  kernel?: string;
  /** Why the model runs slower than it could, and why its scores are unchecked, if they are. */
  warning?: string;
  /**
   * The file with the model's weights, such as `model.safetensors`, and its size with that of the files that
   * hold a part of them. Undefined for models that were given as bytes, and for services.
   */
  weights?: { file: string; bytes: number };
  /** The maximum number of tokens in a pair. */
  maxLength?: number;
  /**
   * The revision of the model's weights, if its `config.json` has one, as the bundled model's has.
   * Scores differ between revisions, so thresholds may have to be chosen anew.
   */
  revision?: string;
  /** The score cache: the documents that were found in it or not, and its content. */
  cache?: { hits: number; misses: number; entries: number; bytes: number };
}

/** A loaded model, or a service that has one. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: a member depends on what the program knows.
export class Reranker {
  private constructor();

  /** Loads the model that {@link LoadOptions.model} names. */
  static load(options?: LoadOptions): Promise<Reranker>;

  /**
   * Loads a model by its name: one that `crossrank models` lists, or a repository of the Hugging Face
   * Hub, such as `BAAI/bge-reranker-base`. A graph in 8 bits is preferred.
   *
   * The hub is asked for the list of files. The files are checked against the hub's hashes, and stored
   * like those of a model package. If the network fails, the stored list is used. In node, a model in
   * the hub's cache (`HF_HUB_CACHE`), where `crossrank pull` and Python put it, is read from there
   * without any request.
   */
  static load(name: string, options?: NamedLoadOptions): Promise<Reranker>;

  /**
   * A reranker that asks a service. It loads neither a model nor WebAssembly, and has no `encode`. The
   * documents in the results are the caller's, and never come from the service.
   */
  static remote(options: RemoteOptions): Reranker;

  /**
   * A reranker that asks `primary`, and then `secondary` if `primary` fails for any other reason than
   * the caller's mistake. A function is called when its reranker is first needed, and again after it
   * failed: `Reranker.withFallback(hosted, () => Reranker.load())`. The two may score differently;
   * {@link Ranking.fallback} tells which one answered.
   */
  static withFallback(
    primary: Reranker | (() => Reranker | Promise<Reranker>),
    secondary: Reranker | (() => Reranker | Promise<Reranker>),
  ): Reranker;

  /** Puts the documents that answer the query first, and returns the best `topK` (default: all). */
  rerank<D extends TextDocument>(
    query: string,
    documents: readonly D[],
    topK?: number,
    options?: CallOptions<D>,
  ): Promise<Ranking<D>>;

  /** The same for documents of any form. The option `text` gives the text of each. */
  rerank<D extends Document>(
    query: string,
    documents: readonly D[],
    topK: number | undefined,
    options: WithText<D, CallOptions<D>>,
  ): Promise<Ranking<D>>;

  /**
   * As `rerank`, but gives a ranking by the scores so far whenever there are new ones. The last ranking
   * is the complete one. Leaving the loop ends the call.
   */
  rerankStream<D extends TextDocument>(
    query: string,
    documents: readonly D[],
    topK?: number,
    options?: CallOptions<D>,
  ): AsyncGenerator<Ranking<D>, void, undefined>;

  /** The same for documents of any form. The option `text` gives the text of each. */
  rerankStream<D extends Document>(
    query: string,
    documents: readonly D[],
    topK: number | undefined,
    options: WithText<D, CallOptions<D>>,
  ): AsyncGenerator<Ranking<D>, void, undefined>;

  /** Reranks `candidates[i]` for `queries[i]`, and gives one ranking for each query. */
  rerankBatch<D extends TextDocument>(
    queries: readonly string[],
    candidates: readonly (readonly D[])[],
    topK?: number,
    options?: CallOptions<D>,
  ): Promise<Ranking<D>[]>;

  /** The same for documents of any form. The option `text` gives the text of each. */
  rerankBatch<D extends Document>(
    queries: readonly string[],
    candidates: readonly (readonly D[])[],
    topK: number | undefined,
    options: WithText<D, CallOptions<D>>,
  ): Promise<Ranking<D>[]>;

  /** Scores pairs of a query and a document, in the order given. */
  score<D extends TextDocument>(
    pairs: readonly (readonly [query: string, document: D])[],
    options?: ScoreCallOptions<D>,
  ): Promise<Score[]>;

  /** The same for documents of any form. The option `text` gives the text of each. */
  score<D extends Document>(
    pairs: readonly (readonly [query: string, document: D])[],
    options: WithText<D, ScoreCallOptions<D>>,
  ): Promise<Score[]>;

  /** The model's input tokens for a query and a document. */
  encode(query: string, document: string): Promise<Encoding>;

  /** What computes the scores, and what the score cache holds. */
  info(): Promise<Info>;

  /** Frees the memory. Later calls reject with the code `disposed`. */
  dispose(): Promise<void>;
}

/** `await using` disposes of it. */
export interface Reranker extends AsyncDisposableIfKnown {}

/**
 * Reranks with the installed model package `crossrank-minilm-l6-en`. The first call loads the model,
 * which then stays loaded. Use {@link Reranker.load} for another model, to see progress, or to free it.
 */
export function rerank<D extends TextDocument>(
  query: string,
  documents: readonly D[],
  topK?: number,
  options?: CallOptions<D>,
): Promise<Ranking<D>>;

/** The same for documents of any form. The option `text` gives the text of each. */
export function rerank<D extends Document>(
  query: string,
  documents: readonly D[],
  topK: number | undefined,
  options: WithText<D, CallOptions<D>>,
): Promise<Ranking<D>>;

/**
 * Options of {@link Embedder.load}: those of a reranker without the score cache and the device, which
 * is the CPU, and how vectors are made.
 */
export interface EmbedderLoadOptions extends Omit<LoadOptions, "scoreCache" | "device" | "gpuFiles"> {
  /**
   * As {@link LoadOptions.model}. A folder has the layout of sentence-transformers, or contains a
   * `pooling.json`, see {@link ModelBytes.pooling}. Default: the package
   * `crossrank-all-minilm-l6-v2`.
   */
  model?: LoadOptions["model"];
  /**
   * The maximum number of tokens in a text; longer texts are cut. It must not exceed what the model can
   * read. Default: what the model's files say.
   */
  maxLength?: number | undefined;
  /** Put before each query, such as `"query: "`. Default: what the model's files say. */
  queryPrefix?: string | undefined;
  /** Put before each text of `embed`, such as `"passage: "`. Default: what the model's files say. */
  documentPrefix?: string | undefined;
}

/** Options of every call that embeds. */
export interface EmbedCallOptions {
  /** As {@link ScoreCallOptions.signal}. */
  signal?: AbortSignalLike | undefined;
  /** Whether a text that is too long for the model is cut. If `false`, it is an error. Default: true. */
  truncate?: boolean | undefined;
  /** Whether vectors are divided by their length. Default: what the model's files say. */
  normalize?: boolean | undefined;
  /** Called as vectors become known. If it throws, the call rejects with that error. */
  onProgress?: ((progress: { embedded: number; total: number }) => void) | undefined;
}

/** What an embedder reports about itself. */
export interface EmbedderInfo {
  /** What computes the vectors: the calling thread or workers. */
  backend: "in-thread" | "workers";
  /** As {@link Info.backendReason}. */
  backendReason?: string;
  /** The number of workers; 0 if there are none. */
  workers: number;
  /** The device that computes. */
  device: "cpu";
  /**
   * The instruction set that computes: `simd128`, `relaxed`, `relaxed_maddubs` or `relaxed_dpbusd`.
   * Vectors do not depend on it.
   */
  kernel?: string;
  /** Why the model runs slower than it could, and why its scores are unchecked, if they are. */
  warning?: string;
  /** As {@link Info.weights}. */
  weights?: { file: string; bytes: number };
  /** The maximum number of tokens in a text. */
  maxLength: number;
  /** The number of elements of a vector. */
  dimensions: number;
  /**
   * Identifies the vectors of this model, for programs that store them: a hash of the files and of how
   * vectors are made. The native build gives the same.
   */
  fingerprint: string;
}

/** Options of {@link Embedder.encode}. */
export interface EncodeOptions {
  /** Whether the text is a query. Default: false. */
  query?: boolean | undefined;
}

/** The model's input for a text: `[CLS] text [SEP]`. */
export interface TextEncoding {
  /** Token ids, including those of the prefix. */
  ids: number[];
  /** Whether the text was cut to fit the model. */
  truncated: boolean;
}

/**
 * A loaded bi-encoder. It turns texts into vectors. The vector of a query is near those of the passages
 * that answer it.
 *
 * ```js
 * const embedder = await Embedder.load();
 * const vectors = await embedder.embed(passages);
 * const query = await embedder.embedQuery("what is a vector database");
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: a member depends on what the program knows.
export class Embedder {
  private constructor();

  /** Loads the model that {@link EmbedderLoadOptions.model} names. */
  static load(options?: EmbedderLoadOptions): Promise<Embedder>;

  /** Loads a model by its name, as {@link Reranker.load} does. */
  static load(name: string, options?: NamedEmbedderLoadOptions): Promise<Embedder>;

  /** The number of elements of a vector. */
  readonly dimensions: number;

  /**
   * The vectors of documents, in the order given: `texts.length` vectors of `dimensions` elements.
   * Those of most models have length 1, so that their dot product is the cosine similarity.
   */
  embed(texts: readonly string[], options?: EmbedCallOptions): Promise<Float32Array[]>;

  /** The vector of a query, to compare with those of documents: `dimensions` elements. */
  embedQuery(query: string, options?: EmbedCallOptions): Promise<Float32Array>;

  /** The model's input tokens for a text. */
  encode(text: string, options?: EncodeOptions): Promise<TextEncoding>;

  /** What computes the vectors. */
  info(): Promise<EmbedderInfo>;

  /** Frees the memory. Later calls reject with the code `disposed`. */
  dispose(): Promise<void>;
}

/** `await using` disposes of it. */
export interface Embedder extends AsyncDisposableIfKnown {}

/** The stable names of errors. */
export type ErrorCode =
  | "invalid-argument"
  | "input-too-large"
  | "invalid-text"
  | "invalid-input"
  | "io"
  | "invalid-model"
  | "unsupported-model"
  | "needs-general"
  | "tokenizer-mismatch"
  | "invalid-score"
  | "model-not-installed"
  | "fetch-failed"
  | "integrity"
  | "runtime-failed"
  | "runtime-crashed"
  | "out-of-memory"
  | "gpu-failed"
  | "remote-unavailable"
  | "remote-refused"
  | "remote-invalid-answer"
  | "unsupported"
  | "disposed";

/** Every error of this package. After an abort, calls reject with the signal's reason instead. */
export class CrossrankError extends Error {
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown });
  readonly name: "CrossrankError";
  /** The kind of the error, for programs; the message is for people. */
  readonly code: ErrorCode;
}
