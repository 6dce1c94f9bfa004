/**
 * Reranks search results with a cross-encoder, in node and in browsers.
 *
 * ```js
 * import { rerank } from "crossrank";
 * const { results } = await rerank("what is a vector database", documents, 10);
 * for (const { document, score } of results) console.log(score, document);
 * ```
 */

/** A text, or an object that holds one. */
export type Document = string | object;

/** Options of every call that takes documents. */
export interface TextOptions<D> {
  /**
   * The text of a document. Default: the document where it is a string, else its field `text`.
   */
  text?: (document: D, index: number) => string;
}

/** Options of every call that reranks or scores. */
export interface ScoreCallOptions<D> extends TextOptions<D> {
  /**
   * Stops the call: it rejects with the signal's reason, at once where the model is in workers, and
   * otherwise before the next layer of the model.
   */
  signal?: AbortSignal;
  /**
   * What becomes of a document that is longer than the model reads well: `"truncate"` cuts it,
   * `"windows"` splits it into windows that overlap by a quarter, each of as many tokens as the
   * model was trained on, and takes the best one's score. Default: `"windows"` for a model that
   * names that length in its `config.json` (`"crossrank": { "trained_tokens": 160 }`), as the
   * bundled one does. Services have a way of their own.
   */
  longDocuments?: "truncate" | "windows";
  /** The most windows of a document; what lies behind them is left out. Default: 32. */
  maxWindows?: number;
  /** Compute every score, and leave the score cache as it is. */
  skipCache?: boolean;
}

/** Options of every call that reranks. */
export interface CallOptions<D> extends ScoreCallOptions<D> {
  /**
   * The call resolves after this time at the latest, with what has been scored so far: see
   * {@link Ranking.partial}. Loading counts, where a call has to wait for it.
   */
  timeoutMs?: number;
  /** Leave out results with a lower score. */
  minScore?: number;
  /**
   * For search as you type: a call with `latest` ends the one before it, which rejects with an
   * `AbortError`. A name keeps several search fields apart.
   */
  latest?: boolean | string;
  /**
   * `"original-order"`: a call that fails gives the documents in the order given, unscored, and
   * says why in {@link Ranking.error}. It still rejects when it is aborted, and for options or a
   * `topK` that make no sense. Default: `"throw"`.
   */
  onError?: "throw" | "original-order";
}

/** A part of a text, for `text.slice(start, end)`. */
export interface Span {
  start: number;
  end: number;
}

/** A place in a ranking. */
export interface RankedDocument<D> {
  /** The document's position in the list that was given, from 0. */
  index: number;
  /**
   * Relevance from 0 to 1: the sigmoid of `logit`. NaN where the document was not scored, see
   * {@link Ranking.partial}.
   */
  score: number;
  /**
   * The model's output. Of a service that gives scores alone, the log odds of `score`: as exact
   * as the score's digits, and infinite where it is 0 or 1. NaN where the document was not scored.
   */
  logit: number;
  /** The document was cut to fit the model. Services do not say; from them it is false. */
  truncated: boolean;
  /** The window that the score is of, in the document's text, where that was split into windows. */
  span?: Span;
  /** The document that was given: the same object, not a copy. */
  document: D;
}

/** A reranked list: best first, equal logits in the order given. */
export interface Ranking<D> {
  /** The best documents, at most `topK`. */
  results: RankedDocument<D>[];
  /** The query was cut in at least one pair. Services do not say; from them it is false. */
  queryTruncated: boolean;
  /**
   * Why the primary did not answer, where the secondary did: see {@link Reranker.withFallback}; or
   * how the GPU failed, where the CPU answered: see {@link LoadOptions.device}.
   */
  fallback?: Error;
  /**
   * Documents are missing a score, because the time was over, the call failed, or others are still
   * to come: their `score` is NaN. They follow the others in the order given, unless there is a
   * `minScore`.
   */
  partial: boolean;
  /** Why there are no scores, where `onError` asks for the original order. */
  error?: Error;
}

/** The score of one pair. */
export interface Score {
  /** Relevance from 0 to 1: the sigmoid of `logit`. */
  score: number;
  /**
   * The model's output. Of a service that gives scores alone, the log odds of `score`: as exact
   * as the score's digits, and infinite where it is 0 or 1.
   */
  logit: number;
  /** The document was cut to fit the model. Services do not say; from them it is false. */
  truncated: boolean;
  /** The query was cut to fit the model. Services do not say; from them it is false. */
  queryTruncated: boolean;
  /** Tokens that the model read for it. Services do not say; from them it is 0. */
  tokens: number;
  /** The window that the score is of, where the document was split into windows. */
  span?: Span;
}

