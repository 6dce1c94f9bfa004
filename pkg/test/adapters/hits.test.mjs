// rerankHits: the caller's hits, getters, blends, and what ends a call.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CrossrankError, Reranker, rerank } from "crossrank";
import { rerankHits } from "crossrank/hits";
import { failing, failure, hanging, PASSAGES, QUERY, reference, reranker, spy } from "./model.mjs";

const hits = PASSAGES.map((body, i) => ({ id: `h${i}`, body, score: [5, 1, 4, 2, 3, 0][i] }));
const text = ({ body }) => body;
const idsOf = ({ results }) => results.map(({ hit }) => hit.id);
const isInvalid = (message) => (error) =>
  error instanceof CrossrankError && error.code === "invalid-argument" && message.test(error.message);
const turn = () => new Promise((resolve) => setTimeout(resolve));

test("the results are the caller's own hits with the scores of rerank()", async () => {
  const expected = await reference();
  const ranking = await rerankHits(reranker, QUERY, hits, { text });
  assert.equal(ranking.partial, false);
  assert.equal(ranking.queryTruncated, false);
  for (const [place, { hit, index, score, rerankScore, truncated }] of ranking.results.entries()) {
    assert.deepEqual({ index, score }, expected[place]);
    assert.equal(hit, hits[index]);
    assert.equal(rerankScore, score);
    assert.equal(truncated, false);
  }
  assert.equal(ranking.results.length, hits.length);
});

test("texts are those of strings and of fields, or are asked for all at once", async () => {
  const expected = (await reference()).map(({ index }) => index);
  const indices = ({ results }) => results.map(({ index }) => index);
  assert.deepEqual(indices(await rerankHits(reranker, QUERY, PASSAGES)), expected);
  const objects = PASSAGES.map((text) => ({ text }));
  assert.deepEqual(indices(await rerankHits({ rerank }, QUERY, objects)), expected);
  let asked = 0;
  let answer;
  const all = new Promise((resolve) => (answer = resolve));
  const fetchText = async ({ body }, index) => {
    assert.equal(body, PASSAGES[index]);
    // The first text arrives after the last one is asked for.
    if (++asked === hits.length) answer();
    await all;
    return body;
  };
  assert.deepEqual(indices(await rerankHits(reranker, QUERY, hits, { text: fetchText })), expected);
});

test("a list that changes during the call stays as it was", async () => {
  const list = [...hits];
  const call = rerankHits(reranker, QUERY, list, { text });
  list.length = 0;
  assert.deepEqual(idsOf(await call), idsOf(await rerankHits(reranker, QUERY, hits, { text })));
});

test("blend weighs the first stage's scores, scaled to the list", async () => {
  const scores = new Map((await reference()).map(({ index, score }) => [index, score]));
  for (const blend of [0, 0.25, 0.5, 1]) {
    const blended = hits
      .map((hit, index) => ({ id: hit.id, score: (1 - blend) * scores.get(index) + (blend * hit.score) / 5 }))
      .sort((a, b) => b.score - a.score);
    const ranking = await rerankHits(reranker, QUERY, hits, { text, blend });
    assert.deepEqual(
      idsOf(ranking),
      blended.map(({ id }) => id),
      `blend ${blend}`,
    );
    for (const [place, { index, score, rerankScore }] of ranking.results.entries()) {
      assert.ok(Math.abs(score - blended[place].score) < 1e-12);
      assert.equal(rerankScore, scores.get(index));
    }
    const top = await rerankHits(reranker, QUERY, hits, { text, blend, topK: 2 });
    assert.deepEqual(top.results, ranking.results.slice(0, 2));
  }
  const orders = await Promise.all(
    [0, 0.5, 1].map(async (blend) => idsOf(await rerankHits(reranker, QUERY, hits, { text, blend })).join()),
  );
  assert.equal(new Set(orders).size, 3);
});

test("a blend of equal scores keeps the reranker's order, and scores may come from a getter", async () => {
  const expected = (await reference()).map(({ index }) => hits[index].id);
  const equal = await rerankHits(reranker, QUERY, hits, { text, blend: 0.5, score: () => 7 });
  assert.deepEqual(idsOf(equal), expected);
  for (const { score, rerankScore } of equal.results) assert.equal(score, 0.5 * rerankScore + 0.5);
  const score = (hit, index) => {
    assert.equal(hit, hits[index]);
    return -index;
  };
  const { results } = await rerankHits(reranker, QUERY, hits, { text, blend: 1, score });
  assert.deepEqual(
    results.map(({ index, score }) => [index, score]),
    hits.map((_, i) => [i, (5 - i) / 5]),
  );
});

