// The tests of Reranker.remote and Reranker.withFallback, against the service of service-stub.mjs.
//
// The context: { crossrank, model, stub, remote }, with the stub's origin and the files of
// tests/data/remote by their names.

import { equal, ok, rejection } from "./assertions.mjs";

export function remoteTests({ crossrank, model, stub, remote }) {
  const { Reranker, CrossrankError } = crossrank;
  const { cohere, failures } = remote;
  const apis = ["cohere", "jina", "voyage", "tei"].map((name) => remote[name]);
  const { query, documents, apiKey } = cohere;
  const quick = { ...failures.options };

  /** A service that answers with the steps, and the requests that it received so far. */
  async function service(...steps) {
    const init = { method: "POST", body: JSON.stringify(steps) };
    const url = `${stub}/${await (await fetch(`${stub}/script`, init)).text()}`;
    return { url, log: async () => (await fetch(url)).json() };
  }

  const remoteOf = ({ api, model }, url, more = {}) =>
    Reranker.remote({ url, api, apiKey, model: model ?? undefined, ...quick, ...more });

  /** A reranker that asks a service with Cohere's API, and the service. */
  async function cohereWith(steps, more) {
    const { url, log } = await service(...steps);
    return { reranker: remoteOf(cohere, url, more), log };
  }

  async function rejects(code, call, says = "") {
    const error = await rejection(call);
    ok(error instanceof CrossrankError, `${error} is no CrossrankError`);
    equal(error.code, code, error.message);
    ok(error.message.includes(says), `"${error.message}" does not say "${says}"`);
    ok(!`${error.stack}${error.message}`.includes(apiKey), `the key is in "${error.message}"`);
    return error;
  }

  const good = { body: cohere.answer };
  const busy = { status: 429, headers: { "retry-after": "30" }, body: {} };
  const numbered = (count) => Array.from({ length: count }, (_, i) => String((i * 17) % count));

  return {
    ...Object.fromEntries(
      apis.map((api) => [
        `remote, ${api.api}: asks as documented and ranks the answer`,
        async () => {
          const { url, log } = await service({ body: api.answer });
          const objects = documents.map((text) => ({ text }));
          const ranking = await remoteOf(api, url).rerank(query, objects, 3);
          equal(ranking.queryTruncated, false);
          places(ranking.results, api.results.slice(0, 3));
          ok(
            ranking.results.every((r) => r.document === objects[r.index]),
            "not the same objects",
          );
          const [request, ...more] = await log();
          equal(more, []);
          equal([request.path, request.type], [api.path, "application/json"]);
          equal(request.authorization, `Bearer ${apiKey}`);
          equal(request.body, api.request);
        },
      ]),
    ),

    ...Object.fromEntries(
      apis.map((api) => [
        `remote, ${api.api}: refusals say what to do, and are not repeated`,
        async () => {
          for (const { status, body, code, says } of api.refusals) {
            const { url, log } = await service({ status, body });
            await rejects(code, () => remoteOf(api, url).rerank(query, documents), says);
            equal((await log()).length, 1);
          }
        },
      ]),
    ),

    ...Object.fromEntries(
      apis.map((api) => [
        `remote, ${api.api}: refuses wrong answers`,
        async () => {
          for (const { name, body, code, says } of api.badAnswers) {
            const { url } = await service({ body });
            const error = await rejects(code, () => remoteOf(api, url).rerank(query, documents));
            ok(error.message.includes(says), `${name}: "${error.message}"`);
          }
        },
      ]),
    ),

    ...Object.fromEntries(
      failures.scenarios.map((scenario) => [
        `remote: ${scenario.name}`,
        async () => {
          const steps = scenario.steps.map((step) => (step.answer ? good : step));
          const { reranker, log } = await cohereWith(steps);
          const start = performance.now();
          const call = () => reranker.rerank(query, documents);
          if (scenario.code) await rejects(scenario.code, call, scenario.says);
          else places((await call()).results, cohere.results);
          const took = performance.now() - start;
          equal((await log()).length, scenario.requests, "requests");
          ok(took >= (scenario.atLeastMs ?? 0) - 5, `took ${took} ms only`);
          ok(took <= (scenario.atMostMs ?? Infinity), `took ${took} ms`);
        },
      ]),
    ),

    async "remote: an answer has a largest size"() {
      const limit = 64 * 2 ** 20;
      const answer = new TextEncoder().encode(JSON.stringify(cohere.answer));
      for (const bytes of [limit - 1, limit, limit + 1]) {
        let spaces = bytes - answer.length;
        const pull = (stream) => {
          const part = spaces > 0 ? new Uint8Array(Math.min(spaces, 2 ** 20)).fill(32) : answer;
          spaces -= part.length;
          stream.enqueue(part);
          if (part === answer) stream.close();
        };
        const fetch = async () => new Response(new ReadableStream({ pull }));
        const reranker = remoteOf(cohere, stub, { fetch, timeout: 600_000 });
        const call = () => reranker.rerank(query, documents);
        if (bytes > limit) await rejects("remote-invalid-answer", call, `the limit of ${limit} bytes`);
        else places((await call()).results, cohere.results);
      }
    },

    async "remote: the delay doubles each time, up to 8 s, and half of it is random"() {
      const { setTimeout } = globalThis;
      const { random } = Math;
      const fetch = () => Promise.reject(new TypeError("no network"));
      const check = async (chance, expected) => {
        const seen = [];
        // The platform sets timers of its own, which are left alone.
        globalThis.setTimeout = (call, ms, ...more) => {
          const ours = expected.includes(ms);
          if (ours) seen.push(ms);
          return setTimeout(call, ours ? 0 : ms, ...more);
        };
        Math.random = () => chance;
        const reranker = remoteOf(cohere, stub, { fetch, retries: 6, retryDelay: 500 });
        await rejects("remote-unavailable", () => reranker.rerank(query, documents));
        equal(seen, expected);
      };
      try {
        await check(0, [250, 500, 1000, 2000, 4000, 4000]);
        await check(1, [500, 1000, 2000, 4000, 8000, 8000]);
      } finally {
        Object.assign(globalThis, { setTimeout });
        Math.random = random;
      }
    },

    async "remote: an aborted call settles at once, with the reason"() {
      const reason = new Error("enough");
      // During a request, before a retry, and with a fetch that ignores signals.
      const deaf = () => new Promise(() => {});
      for (const [step, more] of [[{ hang: true }], [busy], [good, { fetch: deaf }]]) {
        const { reranker, log } = await cohereWith([step], { timeout: 60_000, ...more });
        const stop = new AbortController();
        const call = rejection(() => reranker.rerank(query, documents, 3, { signal: stop.signal }));
        let settled = false;
        call.then(() => (settled = true));
        await new Promise((resolve) => setTimeout(resolve, 200));
        equal(settled, false);
        stop.abort(reason);
        // Nothing but the abort can settle the call within these turns of the event loop.
        for (let turn = 0; turn < 20 && !settled; turn++) await new Promise((resolve) => setTimeout(resolve));
        ok(settled, "not at once");
        equal(await call, reason);
        await new Promise((resolve) => setTimeout(resolve, 100));
        const requests = await log();
        equal(requests.length, more ? 0 : 1);
        if (step.hang) equal(requests[0].gone, true, "the request was dropped");
      }
      const { reranker, log } = await cohereWith([good]);
      const signal = AbortSignal.abort(reason);
      equal(await rejection(() => reranker.rerank(query, documents, 3, { signal })), reason);
      equal(await log(), []);
    },

    async "remote: reranks a batch and scores pairs in the order given"() {
      const { url, log } = await service({ numbers: "tei" });
      const reranker = remoteOf(remote.tei, url);
      const batch = await reranker.rerankBatch(
        ["a", "b"],
        [
          ["1", "3", "2"],
          ["0", "5"],
        ],
        2,
      );
      equal(
        batch.map((r) => r.results.map((p) => p.document)),
        [
          ["3", "2"],
          ["5", "0"],
        ],
      );
      equal((await log()).length, 2);
      const pairs = [
        ["a", "1"],
        ["b", "2"],
        ["a", "3"],
      ];
      const scores = await reranker.score(pairs);
      equal(
        scores.map((s) => s.logit),
        [1, 2, 3],
      );
      equal(Object.keys(scores[0]).sort(), ["logit", "queryTruncated", "score", "tokens", "truncated"]);
      equal((await log()).length, 4, "pairs of one query are asked for together");
    },

    async "remote: sends no request for empty lists"() {
      const { reranker, log } = await cohereWith([good]);
      equal((await reranker.rerank(query, [])).results, []);
      equal(await reranker.rerankBatch([], []), []);
      equal(await reranker.score([]), []);
      equal(await log(), []);
    },

    async "remote: splits lists over the API's limit, without changing a score"() {
      for (const [api, count, more, sizes] of [
        [remote.tei, 70, {}, [6, 32, 32]],
        [remote.tei, 7, { maxDocuments: 3 }, [1, 3, 3]],
        [remote.jina, 1001, { rawScores: true }, [1, 1000]],
        [remote.voyage, 1000, { rawScores: true }, [1000]],
      ]) {
        const { url, log } = await service({ numbers: api.api });
        const { results } = await remoteOf(api, url, more).rerank(query, numbered(count));
        equal(
          results.map((r) => Number(r.document)),
          results.map((_, i) => count - 1 - i),
        );
        const asked = (await log()).map(({ body }) => (body.texts ?? body.documents).length);
        equal(
          asked.sort((a, b) => a - b),
          sizes,
        );
      }
    },

    async "remote: the first part that fails stops the others"() {
      const { url, log } = await service({ status: 401, body: {} }, { numbers: "tei" });
      const reranker = remoteOf(remote.tei, url, { maxDocuments: 1 });
      await rejects("remote-refused", () => reranker.rerank(query, numbered(200)));
      await new Promise((resolve) => setTimeout(resolve, 500));
      ok((await log()).length < 100, "lists were requested after a failure");
    },

    async "remote: takes plain output as logits if told so"() {
      const { url } = await service({ numbers: "cohere" });
      const { results } = await remoteOf(cohere, url, { rawScores: true }).rerank("q", ["-2", "3"]);
      places(results, [
        { index: 1, score: 1 / (1 + Math.exp(-3)), logit: 3 },
        { index: 0, score: 1 / (1 + Math.exp(2)), logit: -2 },
      ]);
    },

    async "remote: scores of 0 and 1 have infinite log odds and are ranked"() {
      const { url } = await service({ numbers: "cohere" });
      const { results } = await remoteOf(cohere, url).rerank("q", ["0", "0.5", "1"]);
      ok(results[0].index === 2 && results[0].logit === Infinity, "1 is first");
      ok(results[1].index === 1 && results[1].logit === 0, "0.5 is in the middle");
      ok(results[2].index === 0 && results[2].logit === -Infinity, "0 is last");
    },

    async "remote: appends the API's path, unless the address is that of a rerank route"() {
      const { url, log } = await service(good);
      for (const base of [url, `${url}/`, new URL(`${url}/proxy/`), `${url}/my/rerank?key=k`]) {
        await remoteOf(cohere, base).rerank(query, documents);
      }
      const paths = (await log()).map((request) => request.path);
      equal(paths, ["/v2/rerank", "/v2/rerank", "/proxy/v2/rerank", "/my/rerank?key=k"]);
      const other = await service({ status: 400, body: {} });
      const error = await rejection(() => remoteOf(cohere, `${other.url}?secret=1`).rerank(query, documents));
      ok(error.message.includes("/v2/rerank") && !error.message.includes("secret"), error.message);
    },

    async "remote: sends no authorization without a key"() {
      const { reranker, log } = await cohereWith([good], { apiKey: undefined });
      await reranker.rerank(query, documents);
      equal((await log())[0].authorization, undefined);
    },

    async "remote: refuses invalid options, without quoting the key"() {
      const fine = { url: stub, api: "cohere", model: "m", apiKey };
      for (const [change, says] of [
        [{ api: "coher" }, "cohere, jina, voyage, tei"],
        [{ api: "toString" }, "cohere, jina, voyage, tei"],
        [{ model: undefined }, "model is undefined"],
        [{ api: "tei", model: 7 }, "model is 7"],
        [{ apiKey: `${apiKey}\n` }, "apiKey"],
        [{ apiKey: 7 }, "apiKey"],
        [{ url: undefined }, "url"],
        [{ url: "" }, "url"],
        [{ url: "http://" }, "url"],
        [{ url: "file:///etc" }, "http:"],
        [{ url: `https://user:${apiKey}@example.com` }, "user name"],
        [{ maxDocuments: 0 }, "maxDocuments is 0"],
        [{ retries: -1 }, "retries is -1"],
        [{ retryDelay: NaN }, "retryDelay is NaN"],
        [{ timeout: 1.5 }, "timeout is 1.5"],
        [{ rawScores: "yes" }, "rawScores"],
        [{ fetch: "fetch" }, "fetch"],
        [{ key: apiKey }, "no option key; did you mean apiKey?"],
        [{ headers: {} }, "no option headers; the options are url"],
      ]) {
        await rejects("invalid-argument", () => Reranker.remote({ ...fine, ...change }), says);
      }
    },

    async "remote: refuses no options at all"() {
      for (const given of [undefined, null, "https://example.com"]) {
        await rejects("invalid-argument", () => Reranker.remote(given));
      }
    },

    async "remote: refuses the input that a local reranker refuses"() {
      const { reranker, log } = await cohereWith([good]);
      await rejects("invalid-argument", () => reranker.rerank(" ", documents), "query");
      await rejects("invalid-argument", () => reranker.rerank(query, documents, 0), "topK");
      await rejects("invalid-argument", () => reranker.rerank(query, [null]), "document 0");
      await rejects("invalid-argument", () => reranker.rerankBatch([query], []), "list");
      await rejects("invalid-text", () => reranker.rerank(query, ["\ud83d"]), "document 0");
      await rejects("unsupported", () => reranker.encode(query, "text"), "Reranker.load()");
      equal(await log(), []);
    },

    async "remote: refuses calls after dispose"() {
      const { reranker } = await cohereWith([good]);
      await reranker.dispose();
      await rejects("disposed", () => reranker.rerank(query, documents));
      await rejects("disposed", () => reranker.score([[query, "text"]]));
    },

    async "fallback: if the primary answers, the secondary is not asked"() {
      const { reranker } = await cohereWith([good]);
      const never = () => {
        throw new Error("the secondary was loaded");
      };
      const both = Reranker.withFallback(reranker, never);
      equal(await both.rerank(query, documents), await reranker.rerank(query, documents));
      ok(!("fallback" in (await both.rerank(query, documents))), "a fallback is named");
      await rejects("invalid-argument", () => both.rerank("", documents), "query");
    },

    async "fallback: from a service to a local model, and the ranking gives the reason"() {
      const { reranker, log } = await cohereWith([{ status: 500, body: {} }], { retries: 0 });
      let loads = 0;
      const local = await Reranker.load({ model });
      const both = Reranker.withFallback(reranker, () => {
        loads += 1;
        return local;
      });
      const { fallback, ...ranking } = await both.rerank(query, documents);
      equal(fallback.code, "remote-unavailable");
      equal(ranking, await local.rerank(query, documents));
      const [first] = await both.rerankBatch([query], [documents]);
      equal(first.fallback.code, "remote-unavailable");
      equal(await both.score([[query, "text"]]), await local.score([[query, "text"]]));
      equal(await both.encode(query, "text"), await local.encode(query, "text"));
      equal([loads, (await log()).length], [1, 3]);
      await both.dispose();
      await rejects("disposed", () => both.rerank(query, documents));
      await rejects("disposed", () => local.rerank(query, documents));
    },

    async "fallback: from a local model that fails to load to a service; the next call loads again"() {
      const { reranker } = await cohereWith([good]);
      let loads = 0;
      const load = () => {
        loads += 1;
        return loads < 3 ? Reranker.load({ model, wasm: new Uint8Array(8) }) : reranker;
      };
      const both = Reranker.withFallback(load, reranker);
      equal((await both.rerank(query, documents)).fallback.code, "runtime-failed");
      equal((await both.rerank(query, documents)).fallback.code, "runtime-failed");
      equal((await both.rerank(query, documents)).fallback, undefined);
      await both.dispose();
      await rejects("disposed", () => both.rerank(query, documents));
      equal(loads, 3);
    },

    async "fallback: if both fail, the error names both; an abort is not a failure"() {
      const down = await cohereWith([{ status: 500, body: { message: "down" } }], { retries: 0 });
      const shut = await cohereWith([{ status: 401, body: { message: "shut" } }]);
      const both = Reranker.withFallback(down.reranker, shut.reranker);
      const error = await rejects("remote-refused", () => both.rerank(query, documents), "shut");
      ok(error.message.includes("500: down"), error.message);
      const slow = await cohereWith([{ hang: true }]);
      const signal = AbortSignal.timeout(100);
      let loads = 0;
      const late = Reranker.withFallback(slow.reranker, () => {
        loads += 1;
        return shut.reranker;
      });
      equal((await rejection(() => late.rerank(query, documents, 1, { signal }))).name, "TimeoutError");
      await new Promise((resolve) => setTimeout(resolve, 100));
      equal(loads, 0, "loads of the secondary");
    },

    async "fallback: refuses anything but rerankers"() {
      const { reranker } = await cohereWith([good]);
      await rejects("invalid-argument", () => Reranker.withFallback(reranker, null), "given null");
      const both = Reranker.withFallback(() => 7, reranker);
      await rejects("invalid-argument", () => both.rerank(query, documents), "was given 7");
    },
  };
}

/** The rankings are equal. Numbers are compared to 12 digits, because platforms differ in `exp`. */
function places(results, expected) {
  equal(
    results.map((r) => r.index),
    expected.map((e) => e.index),
  );
  results.forEach((result, i) => {
    for (const name of ["score", "logit"]) {
      const error = Math.abs(result[name] - expected[i][name]);
      ok(error <= 1e-12 * Math.abs(expected[i][name]), `${name} ${i}: ${result[name]}`);
    }
    equal(result.truncated, false);
  });
}
