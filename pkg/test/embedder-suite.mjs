// The tests of embedders, with every backend.

import { bytesOf, equal, ok, rejection } from "./assertions.mjs";
import { exhaust, withMemory } from "./memory-trap.mjs";

const LONG = "river ".repeat(400);
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const same = (a, b) => equal([...a], [...b]);

/** FNV-1a of the elements' bits, word by word, as in tests/scoring/embedder.rs. */
function hash(vector) {
  const bits = new Uint32Array(Float32Array.from(vector).buffer);
  return bits.reduce((hash, word) => Math.imul(hash ^ word, 0x01000193) >>> 0, 0x811c9dc5);
}

export function embedderTests({ crossrank, embedding, separate, workers }) {
  const { CrossrankError, Embedder } = crossrank;
  const { model, golden, bits } = embedding;
  const texts = golden.map(({ text }) => text);
  const loadModel = (options) => Embedder.load({ workers, ...options });
  let embedder;

  async function rejects(code, call, message = /./) {
    const error = await rejection(call);
    ok(error instanceof CrossrankError, `${error} is not a CrossrankError`);
    equal(error.code, code);
    ok(message.test(error.message), `"${error.message}" does not match ${message}`);
  }

  const tests = {
    async "loads the model package and reports its properties"() {
      const seen = [];
      embedder = await loadModel({ model, onProgress: (p) => seen.push(p) });
      equal(
        seen.at(-1).loaded,
        Object.values(model.files).reduce((sum, { bytes }) => sum + bytes, 0),
      );
      const { backend, kernel, maxLength, dimensions, fingerprint } = await embedder.info();
      equal([backend, maxLength, dimensions], [workers === 0 ? "in-thread" : "workers", 256, 384]);
      equal(embedder.dimensions, 384);
      equal(fingerprint, bits.fingerprint);
      return kernel;
    },

    async "gives the token ids of the golden file"() {
      for (const { text, input_ids } of golden) {
        const { ids, truncated } = await embedder.encode(text);
        equal(ids, input_ids, text);
        equal(truncated, false);
      }
      const cut = await embedder.encode(LONG);
      equal([cut.ids.length, cut.truncated], [256, true]);
    },

    async "gives the native build's vectors to the bit"() {
      const seen = [];
      const vectors = await embedder.embed(texts, { onProgress: (p) => seen.push(p) });
      ok(
        vectors.every((v) => v instanceof Float32Array && v.length === 384),
        "not 384 floats each",
      );
      equal(vectors.map(hash), bits.hashes);
      equal(seen.at(-1), { embedded: texts.length, total: texts.length });
      same(await embedder.embedQuery(texts[3]), vectors[3]);
    },

    async "embeds with the installed model, and gives no vectors for no texts"() {
      const installed = await loadModel();
      equal(await installed.embed([]), []);
      const [vector] = await installed.embed([""]);
      ok(Math.abs(dot(vector, vector) - 1) < 1e-5, "the vector has another length than 1");
      await installed.dispose();
      await rejects("disposed", () => installed.embed(["a"]));
    },

    async "follows the files and the options"() {
      const { onnx, tokenizer, config } = await bytesOf(separate.embedder);
      const plain = await loadModel({ model: separate.embedder });
      const own = { pooling: "mean", normalize: false, prompts: { query: "query: " } };
      const pooling = new TextEncoder().encode(JSON.stringify(own));
      const options = { model: { onnx, tokenizer, config, pooling }, documentPrefix: "passage: " };
      const raw = await loadModel({ ...options, maxLength: 128 });
      equal((await raw.info()).maxLength, 128);
      const fingerprints = await Promise.all([raw, plain].map(async (one) => (await one.info()).fingerprint));
      ok(fingerprints[0] !== fingerprints[1], "the fingerprints are the same");
      const [query, passage] = await plain.embed(["query: a river", "passage: a river"]);
      same(await raw.embedQuery("a river", { normalize: true }), query);
      same((await raw.embed(["a river"], { normalize: true }))[0], passage);
      const [vector] = await raw.embed(["a river"]);
      ok(Math.abs(dot(vector, vector) - 1) > 0.1, "the vector has length 1");
      await raw.dispose();
      await plain.dispose();
      const none = { onnx, tokenizer, config };
      await rejects("unsupported-model", () => loadModel({ model: none }), /pooling.json/);
    },

    async "loads from the URL of a folder, or of a prepared model"() {
      const folder = await loadModel({ model: new URL("./", separate.embedder.files.config.url) });
      const files = await loadModel({ model: separate.embedder });
      same((await folder.embed([texts[0]]))[0], (await files.embed([texts[0]]))[0]);
      const { fingerprint } = await folder.info();
      equal(fingerprint, (await files.info()).fingerprint);
      ok(fingerprint !== bits.fingerprint, "the fingerprint is the bundled model's");
      await Promise.all([folder.dispose(), files.dispose()]);
      const other = await loadModel({ model: model.files.prepared.url });
      equal(hash((await other.embed([texts[0]]))[0]), bits.hashes[0]);
      equal((await other.info()).fingerprint, bits.fingerprint);
      await other.dispose();
    },

    async "refuses what it cannot embed, and continues to work"() {
      await rejects("invalid-argument", () => embedder.embed("text"), /texts is/);
      await rejects("invalid-argument", () => embedder.embed(["a", 7]), /text 1 is 7/);
      await rejects("invalid-argument", () => embedder.embedQuery(null), /the query is null/);
      await rejects("invalid-text", () => embedder.embed(["a", "cut \ud83d"]), /text 1/);
      await rejects("input-too-large", () => embedder.embed(["a", "a ".repeat(600_000)]), /text 1/);
      const never = { truncate: false };
      await rejects("input-too-large", () => embedder.embed(["a", LONG], never), /text 1.*402 tokens/);
      await rejects("input-too-large", () => embedder.embedQuery(LONG, never), /the query/);
      await rejects("invalid-argument", () => embedder.embed(["a"], { signal: "soon" }), /signal/);
      await rejects("invalid-argument", () => embedder.embed(["a"], { truncate: 1 }), /truncate/);
      await rejects("invalid-argument", () => embedder.embed(["a"], { norm: true }), /mean normalize\?/);
      await rejects("invalid-argument", () => embedder.encode("a", { isQuery: true }), /mean query\?/);
      await rejects(
        "invalid-argument",
        () => loadModel({ model, scoreCache: false }),
        /no option scoreCache/,
      );
      await rejects("invalid-argument", () => Embedder.load(model), /load\(\{ model \}\)/);
      await rejects("invalid-argument", () => loadModel({ model, maxLength: 0 }), /maxLength/);
      await rejects("invalid-argument", () => loadModel({ model, maxLength: 513 }), /512/);
      await rejects("invalid-argument", () => embedder.encode("a", null), /options is null/);
      await rejects("invalid-argument", () => embedder.encode("a", { query: "yes" }), /query/);
      await rejects("invalid-text", () => loadModel({ model, queryPrefix: "\ud83d" }), /queryPrefix/);
      await rejects("invalid-argument", () => loadModel({ model, documentPrefix: 7 }), /documentPrefix/);
      await rejects("invalid-model", () => loadModel({ model: new Uint8Array(100) }));
      equal(hash((await embedder.embed([texts[1]]))[0]), bits.hashes[1]);
    },

    async "rejects with the error that a callback throws, and continues to work"() {
      const reason = new Error("no such element");
      let calls = 0;
      const onProgress = () => {
        calls++;
        throw reason;
      };
      equal(await rejection(() => embedder.embed(texts, { onProgress })), reason);
      equal(calls, 1);
      equal(hash((await embedder.embed([texts[1]]))[0]), bits.hashes[1]);
    },

    async "an abort settles a call at once, and the next call is complete"() {
      const reason = new Error("enough");
      const stop = new AbortController();
      const options = { signal: stop.signal, onProgress: () => stop.abort(reason) };
      const many = Array.from({ length: 500 }, (_, i) => `${i} ${texts[i % texts.length]}`);
      equal(await rejection(() => embedder.embed(many, options)), reason);
      equal(hash((await embedder.embed([texts[2]]))[0]), bits.hashes[2]);
    },

    async "yields the thread"() {
      let turns = 0;
      const turn = setInterval(() => turns++, 0);
      await embedder.embed(texts.map((text, i) => `${i} ${text}`));
      clearInterval(turn);
      ok(turns >= 5, `${turns} turns of the event loop`);
      return `${turns} turns`;
    },

    // A test cannot reach the instance of a worker, but the same code replaces it.
    ...(workers === 0 && {
      async "replaces an instance that has trapped"() {
        const { loaded, memory } = await withMemory(() => loadModel({ model }));
        await loaded.embed(["a"]);
        exhaust(memory());
        await rejects("out-of-memory", () => loaded.embed(Array(400).fill("a ".repeat(500_000))));
        equal(hash((await loaded.embed([texts[0]]))[0]), bits.hashes[0]);
        await loaded.dispose();
      },
    }),

    async "frees its memory"() {
      await embedder.dispose();
      await rejects("disposed", () => embedder.embedQuery("a"));
    },
  };
  return Object.fromEntries(Object.entries(tests).map(([name, test]) => [`embedder: ${name}`, test]));
}