test("topK may exceed the list, and reaches the reranker unless there is a blend", async () => {
  const { calls, rerank } = spy();
  assert.equal((await rerankHits({ rerank }, QUERY, hits, { text, topK: 99 })).results.length, hits.length);
  assert.equal((await rerankHits({ rerank }, QUERY, hits, { text, topK: 2 })).results.length, 2);
  await rerankHits({ rerank }, QUERY, hits, { text, topK: 2, blend: 0.1 });
  assert.deepEqual(
    calls.map(([, , topK]) => topK),
    [99, 2, undefined],
  );
});

test("an empty list has no results", async () => {
  const ranking = await rerankHits(reranker, QUERY, [], { text, blend: 0.5, topK: 3 });
  assert.deepEqual(ranking, { results: [], queryTruncated: false, partial: false });
});

test("options of rerank() reach it", async () => {
  const { calls, rerank } = spy();
  const options = { minScore: 0.1, skipCache: true, longDocuments: "truncate", maxWindows: 2 };
  const { results } = await rerankHits({ rerank }, QUERY, hits, { text, ...options });
  const { signal, text: _, ...given } = calls[0][3];
  assert.deepEqual(given, options);
  assert.deepEqual(
    results.map(({ index }) => index),
    (await reference()).filter(({ score }) => score >= 0.1).map(({ index }) => index),
  );
});

test("wrong arguments reject with the package's own error", async () => {
  for (const [call, message] of [
    [() => rerankHits(undefined, QUERY, hits), /the reranker is undefined; give a Reranker/],
    [() => rerankHits(reranker, QUERY, "hits"), /hits is the string "hits"; give an array/],
    [() => rerankHits(reranker, " ", hits, { text }), /the query is empty/],
    [() => rerankHits(reranker, QUERY, hits), /the text of document 0 is undefined; give a string/],
    [() => rerankHits(reranker, QUERY, [null]), /the text of document 0 is undefined/],
    [() => rerankHits(reranker, QUERY, hits, null), /options is null; give an object/],
    [() => rerankHits(reranker, QUERY, hits, { score: "score" }), /options.score is the string "score"/],
    [() => rerankHits(reranker, QUERY, hits, { text: "body" }), /options.text is the string "body"/],
    [() => rerankHits(reranker, QUERY, hits, { text, blend: 2 }), /blend is 2; give a number from 0 to 1/],
    [() => rerankHits(reranker, QUERY, hits, { text, blend: NaN }), /blend is NaN/],
    [() => rerankHits(reranker, QUERY, hits, { text, timeoutMs: -1 }), /options.timeoutMs is -1/],
    [() => rerankHits(reranker, QUERY, hits, { text, latest: 7 }), /options.latest is 7/],
    [() => rerankHits(reranker, QUERY, hits, { text, signal: 7 }), /options.signal is 7/],
    [
      () => rerankHits(reranker, QUERY, [{ text: "a", score: "5" }], { blend: 0.5 }),
      /the score of hit 0 is the string "5"; blend needs a number/,
    ],
  ]) {
    await assert.rejects(call(), isInvalid(message), String(message));
  }
  for (const topK of [0, -1, 1.5, "3", null]) {
    for (const blend of [0, 0.5]) {
      const options = { text: () => Promise.reject(failure), topK, blend, onError: "original-order" };
      await assert.rejects(rerankHits(reranker, QUERY, hits, options), isInvalid(/topK is/));
    }
  }
});

test("an abort ends a call at once, in whatever stage", async () => {
  const reason = new Error("enough");
  const given = { text, onError: "original-order" };
  await assert.rejects(
    rerankHits(reranker, QUERY, hits, { ...given, signal: AbortSignal.abort(reason) }),
    reason,
  );
  const { calls, rerank } = hanging();
  for (const fetchText of [() => new Promise(() => {}), text]) {
    const stop = new AbortController();
    const call = rerankHits({ rerank }, QUERY, hits, { ...given, text: fetchText, signal: stop.signal });
    await turn();
    stop.abort(reason);
    await assert.rejects(call, reason);
  }
  assert.equal(calls.length, 1);
  assert.equal(calls[0][3].signal.aborted, true);
});

