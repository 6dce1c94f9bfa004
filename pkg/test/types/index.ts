// What the types promise. The compiler is the test: `expectTypeOf` wants the very type, and
// `@ts-expect-error` a mistake.

import {
  type CallOptions,
  CrossrankError,
  type EmbedCallOptions,
  Embedder,
  type EmbedderInfo,
  type Encoding,
  type ErrorCode,
  type Info,
  type LoadOptions,
  type ModelPackage,
  type Progress,
  type RankedDocument,
  type Ranking,
  type RemoteApi,
  Reranker,
  rerank,
  type Score,
  type Span,
  type TextEncoding,
} from "crossrank";
import * as bundledEmbedder from "crossrank-all-minilm-l6-v2";
import * as model from "crossrank-minilm-l6-en";
import { expectTypeOf } from "expect-type";

interface Page {
  title: string;
  text: string;
}
declare const pages: readonly Page[];
await using reranker = await Reranker.load({ model, signal: AbortSignal.timeout(1000) });

// --- A name goes first, and with options of its own --------------------------------------------

await Reranker.load("owner/model", { revision: "main", token: "hf_x", baseUrl: "https://h", workers: 0 });
await Embedder.load("owner/model", { queryPrefix: "query: ", baseUrl: "https://h" });
// @ts-expect-error: a model is named once
await Reranker.load("owner/model", { model });
// @ts-expect-error: a revision is of a name
await Reranker.load({ model, revision: "main" });

// --- Results keep the document's type ---------------------------------------------------------

expectTypeOf(await rerank("q", pages)).toEqualTypeOf<Ranking<Page>>();
expectTypeOf(await reranker.rerank("q", pages, 3)).toEqualTypeOf<Ranking<Page>>();
expectTypeOf(await reranker.rerankBatch(["q"], [pages], 3)).toEqualTypeOf<Ranking<Page>[]>();
expectTypeOf(await reranker.rerank("q", ["a" as string])).toEqualTypeOf<Ranking<string>>();
const mixed: (string | Page)[] = ["a", ...pages];
expectTypeOf(await rerank("q", mixed)).toEqualTypeOf<Ranking<string | Page>>();
for await (const ranking of reranker.rerankStream("q", pages, 3)) {
  expectTypeOf(ranking).toEqualTypeOf<Ranking<Page>>();
}
// @ts-expect-error: a number is no document
await rerank("q", [7]);
// @ts-expect-error: one query has one list
await reranker.rerankBatch("q", pages);

const { results, queryTruncated, partial, error, fallback } = await rerank("q", pages);
expectTypeOf(results).toEqualTypeOf<RankedDocument<Page>[]>();
expectTypeOf(results[0]!.document).toEqualTypeOf<Page>();
expectTypeOf(results[0]!.span).toEqualTypeOf<Span | undefined>();
expectTypeOf({ queryTruncated, partial }).toEqualTypeOf<{ queryTruncated: boolean; partial: boolean }>();
expectTypeOf({ error, fallback }).toEqualTypeOf<{ error: Error | undefined; fallback: Error | undefined }>();

expectTypeOf(await reranker.score([["q", "d"]])).toEqualTypeOf<Score[]>();
expectTypeOf(await reranker.encode("q", "d")).toEqualTypeOf<Encoding>();

// --- Options ----------------------------------------------------------------------------------

const calls: CallOptions<Page>[] = [
  {},
  { text: (page) => page.title },
  { signal: AbortSignal.timeout(9), timeoutMs: 9, minScore: 0.1, latest: true },
  { latest: "field", onError: "original-order", longDocuments: "windows", maxWindows: 3 },
];
await rerank("q", pages, 3, calls[0]);
await reranker.rerank("q", [{ body: "b" }], 3, {
  text: (document, index) => {
    expectTypeOf(document).toEqualTypeOf<{ body: string }>();
    expectTypeOf(index).toEqualTypeOf<number>();
    return document.body;
  },
});
// @ts-expect-error: the text of a document is a string
await rerank("q", pages, 3, { text: () => 7 });
// @ts-expect-error: topK is a number
await rerank("q", pages, "3");
// @ts-expect-error: no such option
await rerank("q", pages, 3, { timeout: 9 });
// @ts-expect-error: no such way
await rerank("q", pages, 3, { onError: "ignore" });
// @ts-expect-error: pairs are scored whole or not at all
await reranker.score([["q", "d"]], { timeoutMs: 9 });
// @ts-expect-error: a pair has a query and a document
await reranker.score([["q"]]);