/** What the model sees of a pair: `[CLS] query [SEP] document [SEP]`. */
export interface Encoding {
  /** Token ids. */
  ids: number[];
  /** 0 for the query's tokens, 1 for the document's. */
  typeIds: number[];
  /** The query was cut to fit the model. Services do not say; from them it is false. */
  queryTruncated: boolean;
  /** The document was cut to fit the model. */
  documentTruncated: boolean;
}

/** A file of a model package. */
export interface ModelFile {
  url: URL;
  /** The file's length. */
  bytes: number;
  /** The file's SHA-256 in hexadecimal. */
  sha256: string;
}

/** What a model package such as `crossrank-minilm-l6-en` exports. */
export interface ModelPackage {
  name: string;
  files: {
    onnx: ModelFile;
    tokenizer: ModelFile;
    config: ModelFile;
    tokenizerConfig?: ModelFile;
    /** Of an embedder: `pooling.json`, see {@link ModelBytes.pooling}. */
    pooling?: ModelFile;
  };
}

/**
 * The files of a model, as bytes. They are not copied: leave them as they are while the reranker
 * is in use, because a crashed instance is loaded from them again.
 */
export interface ModelBytes {
  onnx: Uint8Array | ArrayBuffer;
  tokenizer: Uint8Array | ArrayBuffer;
  config: Uint8Array | ArrayBuffer;
  tokenizerConfig?: Uint8Array | ArrayBuffer;
  /**
   * Of an embedder: a JSON text that says how a vector is made of the tokens, such as
   * `{"pooling": "mean", "normalize": true, "max_seq_length": 256, "prompts": {"query": "query: "}}`.
   * `pooling` is `mean` or `cls`; all else may be left out.
   */
  pooling?: Uint8Array | ArrayBuffer;
  /**
   * The files that hold the graph's weights, where it has such (ONNX's external data, as
   * `model.onnx_data`), by the names that the graph has for them.
   */
  external?: Record<string, Uint8Array | ArrayBuffer>;
}

/** Bytes of all the model's files together. */
export interface Progress {
  /** The file that the latest bytes belong to. */
  file: string;
  /**
   * Bytes loaded so far, of all files. It only grows, but where a server does not go on with a
   * broken download: that file then counts from its beginning again.
   */
  loaded: number;
  /** Bytes of all files; undefined where a server does not say. */
  total: number | undefined;
}