test("latest ends the earlier call, also one that waits for texts", async () => {
  let answer;
  const slow = new Promise((resolve) => (answer = resolve));
  const watched = spy();
  const calls = [
    rerankHits(watched, "first", hits, { text: () => slow, latest: true }),
    rerankHits(watched, "other", hits, { text, latest: "another field" }),
    rerankHits(watched, QUERY, hits, { text, latest: true }),
  ];
  const [first, other, second] = await Promise.allSettled(calls);
  assert.equal(first.reason.name, "AbortError");
  assert.equal(other.status, "fulfilled");
  assert.equal(second.status, "fulfilled");
  answer("late");
  await turn();
  // The first call must not reach the reranker, where it would end the second one.
  assert.deepEqual(watched.calls.map(([query]) => query).sort(), ["other", QUERY]);
});

test("the time for texts counts", async () => {
  const never = () => new Promise(() => {});
  const late = await rerankHits(reranker, QUERY, hits, { text: never, timeoutMs: 5, topK: 2 });
  assert.equal(late.partial, true);
  assert.equal(late.error, undefined);
  assert.deepEqual(
    late.results.map(({ hit, score }) => [hit, score]),
    [
      [hits[0], NaN],
      [hits[1], NaN],
    ],
  );
  const none = await rerankHits(reranker, QUERY, hits, { text: never, timeoutMs: 5, minScore: 0.1 });
  assert.deepEqual([none.results, none.partial], [[], true]);
  const { calls, rerank } = spy();
  const slowly = async (hit) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return hit.body;
  };
  await rerankHits({ rerank }, QUERY, hits, { text: slowly, timeoutMs: 60_000 });
  assert.ok(calls[0][3].timeoutMs <= 60_000 - 25, `${calls[0][3].timeoutMs}`);
});

test("a failure rejects, or keeps the order given", async () => {
  const fail = () => Promise.reject(failure);
  const cases = [
    [reranker, { text: fail }],
    [failing(), { text }],
    [
      reranker,
      {
        text: () => {
          throw failure;
        },
      },
    ],
  ];
  for (const [given, options] of cases) {
    await assert.rejects(rerankHits(given, QUERY, hits, options), failure);
  }
  for (const [options, reason] of [
    [{ text: fail }, failure],
    [{ text: () => 7 }, /give a string/],
  ]) {
    const ranking = await rerankHits(reranker, QUERY, hits, {
      ...options,
      topK: 3,
      blend: 0.5,
      onError: "original-order",
    });
    assert.deepEqual(idsOf(ranking), ["h0", "h1", "h2"]);
    assert.ok(ranking.results.every(({ score, rerankScore }) => Number.isNaN(score + rerankScore)));
    assert.equal(ranking.partial, true);
    if (reason instanceof Error) assert.equal(ranking.error, reason);
    else assert.match(ranking.error.message, reason);
  }
});

test("with a blend, hits without a score stay behind the others", async () => {
  const partial = spy(async (query, documents, topK, options) => {
    const ranking = await reranker.rerank(query, documents, topK, options);
    const results = ranking.results.map((result) => (result.index < 3 ? { ...result, score: NaN } : result));
    results.sort(
      (a, b) => Number(Number.isNaN(a.score)) - Number(Number.isNaN(b.score)) || a.index - b.index,
    );
    return { ...ranking, results, partial: true };
  });
  const { results } = await rerankHits(partial, QUERY, hits, { text, blend: 0.9 });
  assert.deepEqual(results.map(({ index }) => index).slice(3), [0, 1, 2]);
  assert.ok(results.slice(0, 3).every(({ score }) => score >= 0));
});

test("a remote reranker takes hits too", async () => {
  const fetch = async (_url, { body }) => {
    const { documents } = JSON.parse(body);
    const results = documents.map((text, index) => ({
      index,
      relevance_score: text === PASSAGES[3] ? 0.9 : 0.1,
    }));
    return { ok: true, status: 200, headers: new Map(), text: async () => JSON.stringify({ results }) };
  };
  const remote = Reranker.remote({ url: "https://api.example.com", api: "cohere", model: "m", fetch });
  const { results } = await rerankHits(remote, QUERY, hits, { text, topK: 1 });
  assert.deepEqual(
    results.map(({ hit, score }) => [hit, score]),
    [[hits[3], 0.9]],
  );
});
