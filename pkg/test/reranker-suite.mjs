// The tests of rerankers that hold wherever the package runs: in node, on a page, in a worker. They know
// no test runner: `tests(context)` gives named functions, and each platform runs them in order.
//
// The context:
// - crossrank, model: the package and the model package
// - separate: { reranker, embedder, bits }, model packages with the graphs of benches/model in separate files,
//   and the bits of that reranker's logits
// - golden, bits: the pairs of golden.json, and the bits of the native build's logits for them
// - embedding: the same three for the embedder
// - stub, hub, tiny, remote: see remote-suite.mjs and hub-suite.mjs
// - workers: the number of workers to load models with
// - otherRealm: see realm-suite.mjs
// - startedWorkers: a function that gives the list of the workers that are started from then on
// - prepared: the bytes of the model
// - general: a model that is not a BERT encoder, { folder, small, expected }, with the URL of the
//   WebAssembly file that is too small for it

import { bytesOf, equal, ok, rejection } from "./assertions.mjs";
import { controlTests } from "./control-suite.mjs";
import { embedderTests } from "./embedder-suite.mjs";
import { hubTests } from "./hub-suite.mjs";
import { exhaust, withMemory } from "./memory-trap.mjs";
import { realmTests } from "./realm-suite.mjs";
import { remoteTests } from "./remote-suite.mjs";