export interface LoadOptions {
  /**
   * A model package (`import * as model from "crossrank-minilm-l6-en"`); the URL of a folder in
   * the Hugging Face layout or of a prepared model (`crossrank prepare` makes one; its name ends in
   * `.crossrank`), as a `URL` or a string (in browsers relative to the page); in node also a path;
   * or bytes, of a folder's files or of a prepared model. Default: the package
   * `crossrank-minilm-l6-en`.
   */
  model?: ModelPackage | URL | string | ModelBytes | Uint8Array | ArrayBuffer;
  /**
   * The WebAssembly file: its URL, its bytes or the compiled module. Default: the files beside the
   * package's own code, of which `crossrank-general.wasm` is fetched for models that need it
   * alone: encoders of another family than BERT's, and other tokenizers than BERT's and
   * XLM-RoBERTa's. Name one where a bundler does not keep them.
   */
  wasm?: URL | string | Uint8Array | ArrayBuffer | WebAssembly.Module;
  /**
   * Where copies of the files are kept for the next load: `"cache"` for the browser's Cache API,
   * under the name `crossrank`, or `"none"`. Where the browser has no room, or a runtime no Cache
   * API, loading goes on without. Default: `"cache"`.
   *
   * The files of a model package are then taken from there as long as they have the right
   * SHA-256; those of a folder, and the WebAssembly file, where the network fails.
   */
  storage?: "cache" | "none";
  /**
   * Where the model computes: in this number of workers, or on the thread that calls it where that
   * is 0. `"auto"` is one worker for each core but one, at most 4, and this thread where workers
   * cannot be started. Each worker has the model in its memory. No header is needed for them.
   * Default: `"auto"` on pages, 0 in workers and in node.
   */
  workers?: "auto" | number;
  /** The script of the workers, where a bundler does not keep the package's `worker.js`. */
  worker?: URL | string;
  /**
   * What computes: `"cpu"`, which gives the same scores everywhere; `"gpu"`, by WebGPU on a page or
   * in a worker; or `"auto"`, the faster of the two. A GPU's activations are not quantized, so that its
   * logits differ from the CPU's by up to about 0.3: nearer to the float model's, and enough to
   * change the order of close documents. Default: `"cpu"`.
   *
   * `"gpu"` loads on the CPU where there is no GPU or none that is large enough. A GPU that fails
   * later takes the call to the CPU, which computes all of it anew, as do all later calls:
   * {@link Ranking.fallback} says it of that call. One warning on the console tells of either.
   *
   * `"auto"` is the CPU where there is no GPU, or one in software. Else the first load measures both
   * on 32 texts, which takes some seconds, and takes the GPU where it is clearly faster and right;
   * the storage remembers that for this version of the package, model, number of workers and GPU.
   * {@link Info.deviceReason} says what came of it.
   *
   * A GPU needs encoders of BERT's family, as the bundled one is, and one worker, however many are
   * named here; 0 is this thread.
   */
  device?: "cpu" | "gpu" | "auto";
  /**
   * The folder of `crossrank-gpu.wasm` and `gpu-bindings.js`, where a bundler does not keep them
   * beside the package's own code. Nothing is fetched from there for `device: "cpu"`.
   */
  gpuFiles?: URL | string;
  /**
   * The cache of scores: a list that was reranked already costs nothing, and one with a new
   * document costs that document. `bytes` is the memory that it may take (default: 4 MiB);
   * `persistent` keeps it in the browser's storage for the next visit, without any text. `false`:
   * none.
   */
  scoreCache?: false | { bytes?: number; persistent?: boolean };
  /** Called as bytes of the model arrive. */
  onProgress?: (progress: Progress) => void;
  /** Stops loading; `load` then rejects with the signal's reason, as `fetch` does. */
  signal?: AbortSignal;
}

/** Where a model comes from that is named. */
export interface HubOptions {
  /**
   * The hub's address, or a mirror's that speaks its paths. Default: `https://huggingface.co`; in
   * node the environment's `HF_ENDPOINT` goes before that.
   */
  baseUrl?: string;
  /** A branch, a tag or a commit. Default: `main`. */
  revision?: string;
  /**
   * Sent to `baseUrl`, and not where that redirects to. Whoever opens a page can read it there. In
   * node the environment's `HF_TOKEN` takes its place where `baseUrl` is not given.
   */
  token?: string;
}

/** Options of {@link Reranker.load} for a model that is named. */
export type NamedLoadOptions = Omit<LoadOptions, "model"> & HubOptions & { model?: undefined };

/** Options of {@link Embedder.load} for a model that is named. */
export type NamedEmbedderLoadOptions = Omit<EmbedderLoadOptions, "model"> &
  HubOptions & { model?: undefined };

/** The APIs of rerank services; TEI is Hugging Face's text-embeddings-inference. */
export type RemoteApi = "cohere" | "jina" | "voyage" | "tei";

export interface RemoteOptions {
  /**
   * The service's base address, such as `https://api.cohere.com`; the API's path is appended
   * (`/v2/rerank`, `/v1/rerank`, or `/rerank` for TEI). An address that ends in `/rerank` is
   * taken as it is.
   */
  url: URL | string;
  api: RemoteApi;
  /** Sent as a bearer token. Whoever opens a page can read it there: name a proxy instead. */
  apiKey?: string;
  /** The service's name for the model. All but TEI need it. */
  model?: string;
  /**
   * The service gives the model's plain output where the API has scores from 0 to 1, as
   * llama.cpp does: the score is then its sigmoid. TEI is asked for plain output anyway.
   */
  rawScores?: boolean;
  /**
   * The most documents in a request; longer lists are split. A cross-encoder's scores do not
   * depend on it; those of a model that reads documents together (jina-reranker-v3) do. Default:
   * 32 for TEI, which is its own default, else 1000.
   */
  maxDocuments?: number;
  /**
   * Requests after one that failed in a passing way: no connection, no answer in time, status
   * 408, 429 or 5xx. Default: 2.
   */
  retries?: number;
  /**
   * Milliseconds before the first retry, doubled for each later one up to 8 s, less up to a half
   * by chance. Default: 500. A service's `Retry-After` goes before it; one of more than 60 s ends
   * the call.
   */
  retryDelay?: number;
  /** The longest that one request may take, in milliseconds. Default: 30 000. */
  timeout?: number;
  /** Takes the place of the platform's `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/** What is to be known of a reranker. */
export interface Info {
  /** Where scores are computed. */
  backend: "in-thread" | "workers" | "remote";
  /** The number of workers; 0 without. */
  workers: number;
  /** What computes, see {@link LoadOptions.device}. Services do not say. */
  device?: "cpu" | "gpu";
  /**
   * Why it is this device: what was measured for `"auto"`, or what is wrong with the GPU that was
   * asked for. Undefined where there was no choice.
   */
  deviceReason?: string;
  /** The GPU that computes; most browsers do not tell its name. */
  gpu?: { adapter: string; backend: string; software: boolean };
  /**
   * What computes: the instruction set `simd128` or `relaxed`, on which scores do not depend; or
   * `gpu-f16` or `gpu-f32`, by the numbers that the GPU has.
   */
  kernel?: string;
  /** Why the model runs slower than it could. */
  warning?: string;
  /** The most tokens in a pair. */
  maxLength?: number;
  /** The score cache: documents that were found in it or not, and what it holds. */
  cache?: { hits: number; misses: number; entries: number; bytes: number };
}

/** A loaded model, or a service that has one. */
export class Reranker implements AsyncDisposable {
  private constructor();

