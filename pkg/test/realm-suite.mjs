// The tests of values that come from another realm (a frame, a `vm` context), and of bytes in memory that
// is shared or can be resized.
//
// The context: `otherRealm`, a function that gives classes of another realm, where the platform has one:
// { AbortController, URL, Uint8Array, ArrayBuffer, Array, Object }.

import { bytesOf, equal, ok, rejection } from "./assertions.mjs";

const query = "what is a vector database";
const documents = ["Bananas are rich in potassium.", "A vector database stores embeddings."];

export function realmTests({ crossrank, model, separate, workers, otherRealm }) {
  const { Embedder, Reranker } = crossrank;
  const loadModel = (options) => Reranker.load({ workers, ...options });

  /** Loads the model of separate files in another way, and compares the scores. */
  async function givesTheSame(options) {
    const expected = loadModel({ model: separate.reranker });
    const [one, other] = await Promise.all([expected, loadModel(options)]);
    equal(await other.rerank(query, documents), await one.rerank(query, documents));
    await Promise.all([one.dispose(), other.dispose()]);
  }

  return {
    ...(otherRealm && {
      async "takes arguments of another realm"() {
        const realm = otherRealm();
        const reranker = await loadModel({ model, signal: new realm.AbortController().signal });
        const expected = await reranker.rerank(query, documents, 1);
        const list = realm.Array.from(documents, (text) => realm.Object.assign(new realm.Object(), { text }));
        const options = new realm.Object();
        options.signal = new realm.AbortController().signal;
        const { results } = await reranker.rerank(query, list, 1, options);
        equal(results[0].logit, expected.results[0].logit);
        ok(results[0].document === list[1], "not the same object");
        const text = ({ text }) => text;
        equal((await reranker.score(realm.Array.of(realm.Array.of(query, list[0])), { text })).length, 1);

        const stop = new realm.AbortController();
        options.signal = stop.signal;
        const reason = new Error("enough");
        const call = rejection(() => reranker.rerank(query, Array(50).fill("a ".repeat(400)), 1, options));
        stop.abort(reason);
        equal(await call, reason);
        const aborted = rejection(() => reranker.rerank(query, documents, 1, { signal: stop.signal }));
        equal(await aborted, reason);
        const keep = { signal: stop.signal, onError: "original-order" };
        equal(await rejection(() => reranker.rerank(query, documents, 1, keep)), reason);
        for (const Class of [Reranker, Embedder]) {
          equal(await rejection(() => Class.load({ workers, signal: stop.signal })), reason);
        }
        await reranker.dispose();
      },

      async "takes a model of another realm"() {
        const realm = otherRealm();
        const { onnx, tokenizer, config } = await bytesOf(separate.reranker);
        const copy = (bytes) => new realm.Uint8Array(bytes);
        await givesTheSame({
          model: { onnx: copy(onnx), tokenizer: copy(tokenizer).buffer, config: copy(config) },
        });
        await givesTheSame({ model: new realm.URL(new URL("./", separate.reranker.files.config.url).href) });
        const noWasm = await rejection(() => loadModel({ model, wasm: new realm.Uint8Array(8) }));
        equal(noWasm.code, "runtime-failed");
        for (const given of [copy(config), copy(config).buffer, new realm.URL("https://example.com/")]) {
          const error = await rejection(() => Reranker.load(given));
          ok(/load\(\{ model \}\)/.test(error.message), error.message);
        }
      },
    }),

    async "takes bytes in shared and in resizable memory"() {
      const { onnx, tokenizer, config } = await bytesOf(separate.reranker);
      const shared = (bytes) => {
        const pages = Math.ceil(bytes.length / 65536);
        // Pages that are not isolated have shared memory by this name only.
        const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
        const view = new Uint8Array(buffer, 0, bytes.length);
        view.set(bytes);
        return view;
      };
      const resizable = (bytes) => {
        const buffer = new ArrayBuffer(bytes.length, { maxByteLength: 2 * bytes.length });
        new Uint8Array(buffer).set(bytes);
        return buffer;
      };
      await givesTheSame({
        model: { onnx: shared(onnx), tokenizer: shared(tokenizer), config: resizable(config) },
      });
      const { buffer } = shared(new Uint8Array(65536));
      const error = await rejection(() => loadModel({ model: buffer }));
      equal(error.code, "invalid-model", error.message);
    },
  };
}