export function tests(context) {
  const { crossrank, model, separate, golden, bits, workers, prepared, general } = context;
  const { Reranker, rerank, CrossrankError } = crossrank;
  const loadModel = (options) => Reranker.load({ workers, ...options });
  const query = "what is a vector database";
  const documents = [
    "Bananas are rich in potassium.",
    "A vector database stores embeddings and finds the nearest ones to a query.",
    "SQL is a language for relational databases.",
  ];
  let reranker;
  let firstRanking;

  /** The call rejects with the code, and the same reranker still gives the same answer. */
  async function rejects(code, call, message = /./) {
    const error = await rejection(call);
    ok(error instanceof CrossrankError, `${error} is not a CrossrankError`);
    equal(error.code, code);
    ok(message.test(error.message), `"${error.message}" does not match ${message}`);
    equal(await reranker.rerank(query, documents), firstRanking);
  }

  const badTopK = [
    ["0", 0],
    ["-1", -1],
    ["NaN", NaN],
    ["1.5", 1.5],
    ["Infinity", Infinity],
    ["the string 3", "3"],
    ["null", null],
  ];

  return {
    async "loads the model package and reports progress"() {
      const seen = [];
      reranker = await loadModel({ model, onProgress: (p) => seen.push(p) });
      const total = Object.values(model.files).reduce((sum, file) => sum + file.bytes, 0);
      ok(
        seen.every((p) => p.total === total),
        "total is not the sum of the files",
      );
      ok(
        seen.every((p, i) => i === 0 || p.loaded > seen[i - 1].loaded),
        "loaded does not grow",
      );
      equal(seen.at(-1).loaded, total);
      equal([...new Set(seen.map((p) => p.file))], ["model.crossrank"]);
      firstRanking = await reranker.rerank(query, documents);
    },

    async "gives the token ids of the golden file"() {
      for (const pair of golden) {
        const { ids, typeIds } = await reranker.encode(pair.query, pair.passage);
        equal(ids, pair.input_ids, `ids of pair ${pair.id}`);
        equal(typeIds, pair.token_type_ids, `type ids of pair ${pair.id}`);
      }
    },

    async "gives the native build's logits to the bit"() {
      const pairs = golden.map((pair) => [pair.query, pair.passage]);
      const scores = await reranker.score(pairs, { longDocuments: "truncate" });
      equal([...new Uint32Array(Float32Array.from(scores, (s) => s.logit).buffer)], bits);
      scores.forEach(({ logit, score }, i) => {
        ok(Math.abs(score - 1 / (1 + Math.exp(-logit))) < 1e-6, `score of pair ${i}`);
      });
    },

    async "puts the best document first and returns the caller's objects"() {
      const objects = documents.map((text, id) => ({ id, text }));
      const { results, queryTruncated } = await reranker.rerank(query, objects, 2);
      equal(results.length, 2);
      equal(results[0].index, 1);
      ok(results[0].document === objects[1], "not the same object");
      ok(results[0].logit >= results[1].logit, "not in order");
      equal([results[0].truncated, queryTruncated], [false, false]);
      const other = documents.map((body) => ({ body }));
      const named = await reranker.rerank(query, other, 2, { text: (d) => d.body });
      equal(
        named.results.map((r) => r.index),
        results.map((r) => r.index),
      );
    },

    async "gives all documents by default, and none for an empty list"() {
      equal((await reranker.rerank(query, documents)).results.length, 3);
      equal((await reranker.rerank(query, documents, 100)).results.length, 3);
      equal((await reranker.rerank(query, [])).results, []);
      equal(await reranker.score([]), []);
      equal(await reranker.rerankBatch([], []), []);
    },

    async "reports that a long document was cut"() {
      const long = ["database ".repeat(1000)];
      const { results } = await reranker.rerank(query, long, 1, { longDocuments: "truncate" });
      equal(results[0].truncated, true);
    },

    async "reranks a batch like one list after another"() {
      const lists = [documents, documents.slice(1)];
      const batch = await reranker.rerankBatch([query, "what is SQL"], lists, 1);
      equal(batch[0], await reranker.rerank(query, lists[0], 1));
      equal(batch[1], await reranker.rerank("what is SQL", lists[1], 1));
    },

    async "reranks with the installed model in one call"() {
      const { results } = await rerank(query, documents, 1);
      equal(results[0].document, documents[1]);
    },

    ...Object.fromEntries(
      badTopK.map(([name, topK]) => [
        `refuses a topK of ${name}`,
        async () => {
          await rejects("invalid-argument", () => reranker.rerank(query, documents, topK), /top/i);
          await rejects("invalid-argument", () => rerank(query, documents, topK), /top/i);
          await rejects("invalid-argument", () => reranker.rerankBatch([query], [documents], topK), /top/i);
        },
      ]),
    ),

    async "refuses documents that are not texts"() {
      for (const bad of [null, undefined, 7, {}, { text: 1 }]) {
        const list = [documents[0], bad];
        await rejects("invalid-argument", () => reranker.rerank(query, list), /document 1/);
      }
      await rejects("invalid-argument", () => reranker.rerank(query, null), /documents is null/);
      await rejects("invalid-argument", () => reranker.rerank(query, "text"), /documents is/);
      await rejects("invalid-argument", () => reranker.rerank(query, new Array(2)), /document 0/);
      await rejects(
        "invalid-argument",
        () => reranker.rerank(query, [{}], 1, { text: () => null }),
        /document 0 is null/,
      );
    },

    async "refuses invalid queries and pairs"() {
      // Spaces, controls, and characters without a shape.
      for (const unseen of ["", " \n", "\0", "\u200b\u2060", "\ufeff", "\u00ad", "\u3164", "\ufe0f"]) {
        await rejects("invalid-argument", () => reranker.rerank(unseen, documents), /query is empty/);
      }
      await rejects("invalid-argument", () => reranker.rerank(null, documents), /query is null/);
      await rejects("invalid-argument", () => reranker.score(["ab"]), /pair 0/);
      await rejects("invalid-argument", () => reranker.score([[query]]), /pair 0, document/);
      await rejects("invalid-argument", () => reranker.rerankBatch([query], []));
    },

    async "refuses a lone surrogate and names its document"() {
      const lone = "cut \ud83d";
      await rejects("invalid-text", () => reranker.rerank(query, ["whole 😀", lone]), /document 1/);
      await rejects("invalid-text", () => reranker.rerank(lone, documents), /query/);
      await rejects("invalid-text", () => reranker.score([[query, lone]]), /pair 0, document/);
    },

    async "refuses a text of more than 1 MiB"() {
      const limit = 2 ** 20;
      const textOf = (bytes) => "a ".repeat(bytes / 2) + "a".repeat(bytes % 2);
      for (const bytes of [limit - 1, limit]) {
        const text = textOf(bytes);
        const { results } = await reranker.rerank(text, [text], 1, { longDocuments: "truncate" });
        equal(results[0].truncated, true);
      }
      const large = textOf(limit + 1);
      const numbers = /1048577 bytes.*over the limit of 1048576; /;
      await rejects("input-too-large", () => reranker.rerank(query, [documents[0], large]), /document 1/);
      await rejects("input-too-large", () => reranker.rerank(query, [large]), numbers);
      await rejects("input-too-large", () => reranker.rerank(large, documents), /the query/);
      await rejects("input-too-large", () => reranker.rerank(large, documents), numbers);
      const batch = () => reranker.rerankBatch([query, large], [documents, documents]);
      await rejects("input-too-large", batch, /query 1/);
    },

    async "refuses wrong bytes for a model"() {
      const { onnx, tokenizer, config } = await bytesOf(separate.reranker);
      const noise = new Uint8Array(5000).map((_, i) => (i * 7919) >> 3);
      const load = (bytes) => () => loadModel({ model: bytes });
      await rejects("invalid-model", load({ onnx: noise, tokenizer, config }));
      await rejects("invalid-model", load({ onnx: onnx.slice(0, 1e6), tokenizer, config }));
      await rejects("tokenizer-mismatch", load({ onnx, tokenizer: noise, config }));
      await rejects("invalid-model", load({ onnx, tokenizer, config: noise }));
      await rejects("invalid-model", load(new Uint8Array(100)));
      await rejects("invalid-argument", load("http://"), /model is .*"http:\/\/"/);
      const nowhere = () => loadModel({ model, wasm: "http://" });
      await rejects("invalid-argument", nowhere, /wasm is .*"http:\/\/"/);
      await rejects("invalid-argument", load({ onnx: "file", tokenizer, config }), /model.onnx/);
      await rejects("invalid-argument", load(7), /model is 7/);
      await rejects("invalid-argument", load(null), /model is null/);
      await rejects("invalid-argument", load({ name: "empty", files: {} }), /model.files.onnx has no/);
      for (const change of [{ url: undefined }, { bytes: undefined }, { bytes: 1n }, { sha256: null }]) {
        const files = {
          ...separate.reranker.files,
          config: { ...separate.reranker.files.config, ...change },
        };
        await rejects("invalid-argument", load({ name: "broken", files }), /model.files.config/);
        const one = { prepared: { ...model.files.prepared, ...change } };
        await rejects("invalid-argument", load({ name: "broken", files: one }), /model.files.prepared/);
      }
      await rejects("invalid-argument", () => loadModel({ model, wasm: 7 }), /wasm is 7/);
      const url = new URL("./", model.files.prepared.url);
      for (const options of ["./model", null, model, url, noise, noise.buffer]) {
        await rejects("invalid-argument", () => Reranker.load(options), /load\(\{ model \}\)/);
      }
      await rejects("invalid-argument", () => loadModel({ model, signal: "soon" }), /signal/);
    },

    async "loads separate files: a package, bytes, and the URL of a folder"() {
      const folder = new URL("./", separate.reranker.files.config.url);
      const pairs = golden.slice(0, 4).map((pair) => [pair.query, pair.passage]);
      for (const source of [separate.reranker, await bytesOf(separate.reranker), folder, folder.href]) {
        const seen = new Set();
        const other = await loadModel({ model: source, onProgress: ({ file }) => seen.add(file) });
        const scores = await other.score(pairs, { longDocuments: "truncate" });
        equal(
          [...new Uint32Array(Float32Array.from(scores, (s) => s.logit).buffer)],
          separate.bits.slice(0, 4),
        );
        const names = ["config.json", "model_quantized.onnx", "tokenizer.json", "tokenizer_config.json"];
        if (!(source.onnx instanceof Uint8Array)) equal([...seen].sort(), names);
        await other.dispose();
      }
    },

    async "loads the graph of a folder that is named"() {
      const folder = new URL("./", separate.reranker.files.config.url);
      const graph = "onnx/model_quantized.onnx";
      const rankings = [];
      for (const options of [
        { model: folder },
        { model: folder, graph },
        { model: new URL(graph, folder) },
      ]) {
        const other = await loadModel(options);
        rankings.push(await other.rerank(query, documents));
        await other.dispose();
      }
      for (const ranking of rankings) equal(ranking, rankings[0]);
      const load = (options) => () => loadModel({ model: folder, ...options });
      const code = folder.protocol === "file:" ? "io" : "fetch-failed";
      const none = "onnx/no.onnx";
      await rejects(code, load({ graph: none }), /there is no .*onnx\/no\.onnx; check/);
      await rejects(code, load({ model: new URL(none, folder) }), /there is no .*onnx\/no\.onnx; check/);
      await rejects("invalid-argument", load({ graph: "model" }), /graph is the string "model"/);
      await rejects("invalid-argument", load({ model, graph }), /leave it out/);
      await rejects("invalid-argument", load({ model: new URL(graph, folder), graph }), /leave one out/);
    },

    async "names what a file holds by mistake"() {
      const files = await bytesOf(separate.reranker);
      for (const [text, what] of [
        [
          "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
          /is a pointer of Git LFS; run/,
        ],
        ["<!doctype html><html></html>", /is a web page/],
        ["PK\x03\x04", /is a zip archive/],
      ]) {
        const bytes = new TextEncoder().encode(text);
        const load = (change) => () => loadModel({ model: { ...files, ...change } });
        await rejects("invalid-model", load({ onnx: bytes }), what);
        await rejects("tokenizer-mismatch", load({ tokenizer: bytes }), what);
        await rejects("invalid-model", load({ config: bytes }), what);
        await rejects("invalid-model", () => loadModel({ model: bytes }), what);
      }
    },

    async "says that an embedder is not a reranker"() {
      for (const other of [await bytesOf(separate.embedder), context.embedding.model]) {
        await rejects("unsupported-model", () => loadModel({ model: other }), /makes vectors; .*embedder/);
      }
    },

    async "loads a prepared model from bytes and from its URL"() {
      const { url } = model.files.prepared;
      for (const source of [url, url.href, prepared, prepared.buffer]) {
        const other = await loadModel({ model: source });
        equal(await other.rerank(query, documents), firstRanking);
        await other.dispose();
      }
      const damaged = prepared.slice();
      damaged[damaged.length >> 1] ^= 1;
      await rejects("invalid-model", () => loadModel({ model: damaged }), /SHA-256/);
      await rejects("invalid-model", () => loadModel({ model: damaged.subarray(0, 1e6) }), /damaged/);
    },

    async "fetches the general module for a graph that is not a BERT encoder"() {
      const { folder, small, expected } = general;
      const other = await loadModel({ model: folder });
      ok(/general operators/.test((await other.info()).warning));
      for (const { query, document, logits } of expected.cases) {
        const [{ logit }] = await other.score([[query, document]]);
        ok(Math.abs(logit - logits.ort_none) < 1e-4, `${logit} and ${logits.ort_none}`);
      }
      await other.dispose();
      const named = () => loadModel({ model: folder, wasm: small });
      await rejects("needs-general", named, /name crossrank-general.wasm/);
    },

    async "fetches the general module for a tokenizer that is not BERT's"() {
      const { tokenizer, ...files } = await bytesOf(separate.reranker);
      const json = JSON.parse(new TextDecoder().decode(tokenizer));
      json.normalizer = { type: "Sequence", normalizers: [json.normalizer] };
      const same = new TextEncoder().encode(JSON.stringify(json));
      const other = await loadModel({ model: { ...files, tokenizer: same } });
      const plain = await loadModel({ model: separate.reranker });
      equal(await other.rerank(query, documents), await plain.rerank(query, documents));
      await plain.dispose();
      equal((await other.info()).kernel, "simd128");
      await other.dispose();
    },

    async "refuses files that differ from what the model package says"() {
      const file = (change) => ({
        ...model,
        files: { prepared: { ...model.files.prepared, ...change } },
      });
      const load = (change) => () => loadModel({ model: file(change) });
      await rejects("integrity", load({ sha256: "0".repeat(64) }), /SHA-256/);
      await rejects("integrity", load({ bytes: 3 }), /bytes/);
      const url = new URL("missing.crossrank", model.files.prepared.url);
      const code = url.protocol === "file:" ? "io" : "fetch-failed";
      await rejects(code, load({ url }), /missing.crossrank/);
    },

    async "stops loading when the signal aborts, with its reason"() {
      const reason = new Error("enough");
      equal(await rejection(() => loadModel({ model, signal: AbortSignal.abort(reason) })), reason);
      const stop = new AbortController();
      const load = () => loadModel({ model, signal: stop.signal, onProgress: () => stop.abort() });
      equal((await rejection(load)).name, "AbortError");
      const fail = () => {
        throw reason;
      };
      equal(await rejection(() => loadModel({ model, onProgress: fail })), reason);
    },

    async "refuses an invalid WebAssembly file"() {
      await rejects("runtime-failed", () => loadModel({ model, wasm: new Uint8Array(8) }));
    },

    // A test cannot reach the instance of a worker, but the same code replaces it.
    ...(workers === 0 && {
      async "replaces an instance that has trapped"() {
        const { loaded, memory } = await withMemory(() => loadModel({ model }));
        equal(await loaded.rerank(query, documents), firstRanking);
        exhaust(memory());
        const large = Array(400).fill("a ".repeat(500_000));
        await rejects(
          "out-of-memory",
          () => loaded.rerank(query, large, 1, { skipCache: true }),
          /no more memory.*smaller model/,
        );
        equal(await loaded.rerank(query, documents), firstRanking);
        await loaded.dispose();
      },
    }),

    async "refuses calls after dispose"() {
      const other = await loadModel({ model });
      await other.dispose();
      await other.dispose();
      await rejects("disposed", () => other.rerank(query, documents));
      await rejects("disposed", () => other.score([[query, documents[0]]]));
      await rejects("disposed", () => other.encode(query, documents[0]));
      const last = await loadModel({ model });
      await last[Symbol.asyncDispose]();
      await rejects("disposed", () => last.rerankBatch([query], [documents]));
    },

    async "does not begin a call if the signal has aborted"() {
      const reason = new Error("enough");
      const options = { signal: AbortSignal.abort(reason) };
      equal(await rejection(() => reranker.rerank(query, documents, 1, options)), reason);
      equal(await rejection(() => reranker.score([[query, documents[0]]], options)), reason);
      equal(await rejection(() => reranker.rerankBatch([query], [documents], 1, options)), reason);
      const wrong = { signal: "soon" };
      await rejects("invalid-argument", () => reranker.rerank(query, documents, 1, wrong), /signal/);
    },

    ...controlTests({ ...context, loadModel }),
    ...realmTests(context),
    ...embedderTests(context),
    ...hubTests(context),
    ...(workers === 0 && remoteTests(context)),
  };
}

/** Runs all tests. Gives a plain record of each, which a page or a worker can send. */
export async function runAll(context, report = () => {}) {
  const records = [];
  for (const [name, test] of Object.entries(tests(context))) {
    report(name);
    const start = performance.now();
    let error;
    let note;
    try {
      note = await test();
    } catch (cause) {
      // Only in V8, the stack begins with the message.
      error = `${cause}\n${cause?.stack}`;
    }
    records.push({ name, error, note, ms: Math.round(performance.now() - start) });
  }
  return records;
}