  /** Loads a model; see {@link LoadOptions.model} for where from. */
  static load(options?: LoadOptions): Promise<Reranker>;

  /**
   * Loads a model by its name: one that `crossrank models` lists, or a repository of the Hugging Face
   * Hub, such as `BAAI/bge-reranker-base`, with a graph in 8 bits where it has one.
   *
   * The hub is asked for the list of the files. These are checked against the hashes that it has,
   * and kept as those of a model package are; where the network fails, the list that was kept
   * serves. In node a model in the hub's cache (`HF_HUB_CACHE`), where `crossrank pull` and Python put
   * it, is read from there, and nobody is asked.
   */
  static load(name: string, options?: NamedLoadOptions): Promise<Reranker>;

  /**
   * A reranker that asks a service. It loads neither a model nor WebAssembly. Documents are
   * attached here and never come back from the service; there is no `encode`.
   */
  static remote(options: RemoteOptions): Reranker;

  /**
   * A reranker that asks `primary`, and `secondary` where `primary` fails through no fault of the
   * caller. A function is called when its reranker is first needed, and again after it failed:
   * `Reranker.withFallback(hosted, () => Reranker.load())`. The two may score differently;
   * {@link Ranking.fallback} says which one answered.
   */
  static withFallback(
    primary: Reranker | (() => Reranker | Promise<Reranker>),
    secondary: Reranker | (() => Reranker | Promise<Reranker>),
  ): Reranker;

  /**
   * Puts the documents that answer the query first and returns the best `topK` (default: all).
   */
  rerank<D extends Document>(
    query: string,
    documents: readonly D[],
    topK?: number,
    options?: CallOptions<D>,
  ): Promise<Ranking<D>>;

  /**
   * As `rerank`, but gives what there is whenever documents have been scored; the last ranking is
   * the whole one. Leaving the loop ends the call.
   */
  rerankStream<D extends Document>(
    query: string,
    documents: readonly D[],
    topK?: number,
    options?: CallOptions<D>,
  ): AsyncGenerator<Ranking<D>, void, undefined>;

  /** Reranks `candidates[i]` for `queries[i]`: one ranking for each query. */
  rerankBatch<D extends Document>(
    queries: readonly string[],
    candidates: readonly (readonly D[])[],
    topK?: number,
    options?: CallOptions<D>,
  ): Promise<Ranking<D>[]>;

  /** Scores pairs of a query and a document, in the order given. */
  score<D extends Document>(
    pairs: readonly (readonly [query: string, document: D])[],
    options?: ScoreCallOptions<D>,
  ): Promise<Score[]>;

  /** The tokens that the model sees for a query and a document. */
  encode(query: string, document: string): Promise<Encoding>;

  /** Where and how scores are computed, and what the score cache holds. */
  info(): Promise<Info>;

