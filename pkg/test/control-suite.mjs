// The options of calls, with every backend: aborts, time limits, errors that keep the order, early
// results, and the score cache.

import { equal, ok, rejection } from "./assertions.mjs";

const QUERY = "what is a vector database";
const ANSWER = "A vector database stores embeddings and finds the nearest ones to a query.";
/** Each word is one token. This many fill the model's input. */
const FULL = "database ".repeat(600);
const truncate = { longDocuments: "truncate" };
const WAIT = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Documents that are all different, so that they are in no cache. */
const passages = (count, from = 0) =>
  Array.from({ length: count }, (_, i) => `Passage ${from + i} about ${ANSWER.slice(i % 20)}`);
const indices = ({ results }) => results.map(({ index }) => index);
const scored = ({ results }) => results.filter(({ score }) => !Number.isNaN(score));

export function controlTests({ crossrank, model, workers, loadModel, startedWorkers }) {
  const { CrossrankError, Reranker } = crossrank;
  let reranker;

  /** The time that one document of 512 tokens takes here, in milliseconds. */
  async function timeOfFull() {
    const start = performance.now();
    await reranker.rerank(QUERY, [FULL], 1, { ...truncate, skipCache: true });
    return performance.now() - start;
  }

  return {
    async "reports its backend"() {
      reranker = await loadModel({ model });
      const info = await reranker.info();
      equal([info.backend, info.workers], workers === 0 ? ["in-thread", 0] : ["workers", workers]);
      ok(/^(simd128|relaxed(_maddubs|_dpbusd)?)$/.test(info.kernel), `kernel ${info.kernel}`);
      equal([info.maxLength, info.revision], [512, "3"]);
      equal(info.backendReason, `workers is ${workers}`);
      const byDefault = await Reranker.load({ model });
      ok(/^workers is .* by default here/.test((await byDefault.info()).backendReason), "no default");
      await byDefault.dispose();
      return info.kernel;
    },

    async "an abort in the middle of a long document settles long before the rest is scored"() {
      await timeOfFull();
      const whole = await timeOfFull();
      const reason = new Error("enough");
      const late = [];
      // The best of three, because other programs may use the processor.
      for (let round = 0; round < 3; round++) {
        const stop = new AbortController();
        const start = performance.now();
        setTimeout(() => stop.abort(reason), 20);
        const options = { ...truncate, skipCache: true, signal: stop.signal };
        equal(await rejection(() => reranker.rerank(QUERY, Array(20).fill(FULL), 1, options)), reason);
        late.push(performance.now() - start - 20);
      }
      ok(Math.min(...late) < 3 * whole, `${late} ms after the abort, and one document takes ${whole} ms`);
      return `${late.map((ms) => ms.toFixed(1))} ms after the abort`;
    },

    async "an abort ends the work"() {
      const whole = await timeOfFull();
      const stop = new AbortController();
      const options = { ...truncate, skipCache: true, signal: stop.signal };
      const call = reranker.rerank(QUERY, Array(200).fill(FULL), 1, options);
      setTimeout(() => stop.abort(), whole / 2);
      equal((await rejection(() => call)).name, "AbortError");
      const start = performance.now();
      await reranker.rerank(QUERY, passages(2), 1, { skipCache: true });
      const took = performance.now() - start;
      ok(took < 12 * whole, `the next call took ${took} ms, and a long document ${whole} ms`);
    },

    async "yields the thread"() {
      let turns = 0;
      let longest = 0;
      let last = performance.now();
      let running = true;
      const turn = () => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        turns++;
        if (running) setTimeout(turn, 0);
      };
      setTimeout(turn, 0);
      await reranker.rerank(QUERY, passages(60), 1, { skipCache: true });
      running = false;
      ok(turns >= 10, `${turns} turns of the event loop, ${longest} ms apart`);
      return `${turns} turns, at most ${longest.toFixed(1)} ms apart`;
    },

    async "the latest call replaces the previous one"() {
      const call = (query, latest) => reranker.rerank(query, passages(30), 1, { latest, skipCache: true });
      const calls = [call("v", true), call("ve", true), call("other", "other field"), call("vec", true)];
      const [first, second, other, last] = await Promise.allSettled(calls);
      for (const { reason } of [first, second]) equal(reason?.name, "AbortError");
      equal([other.status, last.status], ["fulfilled", "fulfilled"]);
      equal(last.value, await reranker.rerank("vec", passages(30), 1));
    },

    async "gives the scores so far when the time is up"() {
      const documents = passages(120);
      const none = await reranker.rerank(QUERY, documents, undefined, { timeoutMs: 0, skipCache: true });
      equal([none.partial, scored(none).length], [true, 0]);
      equal(indices(none), [...documents.keys()]);
      const start = performance.now();
      const all = await reranker.rerank(QUERY, documents, undefined, { skipCache: true });
      const whole = performance.now() - start;
      equal(all.partial, false);
      let some;
      for (let attempt = 0; attempt < 5 && !(some?.partial && scored(some).length > 0); attempt++) {
        const start = performance.now();
        some = await reranker.rerank(QUERY, documents, undefined, { timeoutMs: whole / 2, skipCache: true });
        const late = performance.now() - start - whole / 2;
        ok(late < whole / 2, `${late} ms late, and the whole list takes ${whole} ms`);
      }
      const known = scored(some);
      ok(some.partial && known.length > 0, `${known.length} of 120 in half the time`);
      equal(some.results.slice(0, known.length), known, "the scored come first");
      const rest = indices(some).slice(known.length);
      equal(
        rest,
        [...rest].sort((a, b) => a - b),
        "the others keep their order",
      );
      for (const { index, logit } of known) {
        equal(logit, all.results.find((result) => result.index === index).logit);
      }
      const least = { timeoutMs: 0, skipCache: true, minScore: 0 };
      equal((await reranker.rerank(QUERY, documents, undefined, least)).results, []);
      return `${known.length} of 120 in half the time`;
    },

    async "begins with few documents if the time is limited"() {
      const documents = passages(50);
      const options = { timeoutMs: 1e9, skipCache: true };
      for await (const ranking of reranker.rerankStream(QUERY, documents, undefined, options)) {
        const first = scored(ranking).length;
        // A batch of the core holds 512 tokens. These have 30 each, with the query.
        ok(first > 0 && first <= 4 * Math.max(workers, 1), `${first} documents at once`);
        break;
      }
      const { results } = await reranker.rerank(QUERY, documents, undefined, options);
      equal(results, (await reranker.rerank(QUERY, documents)).results);
    },

    async "leaving a stream does not wait for the next ranking"() {
      const rankings = reranker.rerankStream(QUERY, Array(20).fill(FULL), 1, {
        ...truncate,
        skipCache: true,
      });
      const order = [];
      const next = rankings.next().then(({ done }) => order.push(`next ${done}`));
      const left = rankings.return().then(({ done }) => order.push(`return ${done}`));
      const other = reranker.rerank(QUERY, [FULL], 1, { ...truncate, skipCache: true });
      await Promise.all([next, left, other.then(() => order.push("another call"))]);
      equal(order, ["next true", "return true", "another call"]);
      equal(await rankings.next(), { done: true });
      const unused = reranker.rerankStream(QUERY, [FULL]);
      equal(await unused.return(), { done: true });
    },

    async "gives early results, and the same ranking in the end"() {
      const documents = passages(80);
      let before = 0;
      let rankings = 0;
      let last;
      for await (const ranking of reranker.rerankStream(QUERY, documents, 80, { skipCache: true })) {
        ok(scored(ranking).length >= before, "scores were taken back");
        before = scored(ranking).length;
        rankings++;
        last = ranking;
      }
      ok(rankings > 2, `${rankings} rankings`);
      equal(last, await reranker.rerank(QUERY, documents, 80));
      const whole = await timeOfFull();
      for await (const ranking of reranker.rerankStream(QUERY, Array(60).fill(FULL), 1, {
        skipCache: true,
        ...truncate,
      })) {
        equal(ranking.partial, true);
        break;
      }
      const start = performance.now();
      await reranker.rerank(QUERY, passages(2), 1, { skipCache: true });
      const took = performance.now() - start;
      ok(took < 12 * whole, `leaving the loop left work of ${took} ms`);
      const bad = reranker.rerankStream("", documents);
      equal((await rejection(() => bad.next())).code, "invalid-argument");
    },

    async "keeps the first stage's order if a call fails, and gives the reason"() {
      const keep = { onError: "original-order", minScore: 0.9 };
      const cut = ["fine", "cut \ud83d", "also fine"];
      const ranking = await reranker.rerank(QUERY, cut, 2, keep);
      equal(indices(ranking), [0, 1]);
      equal([ranking.error.code, ranking.partial, scored(ranking).length], ["invalid-text", true, 0]);
      const [one] = await reranker.rerankBatch([""], [cut.slice(0, 1)], 2, keep);
      equal([one.error.code, indices(one)], ["invalid-argument", [0]]);
      const fail = () => Promise.reject(new CrossrankError("io", "no disk"));
      const broken = Reranker.withFallback(fail, fail);
      equal((await broken.rerank(QUERY, ["a", "b"], 1, keep)).error.code, "io");
      const reason = new Error("enough");
      const aborted = { ...keep, signal: AbortSignal.abort(reason) };
      equal(await rejection(() => reranker.rerank(QUERY, ["a"], 1, aborted)), reason);
      equal((await rejection(() => reranker.rerank(QUERY, ["a"], 0, keep))).code, "invalid-argument");
      equal((await rejection(() => reranker.rerank(QUERY, null, 1, keep))).code, "invalid-argument");
      equal((await reranker.rerank(QUERY, ["a"], 1, { onError: "original-order" })).error, undefined);
    },

    async "leaves out documents below the minimum score"() {
      const documents = [ANSWER, "Bananas are rich in potassium.", "SQL is a language."];
      const all = await reranker.rerank(QUERY, documents);
      const some = await reranker.rerank(QUERY, documents, 3, { minScore: all.results[1].score });
      equal(some.results, all.results.slice(0, 2));
    },

    async "refuses invalid options"() {
      const wrong = {
        timeoutMs: [-1, "soon", NaN],
        minScore: [NaN, "high"],
        latest: [7],
        onError: ["ignore"],
        longDocuments: ["cut"],
        maxWindows: [0, 1.5],
        skipCache: ["yes"],
      };
      for (const [name, values] of Object.entries(wrong)) {
        for (const value of values) {
          const error = await rejection(() => reranker.rerank(QUERY, ["a"], 1, { [name]: value }));
          equal([error.code, error.message.includes(name)], ["invalid-argument", true], `${name} ${value}`);
        }
      }
      const unknown = {
        topN: "topK",
        top_n: "topK",
        top_k: "topK",
        abortSignal: "signal",
        min_score: "minScore",
        timeout: "timeoutMs",
        batchSize: "the options are text, signal,",
      };
      for (const [name, advice] of Object.entries(unknown)) {
        const calls = [
          () => reranker.rerank(QUERY, ["a"], 1, { [name]: 3 }),
          () => reranker.rerankBatch([QUERY], [["a"]], 1, { [name]: 3 }),
          () => reranker.rerankStream(QUERY, ["a"], 1, { [name]: 3 }).next(),
        ];
        for (const call of calls) {
          const { code, message } = await rejection(call);
          const isRight = message.startsWith(`there is no option ${name}; `) && message.includes(advice);
          equal([code, isRight], ["invalid-argument", true], message);
        }
      }
      equal((await reranker.rerank(QUERY, ["a"], 1, { topN: undefined, signal: undefined })).partial, false);
      const pairs = () => reranker.score([[QUERY, "a"]], { minScore: 0.5 });
      equal((await rejection(pairs)).code, "invalid-argument");
      for (const options of [
        { abortSignal: new AbortController().signal },
        { scoreCache: { size: 5 } },
        { quantized: true },
        { revision: "main" },
      ]) {
        const { code, message } = await rejection(() => loadModel({ model, ...options }));
        equal([code, message.startsWith("there is no option")], ["invalid-argument", true], message);
      }
      const unnamed = await rejection(() => reranker.rerank(QUERY, ["a"], 1, "fast"));
      equal(unnamed.code, "invalid-argument");
      const caches = [5, [], { bytes: -1 }, { persistent: "yes" }].map((scoreCache) => ({ scoreCache }));
      for (const options of [{ workers: -1 }, { workers: 1e9 }, { workers: "many" }, ...caches]) {
        const error = await rejection(() => loadModel({ model, ...options }));
        equal(error.code, "invalid-argument", JSON.stringify(options));
      }
    },

    async "finds the answer in a long document and gives its span"() {
      // Characters of one to four bytes, and of one and two units.
      const hay = "The café by the river – 日本 – was old 😀 and cold. ".repeat(60);
      const text = `${hay}${ANSWER} ${hay}`;
      const { results } = await reranker.rerank(QUERY, [hay + hay, text], 2);
      equal(results[0].index, 1);
      const { start, end } = results[0].span;
      ok(text.slice(start, end).includes(ANSWER), `${start}..${end} is ${text.slice(start, end)}`);
      ok(end - start < text.length / 3, `${end - start} of ${text.length} characters`);
      equal(results[0].truncated, false);
      const [pair] = await reranker.score([[QUERY, text]]);
      equal(pair.logit, results[0].logit);
      equal(pair.span, results[0].span);
      const many = { maxWindows: Number.MAX_SAFE_INTEGER, skipCache: true };
      equal((await reranker.rerank(QUERY, [text], 1, many)).results[0].logit, results[0].logit);
      const cut = await reranker.rerank(QUERY, [text], 1, { maxWindows: 1 });
      equal(cut.results[0].truncated, true);
      ok(cut.results[0].logit < results[0].logit, "the answer is not in the first window");
    },

    async "computes a score once"() {
      const documents = passages(10, 1000);
      const counts = async () => {
        const { hits, misses } = (await reranker.info()).cache;
        return [hits, misses];
      };
      const [hits, misses] = await counts();
      const first = await reranker.rerank(QUERY, documents);
      equal(await counts(), [hits, misses + 10]);
      equal(await reranker.rerank(QUERY, documents), first);
      equal(await counts(), [hits + 10, misses + 10]);
      await reranker.rerank(QUERY, [...documents, "one more"]);
      equal(await counts(), [hits + 20, misses + 11]);
      await reranker.rerank(QUERY, documents, 1, { skipCache: true });
      await reranker.rerank(QUERY, documents, 1, truncate);
      equal(await counts(), [hits + 20, misses + 21], "another way to score is another score");
      // A list that is looked for in several parts.
      const many = Array.from({ length: 3000 }, (_, i) => documents[i % 10]);
      many[2900] = "in a later part";
      const scores = await reranker.score(many.map((document) => [QUERY, document]));
      equal(await counts(), [hits + 20 + 2999, misses + 22]);
      const logitOf = new Map(first.results.map(({ document, logit }) => [document, logit]));
      const wrong = scores.findIndex(({ logit }, i) => i !== 2900 && logit !== logitOf.get(many[i]));
      equal(wrong, -1);
      equal(scores[2900].logit, (await reranker.score([[QUERY, many[2900]]]))[0].logit);
      const without = await loadModel({ model, scoreCache: false });
      equal(await without.rerank(QUERY, documents), first);
      equal((await without.info()).cache.entries, 0);
      await without.dispose();
    },

    async "keeps scores for the next visit if asked to"() {
      const options = { model, scoreCache: { persistent: true } };
      const documents = passages(5, 2000);
      const one = await loadModel(options);
      const first = await one.rerank(QUERY, documents);
      await one.dispose();
      const two = await loadModel(options);
      equal(await two.rerank(QUERY, documents), first);
      const { hits } = (await two.info()).cache;
      equal(hits, "caches" in globalThis ? 5 : 0);
      await two.dispose();
    },

    async "answers each of many concurrent calls"() {
      const lists = Array.from({ length: 40 }, (_, i) => passages(1 + (i % 5), i));
      const stop = new AbortController();
      const calls = lists.map((list, i) => {
        if (i % 10 === 3) return reranker.rerank("", list);
        const signal = i % 10 === 7 ? { signal: stop.signal } : {};
        return reranker.rerank(`${QUERY} ${i % 3}`, list, 9, signal);
      });
      stop.abort();
      const settled = await Promise.allSettled(calls);
      for (const [i, { status, value, reason }] of settled.entries()) {
        if (i % 10 === 3) equal(reason.code, "invalid-argument");
        else if (i % 10 === 7) equal(reason.name, "AbortError");
        else equal([status, value], ["fulfilled", await reranker.rerank(`${QUERY} ${i % 3}`, lists[i], 9)]);
      }
    },

    async "names the document that fails, however the list was distributed"() {
      const large = "a ".repeat(600_000);
      const list = [...passages(30, 5000), large];
      const error = await rejection(() => reranker.rerank(QUERY, list));
      equal([error.code, error.message.startsWith("document 30:")], ["input-too-large", true], error.message);
      const batch = await rejection(() => reranker.rerankBatch([QUERY, QUERY], [["a"], ["b", large]]));
      ok(batch.message.startsWith("candidates 1, document 1:"), batch.message);
      const pairs = await rejection(() =>
        reranker.score([
          [QUERY, "a"],
          ["b", "b"],
          ["b", large],
        ]),
      );
      ok(pairs.message.startsWith("pair 2, document:"), pairs.message);
    },

    async "dispose ends calls that are under way"() {
      const other = await loadModel({ model });
      const call = rejection(() => other.rerank(QUERY, passages(200), 1));
      await WAIT(20);
      await other.dispose();
      equal((await call).code, "disposed");
    },

    ...(workers > 0 && {
      async "continues when a worker dies"() {
        const started = startedWorkers();
        const other = await loadModel({ model, scoreCache: false });
        const documents = passages(120);
        const expected = await reranker.rerank(QUERY, documents);
        const rankings = other.rerankStream(QUERY, documents);
        await rankings.next();
        // By now they have scored some documents, and hold more.
        for (const worker of started.splice(0)) worker.terminate();
        let last;
        for await (const ranking of rankings) last = ranking;
        equal(last, expected);
        await other.rerank(QUERY, passages(1));
        for (const worker of started.splice(0)) worker.terminate();
        await WAIT(50);
        equal(await other.rerank(QUERY, documents), expected);
        await other.dispose();
      },

      async "gives up when workers die again and again"() {
        const started = startedWorkers();
        const other = await loadModel({ model, scoreCache: false });
        // They need time to start: a worker that dies before its start is noticed late.
        const killing = setInterval(() => {
          for (const worker of started.splice(0)) worker.terminate();
        }, 400);
        const error = await rejection(() => other.rerank(QUERY, passages(2000)));
        clearInterval(killing);
        ok(["runtime-crashed", "runtime-failed"].includes(error.code), `${error.code}: ${error.message}`);
        equal((await other.rerank(QUERY, passages(3))).results.length, 3);
        await other.dispose();
      },

      async "fails with a clear error if its script is missing"() {
        const script = new URL("no-worker-here.js", model.files.prepared.url);
        const load = () => loadModel({ model, worker: script });
        equal((await rejection(load)).code, "runtime-failed");
        const { warn } = console;
        const warned = [];
        console.warn = (text) => warned.push(text);
        const auto = await Reranker.load({ model, workers: "auto", worker: script });
        console.warn = warn;
        const { backend, backendReason } = await auto.info();
        equal(backend, "in-thread");
        ok(/^workers is .*"auto".*, but the worker could not be started/.test(backendReason), backendReason);
        equal(warned, [`crossrank computes on this thread: ${backendReason}`]);
        await auto.dispose();
      },
    }),

    async "is disposed of"() {
      await reranker.dispose();
      equal((await rejection(() => reranker.info())).code, "disposed");
    },
  };
}
