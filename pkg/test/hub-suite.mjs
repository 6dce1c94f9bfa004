// The tests of loading by name, wherever the package runs. The context's `hub` is the address of the
// server of hub-server.mjs. It has the model of `tiny` as owner/tiny and in a registered model's
// repository, owner/modules and owner/sharded in safetensors, and `plain`, a repository without weights.

import { equal, ok, rejection } from "./assertions.mjs";

export function hubTests({ crossrank, model, hub, tiny, workers }) {
  const { Reranker, Embedder, CrossrankError } = crossrank;
  const pairs = [["search query", "the rank of a passage is its score"]];

  /** A hub of its own: `{ baseUrl, log(), down() }`. */
  async function scripted(faults = []) {
    const script = { method: "POST", body: JSON.stringify({ faults }) };
    const id = await (await fetch(`${hub}/script`, script)).text();
    const baseUrl = `${hub}/${id}`;
    const post = (path) => fetch(`${baseUrl}/${path}`, { method: "POST" });
    return { baseUrl, log: async () => (await post("log")).json(), down: () => post("down") };
  }
  const load = (name, options) => Reranker.load(name, { workers, storage: "none", ...options });
  async function logitOf(reranker) {
    const [{ logit }] = await reranker.score(pairs);
    await reranker.dispose();
    return logit;
  }
  async function rejects(code, name, options, message) {
    const error = await rejection(() => load(name, options));
    ok(error instanceof CrossrankError, `${error} is not a CrossrankError`);
    equal(error.code, code, error.message);
    ok(message.test(error.message), `"${error.message}" does not match ${message}`);
    ok(!error.message.includes("hf_secret"), "the token is in the message");
  }
  const expected = async () => logitOf(await Reranker.load({ model: tiny, workers }));

  return {
    async "loads a model of a hub by its name, and gives the token only to the hub"() {
      const { baseUrl, log } = await scripted();
      const seen = [];
      const onProgress = (progress) => seen.push(progress);
      const loaded = await load("owner/tiny", { baseUrl, token: "hf_secret", onProgress });
      equal(await logitOf(loaded), await expected());
      equal(seen.at(-1).loaded, seen.at(-1).total);
      const asked = await log();
      const tokenOf = (isStore) => [
        ...new Set(asked.filter((a) => a.isStore === isStore).map((a) => a.authorization ?? "none")),
      ];
      equal(tokenOf(false), ["Bearer hf_secret"]);
      equal(tokenOf(true), ["none"]);
      ok(
        asked.some(({ path }) => path.includes("onnx/model_quantized.onnx")),
        "no graph was asked for",
      );
    },

    async "fetches the files that hold a graph's weights"() {
      const { baseUrl, log } = await scripted();
      const logit = await logitOf(await load("owner/external", { baseUrl }));
      // tests/data/graphs/external-int8/expected.json
      ok(Math.abs(logit - 0.584) < 0.1, `the logit is ${logit}`);
      ok(
        (await log()).some(({ path }) => path.endsWith("onnx/model_quantized.onnx.data")),
        "no data",
      );
    },

    async "loads the graph of a repository that is named"() {
      const { baseUrl } = await scripted();
      const graph = "onnx/model_quantized.onnx";
      equal(await logitOf(await load("owner/tiny", { baseUrl, graph })), await expected());
      const missing = /holds no onnx\/no\.onnx \(but onnx\/model_quantized\.onnx\)/;
      await rejects("unsupported-model", "owner/tiny", { baseUrl, graph: "onnx/no.onnx" }, missing);
    },

    async "refuses a model that generates text before its weights are there"() {
      const { baseUrl } = await scripted([{ path: "onnx/model.onnx", held: true }]);
      await rejects("unsupported-model", "owner/generator", { baseUrl }, /Qwen3ForCausalLM.*cross-encoder/);
    },

    async "loads weights in safetensors where no graph has the whole model"() {
      // The logits are those of tests/data/checkpoints, and the sizes those of all files with weights.
      const models = [
        ["owner/modules", "checkpoints/ettin/", "model.safetensors", 64_296, -2.037631],
        ["owner/sharded", "checkpoints/bert-sharded/", "model.safetensors.index.json", 26_868, -5.229867],
      ];
      for (const [name, path, file, bytes, expected] of models) {
        const { baseUrl, log } = await scripted();
        const seen = [];
        const onProgress = (progress) => seen.push(progress);
        const inFloats = await load(name, { baseUrl, keepFloats: true, onProgress });
        equal((await inFloats.info()).weights, { file, bytes });
        equal(seen.at(-1).loaded, seen.at(-1).total);
        const logit = await logitOf(inFloats);
        ok(Math.abs(logit - expected) < 1e-3, `${name} has the logit ${logit} in floats`);
        ok(
          (await log()).every(({ path }) => !path.includes(".onnx")),
          "a graph was asked for",
        );

        const int8 = await logitOf(await load(name, { baseUrl }));
        ok(int8 !== logit && Math.abs(int8 - expected) < 0.3, `${name} has the logit ${int8} in int8`);
        const model = new URL(`../../${path}`, tiny);
        // A page cannot tell that the graph of this folder has no head.
        const options = name === "owner/modules" ? { graph: file } : {};
        const inFolder = await Reranker.load({ model, workers, ...options });
        equal((await inFolder.info()).weights, { file, bytes });
        equal(await logitOf(inFolder), int8);
      }
      const model = new URL("../../checkpoints/embedder-bert/", tiny);
      const embedder = await Embedder.load({ model, workers, keepFloats: true });
      equal((await embedder.info()).weights.file, "model.safetensors");
      const [[first]] = await embedder.embed(["river"]);
      await embedder.dispose();
      ok(Math.abs(first - 0.2272251) < 1e-4, `the first element is ${first}`);
    },

    async "loads a registered model from its repository with ONNX files"() {
      const { baseUrl, log } = await scripted();
      for (const name of ["cross-encoder/ms-marco-MiniLM-L-6-v2", "ms-marco-MiniLM-L6-v2"]) {
        equal(await logitOf(await load(name, { baseUrl })), await expected());
      }
      ok((await log())[0].path.includes("/Xenova/ms-marco-MiniLM-L-6-v2/"), "another repository");
    },

    async "loads the bundled models by their names"() {
      const named = await Reranker.load("minilm-l6-en", { workers });
      equal(await logitOf(named), await logitOf(await Reranker.load({ model, workers })));
      const embedder = await Embedder.load("all-minilm-l6-v2", { workers });
      equal(embedder.dimensions, 384);
      await embedder.dispose();
      await rejects("invalid-argument", "all-minilm-l6-v2", {}, /another class; load it with Embedder/);
      await rejects("invalid-argument", "minilm-l6-en", { revision: "v2" }, /leave .* revision/);
    },

    async "continues a broken download of a hub's file"() {
      const { baseUrl, log } = await scripted([{ path: "?signature", cut: 10_000 }]);
      equal(await logitOf(await load("owner/tiny", { baseUrl })), await expected());
      const ranges = (await log()).filter(({ isStore }) => isStore).map(({ range }) => range);
      equal(ranges.length, 2);
      ok(/^bytes=[1-9]/.test(ranges[1]), `asked for ${ranges[1]}`);
    },

    async "asks a hub again that is busy, or sends wrong bytes once"() {
      for (const fault of [
        { path: "/api/", status: 503 },
        { path: "/resolve/", status: 429, headers: { "retry-after": "0" } },
        { path: "?signature", wrong: true },
      ]) {
        const { baseUrl } = await scripted([fault]);
        equal(await logitOf(await load("owner/tiny", { baseUrl })), await expected());
      }
    },

    async "refuses a file that the hub does not list"() {
      const twice = (fault) => scripted([fault, fault]);
      const { baseUrl } = await twice({ path: "?signature", wrong: true });
      await rejects("integrity", "owner/tiny", { baseUrl }, /SHA-256/);
      const small = await twice({ path: "/config.json", wrong: true });
      await rejects("integrity", "owner/tiny", { baseUrl: small.baseUrl }, /SHA-1 /);
    },

    async "explains a hub's refusals"() {
      const refuses = async (path, status, reason, options, message) => {
        const { baseUrl } = await scripted([{ path, status, headers: { "x-error-code": reason } }]);
        await rejects("fetch-failed", "owner/tiny", { baseUrl, ...options }, message);
      };
      const secret = { token: "hf_secret" };
      await refuses("/api/", 401, "RepoNotFound", {}, /or it is private; .*give a token/);
      await refuses("/api/", 401, "Other", secret, /the token is not valid/);
      await refuses("/resolve/", 403, "GatedRepo", secret, /requires you to accept terms/);
      await refuses("/api/", 501, "Other", {}, /501/);
      const { baseUrl } = await scripted();
      await rejects("fetch-failed", "owner/missing", { baseUrl }, /404; there is no such model/);
      await rejects("fetch-failed", "owner/tiny", { baseUrl, revision: "v2" }, /revision/);
      await rejects(
        "unsupported-model",
        "owner/plain",
        { baseUrl },
        /neither an ONNX graph nor model\.safetensors; export it/,
      );
    },

    async "works from its copies if the hub is down and there is a storage"() {
      const { baseUrl, down } = await scripted();
      const options = { baseUrl, storage: "cache" };
      equal(await logitOf(await load("owner/tiny", options)), await expected());
      await down();
      if (!("caches" in globalThis)) {
        return rejects("fetch-failed", "owner/tiny", options, /could not be fetched/);
      }
      equal(await logitOf(await load("owner/tiny", options)), await expected());
    },

    async "refuses invalid names and options"() {
      for (const name of ["", "./model", "no-owner", "a/b/c", "owner/../x", "https://example.org/x"]) {
        await rejects("invalid-argument", name, {}, /load\(\{ model \}\)/);
      }
      await rejects("invalid-argument", "owner/tiny", { model: tiny }, /options.model/);
      await rejects("invalid-argument", "owner/tiny", { baseUrl: "hub" }, /baseUrl/);
      await rejects("invalid-argument", "owner/tiny", { revision: "../x" }, /revision/);
      await rejects("invalid-argument", "owner/tiny", { token: "hf_secret\n" }, /token/);
      equal((await rejection(() => Reranker.load("owner/tiny", null))).code, "invalid-argument");
    },

    async "stops loading by name when the signal aborts"() {
      const { baseUrl } = await scripted();
      const reason = new Error("enough");
      equal(
        await rejection(() => load("owner/tiny", { baseUrl, signal: AbortSignal.abort(reason) })),
        reason,
      );
    },
  };
}