  /** Gives the memory back. Later calls reject with the code `disposed`. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Reranks with the installed model package `crossrank-minilm-l6-en`, which the first call loads
 * and the module keeps. Use {@link Reranker.load} for another model, progress, or to free it.
 */
export function rerank<D extends Document>(
  query: string,
  documents: readonly D[],
  topK?: number,
  options?: CallOptions<D>,
): Promise<Ranking<D>>;

/**
 * As those of a reranker, but for the score cache and the device, which is the CPU; and how vectors
 * are made.
 */
export interface EmbedderLoadOptions extends Omit<LoadOptions, "scoreCache" | "device" | "gpuFiles"> {
  /**
   * As {@link LoadOptions.model}. A folder is in the layout of sentence-transformers, or has a
   * `pooling.json`, see {@link ModelBytes.pooling}. Default: the package
   * `crossrank-all-minilm-l6-v2`.
   */
  model?: LoadOptions["model"];
  /**
   * The most tokens in a text; longer ones are cut. Default: what the model's files say; the limit
   * is what the model can read.
   */
  maxLength?: number;
  /** What goes before each query, such as `"query: "`. Default: what the model's files say. */
  queryPrefix?: string;
  /** What goes before each text of `embed`, such as `"passage: "`. Default: as above. */
  documentPrefix?: string;
}

/** Options of every call that embeds. */
export interface EmbedCallOptions {
  /** As {@link ScoreCallOptions.signal}. */
  signal?: AbortSignal;
  /** `false`: a text that is longer than the model reads is an error. Default: it is cut. */
  truncate?: boolean;
  /** Divide vectors by their length. Default: what the model's files say. */
  normalize?: boolean;
  /** Called as vectors become known. The call rejects with what it throws. */
  onProgress?: (progress: { embedded: number; total: number }) => void;
}

/** What is to be known of an embedder. */
export interface EmbedderInfo {
  /** Where vectors are computed. */
  backend: "in-thread" | "workers";
  /** The number of workers; 0 without. */
  workers: number;
  /** What computes. */
  device: "cpu";
  /** The instruction set that computes: `simd128` or `relaxed`. Vectors do not depend on it. */
  kernel?: string;
  /** Why the model runs slower than it could. */
  warning?: string;
  /** The most tokens in a text. */
  maxLength: number;
  /** Elements of a vector. */
  dimensions: number;
  /**
   * What tells this model's vectors from others', for whoever stores them: a hash of the files and
   * of how vectors are made. The native build gives the same.
   */
  fingerprint: string;
}

export interface EncodeOptions {
  /** The text is a query. */
  query?: boolean;
}

/** What the model sees of a text: `[CLS] text [SEP]`. */
export interface TextEncoding {
  /** Token ids, of the prefix too. */
  ids: number[];
  /** The text was cut to fit the model. */
  truncated: boolean;
}

/**
 * A loaded bi-encoder: it makes vectors of texts, and those of a query and of a passage that answers
 * it are near each other.
 *
 * ```js
 * const embedder = await Embedder.load();
 * const vectors = await embedder.embed(passages);
 * const query = await embedder.embedQuery("what is a vector database");
 * ```
 */
export class Embedder implements AsyncDisposable {
  private constructor();

  /** Loads a model; see {@link EmbedderLoadOptions.model} for where from. */
  static load(options?: EmbedderLoadOptions): Promise<Embedder>;

  /** Loads a model by its name, as {@link Reranker.load} does. */
  static load(name: string, options?: NamedEmbedderLoadOptions): Promise<Embedder>;

  /** Elements of a vector. */
  readonly dimensions: number;

  /**
   * The vectors of documents, in the order given: `[texts.length, dimensions]`. Those of most
   * models have length 1, so that their dot product is the cosine.
   */
  embed(texts: readonly string[], options?: EmbedCallOptions): Promise<Float32Array[]>;

  /** The vector of a query, to compare with those of documents. */
  embedQuery(query: string, options?: EmbedCallOptions): Promise<Float32Array>;

  /** The tokens that the model sees for a text. */
  encode(text: string, options?: EncodeOptions): Promise<TextEncoding>;

  /** Where and how vectors are computed. */
  info(): Promise<EmbedderInfo>;

  /** Gives the memory back. Later calls reject with the code `disposed`. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The stable names of what can go wrong. */
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
  | "gpu-failed"
  | "remote-unavailable"
  | "remote-refused"
  | "remote-invalid-answer"
  | "unsupported"
  | "disposed";

/** Every error of this package, except after an abort, which rejects with the signal's reason. */
export class CrossrankError extends Error {
  constructor(code: ErrorCode, message: string, options?: ErrorOptions);
  readonly name: "CrossrankError";
  /** What went wrong, to match on; the message is for people. */
  readonly code: ErrorCode;
}