// --- Loading ----------------------------------------------------------------------------------

expectTypeOf(model).toExtend<ModelPackage>();
expectTypeOf(model.default).toExtend<ModelPackage>();
declare const bytes: Uint8Array;
const loads: LoadOptions[] = [
  { model: "/models/minilm-l6-en/" },
  { model: new URL("https://example.com/model/") },
  { model: { onnx: bytes, tokenizer: bytes.buffer as ArrayBuffer, config: bytes } },
  { workers: "auto", worker: "/worker.js", wasm: "/crossrank.wasm", storage: "none" },
  { workers: 2, scoreCache: { bytes: 9, persistent: true } },
  { device: "auto", gpuFiles: "/gpu/" },
  { scoreCache: false, onProgress: (progress) => expectTypeOf(progress).toEqualTypeOf<Progress>() },
];
expectTypeOf(await Reranker.load(loads[0])).toEqualTypeOf<Reranker>();
// @ts-expect-error: the model is an option
await Reranker.load(model);
// @ts-expect-error: no such device
await Reranker.load({ device: "webgpu" });
// @ts-expect-error: a tokenizer is missing
await Reranker.load({ model: { onnx: bytes, config: bytes } });
// @ts-expect-error: only load() makes rerankers
new Reranker();

const info = await reranker.info();
expectTypeOf(info).toEqualTypeOf<Info>();
expectTypeOf(info.backend).toEqualTypeOf<"in-thread" | "workers" | "remote">();
expectTypeOf(info.backendReason).toEqualTypeOf<string | undefined>();
expectTypeOf(info.device).toEqualTypeOf<"cpu" | "gpu" | undefined>();
expectTypeOf(info.deviceReason).toEqualTypeOf<string | undefined>();

// --- Vectors ----------------------------------------------------------------------------------

expectTypeOf(bundledEmbedder).toExtend<ModelPackage>();
await using embedder = await Embedder.load({ model: bundledEmbedder, queryPrefix: "query: ", workers: 0 });
expectTypeOf(embedder).toEqualTypeOf<Embedder>();
const embedCall: EmbedCallOptions = { truncate: false, normalize: true, signal: AbortSignal.timeout(9) };
const textList: readonly string[] = ["d"];
expectTypeOf(await embedder.embed(textList, embedCall)).toEqualTypeOf<Float32Array[]>();
expectTypeOf(await embedder.embedQuery("q")).toEqualTypeOf<Float32Array>();
expectTypeOf(await embedder.encode("q", { query: true })).toEqualTypeOf<TextEncoding>();
expectTypeOf(await embedder.info()).toEqualTypeOf<EmbedderInfo>();
expectTypeOf(embedder.dimensions).toEqualTypeOf<number>();
// @ts-expect-error: an embedder has no scores to keep
await Embedder.load({ scoreCache: false });
// @ts-expect-error: an embedder computes on the CPU
await Embedder.load({ device: "gpu" });
// @ts-expect-error: a text is no list
await embedder.embed("d");
// @ts-expect-error: only load() makes embedders
new Embedder();

// --- Services ---------------------------------------------------------------------------------

expectTypeOf<RemoteApi>().toEqualTypeOf<"cohere" | "jina" | "voyage" | "tei">();
const hosted = Reranker.remote({ url: "https://api.example.com", api: "cohere", model: "m" });
expectTypeOf(hosted).toEqualTypeOf<Reranker>();
expectTypeOf(Reranker.withFallback(hosted, () => Reranker.load({ model }))).toEqualTypeOf<Reranker>();
// @ts-expect-error: no such API
Reranker.remote({ url: "https://api.example.com", api: "other" });
// @ts-expect-error: a service has an address
Reranker.remote({ api: "tei" });

// --- Errors -----------------------------------------------------------------------------------

const failure = new CrossrankError("disposed", "gone", { cause: error });
expectTypeOf(failure).toExtend<Error>();
expectTypeOf(failure.name).toEqualTypeOf<"CrossrankError">();
expectTypeOf(failure.code).toEqualTypeOf<ErrorCode>();
// @ts-expect-error: no such code
failure.code === "unknown";
// @ts-expect-error: a code stays what it is
failure.code = "io";
