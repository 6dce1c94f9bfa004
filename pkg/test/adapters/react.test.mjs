// crossrank/react with React and react-dom: StrictMode, Suspense, transitions, and what ends a call.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import "./dom.mjs";
import { useRerank } from "crossrank/react";
import { act, createElement as h, StrictMode, Suspense, startTransition, use, useState } from "react";
import { createRoot } from "react-dom/client";
import { failure, PASSAGES, QUERY, reference, reranker } from "./model.mjs";

const articles = PASSAGES.map((body, id) => ({ id, body }));
const text = ({ body }) => body;

let root;
let container;
function mount(element) {
  container = document.createElement("div");
  root = createRoot(container, { onCaughtError() {} });
  return act(async () => root.render(element));
}
afterEach(() => act(async () => root.unmount()));

/** A reranker whose calls end when the test says so. */
function controlled() {
  const calls = [];
  const rerank = (query, documents, topK, options) => {
    let end;
    const answer = new Promise((resolve, reject) => {
      end = { resolve, reject };
      options.signal.addEventListener("abort", () => reject(options.signal.reason));
    });
    calls.push({ query, documents, topK, options, ...end });
    return answer;
  };
  return { calls, rerank };
}
const ranking = (...documents) => ({
  results: documents.map((document, index) => ({ index, score: 0.5, logit: 0, truncated: false, document })),
  queryTruncated: false,
  partial: false,
});

/** Shows the state of the hook, and remembers every one. */
function Results({ query, documents = articles, states = [], ...options }) {
  const state = useRerank(query, documents, { text, ...options });
  states.push(state);
  const { results, isPending, error } = state;
  return h(
    "p",
    null,
    `${isPending ? "…" : ""}${results.map(({ document }) => document.id)}${error?.message ?? ""}`,
  );
}
const shown = () => container.textContent;
const settle = (work) => act(async () => work?.());

test("it shows the documents in the order of rerank()", async () => {
  const states = [];
  await mount(h(Results, { query: QUERY, reranker, states }));
  // Ranking takes several tasks.
  for (let tries = 0; shown().startsWith("…"); tries++) {
    assert.ok(tries < 10_000);
    await settle(() => new Promise((resolve) => setTimeout(resolve, 2)));
  }
  const expected = await reference();
  assert.equal(shown(), expected.map(({ index }) => index).join());
  const { results, ranking, error, isPending } = states.at(-1);
  assert.deepEqual(
    results.map(({ index, score }) => ({ index, score })),
    expected,
  );
  for (const { index, document } of results) assert.equal(document, articles[index]);
  assert.equal(ranking.results, results);
  assert.deepEqual([error, isPending], [undefined, false]);
  assert.deepEqual([states[0].isPending, states[0].results, states[0].ranking], [true, [], undefined]);
});

test("StrictMode loads once, and ends the call of the first mount", async () => {
  const { calls, rerank } = controlled();
  let loads = 0;
  const load = async () => {
    loads++;
    return { rerank };
  };
  await mount(h(StrictMode, null, h(Results, { query: "a", reranker: load, topK: 2 })));
  assert.equal(loads, 1);
  const running = calls.filter(({ options }) => !options.signal.aborted);
  assert.equal(running.length, 1);
  assert.deepEqual([running[0].query, running[0].documents, running[0].topK], ["a", articles, 2]);
  await settle(() => running[0].resolve(ranking(articles[4], articles[2])));
  assert.equal(shown(), "4,2");
  assert.equal(loads, 1);
});

test("StrictMode: a reranker that is there is asked anew by the second mount", async () => {
  const { calls, rerank } = controlled();
  await mount(h(StrictMode, null, h(Results, { query: "a", reranker: { rerank } })));
  assert.deepEqual(
    calls.map(({ options }) => options.signal.aborted),
    [true, false],
  );
  await settle(() => calls[1].resolve(ranking(articles[1])));
  assert.equal(shown(), "1");
});

test("the latest query wins, and the results before stay until it is ranked", async () => {
  const states = [];
  const given = controlled();
  const render = (query) => settle(() => root.render(h(Results, { query, reranker: given, states })));
  await mount(h(Results, { query: "a", reranker: given, states }));
  await settle(() => given.calls[0].resolve(ranking(articles[1])));
  assert.equal(shown(), "1");
  await render("b");
  assert.equal(shown(), "…1");
  await render("c");
  assert.equal(shown(), "…1");
  assert.deepEqual(
    given.calls.map(({ options }) => options.signal.aborted),
    [false, true, false],
  );
  // An answer that comes although the call was ended does not count.
  await settle(() => given.calls[1].resolve(ranking(articles[5])));
  assert.equal(shown(), "…1");
  await settle(() => given.calls[2].resolve(ranking(articles[3])));
  assert.equal(shown(), "3");
  assert.ok(states.every(({ error }) => error === undefined));
});

test("removing the component ends the call", async () => {
  const given = controlled();
  const states = [];
  await mount(h(Results, { query: "a", reranker: given, states }));
  await act(async () => root.render(null));
  assert.equal(given.calls[0].options.signal.aborted, true);
  const count = states.length;
  await settle(() => given.calls[0].resolve(ranking(articles[1])));
  assert.equal(states.length, count);
});

test("removing the component while the model loads asks for nothing", async () => {
  const given = controlled();
  let loaded;
  const load = () => new Promise((resolve) => (loaded = resolve));
  await mount(h(Results, { query: "a", reranker: load }));
  await act(async () => root.render(null));
  await settle(() => loaded(given));
  assert.equal(given.calls.length, 0);
});

test("it ranks again only if the query, a document or an option changes", async () => {
  const given = controlled();
  const render = (props) =>
    settle(() => root.render(h(Results, { query: "a", reranker: given, topK: 2, ...props })));
  await mount(h(Results, { query: "a", reranker: given, topK: 2 }));
  await render({});
  await render({ documents: [...articles] });
  await render({ text: (document) => document.body, minScore: undefined });
  assert.equal(given.calls.length, 1);
  for (const [i, props] of [
    { documents: articles.slice(1) },
    { documents: articles.slice(1), topK: 3 },
    { documents: articles.slice(1), topK: 3, minScore: 0.2 },
    { query: "b" },
    { query: "b", reranker: { rerank: given.rerank } },
  ].entries()) {
    await render(props);
    assert.equal(given.calls.length, i + 2, JSON.stringify(props));
  }
  assert.equal(given.calls[3].options.minScore, 0.2);
  assert.equal(given.calls[3].topK, 3);
});

test("a blank query and an empty list need no model", async () => {
  const states = [];
  const reranker = () => assert.fail("loaded");
  await mount(h(Results, { query: " ", reranker, states }));
  await settle(() => root.render(h(Results, { query: "a", documents: [], reranker, states })));
  assert.equal(shown(), "");
  for (const { isPending, results, error } of states) {
    assert.deepEqual([isPending, results, error], [false, [], undefined]);
  }
  assert.deepEqual((await states[0].promise).results, []);
  // A query that is cleared clears the results.
  const given = controlled();
  await settle(() => root.render(h(Results, { query: "a", reranker: given })));
  await settle(() => given.calls[0].resolve(ranking(articles[1])));
  assert.equal(shown(), "1");
  await settle(() => root.render(h(Results, { query: "", reranker: given })));
  assert.equal(shown(), "");
});

test("an error is shown until the next ranking; onError reaches the reranker", async () => {
  const given = controlled();
  const props = { reranker: given, onError: "original-order" };
  await mount(h(Results, { query: "a", ...props }));
  assert.equal(given.calls[0].options.onError, "original-order");
  await settle(() => given.calls[0].reject(failure));
  assert.equal(shown(), failure.message);
  await settle(() => root.render(h(Results, { query: "b", ...props })));
  assert.equal(shown(), "…");
  await settle(() => given.calls[1].resolve(ranking(articles[2])));
  assert.equal(shown(), "2");
});

test("a model that could not be loaded is loaded again for the next query", async () => {
  const given = controlled();
  let loads = 0;
  const load = async () => {
    if (++loads === 1) throw failure;
    return given;
  };
  await mount(h(Results, { query: "a", reranker: load }));
  assert.equal(shown(), failure.message);
  await settle(() => root.render(h(Results, { query: "b", reranker: load })));
  assert.deepEqual([loads, given.calls.length], [2, 1]);
});

// --- Suspense ----------------------------------------------------------------------------------

function Page({ query, ...options }) {
  const { promise } = useRerank(query, articles, { text, ...options });
  return h(Suspense, { fallback: "waiting" }, h(List, { promise }));
}
function List({ promise }) {
  return use(promise)
    .results.map(({ document }) => document.id)
    .join();
}

for (const strict of [false, true]) {
  const wrap = (element) => (strict ? h(StrictMode, null, element) : element);
  const mode = strict ? " in StrictMode" : "";

  test(`Suspense waits for the ranking${mode}`, async () => {
    const given = controlled();
    await mount(wrap(h(Page, { query: "a", reranker: given })));
    assert.equal(shown(), "waiting");
    const running = given.calls.filter(({ options }) => !options.signal.aborted);
    assert.equal(running.length, 1);
    await settle(() => running[0].resolve(ranking(articles[3], articles[1])));
    assert.equal(shown(), "3,1");
  });

  test(`a transition keeps the ranking before until the next is there${mode}`, async () => {
    const given = controlled();
    let setQuery;
    let setOther;
    function App() {
      const [query, set] = useState("a");
      const [other, setOtherState] = useState(0);
      [setQuery, setOther] = [set, setOtherState];
      return h("div", null, `${other}:`, h(Page, { query, reranker: given }));
    }
    const running = () => given.calls.filter(({ options }) => !options.signal.aborted);
    await mount(wrap(h(App)));
    await settle(() => running()[0].resolve(ranking(articles[1])));
    assert.equal(shown(), "0:1");
    await settle(() => startTransition(() => setQuery("b")));
    assert.equal(shown(), "0:1");
    // Something else changes meanwhile.
    await settle(() => setOther(1));
    assert.equal(shown(), "1:1");
    // A newer query ends the one that was never shown.
    await settle(() => startTransition(() => setQuery("c")));
    assert.equal(given.calls.find(({ query }) => query === "b").options.signal.aborted, true);
    const [last] = running().slice(-1);
    assert.equal(last.query, "c");
    assert.equal(given.calls.filter(({ query }) => query === "c").length, 1);
    await settle(() => last.resolve(ranking(articles[4])));
    assert.equal(shown(), "1:4");
  });
}

test("Suspense: an error reaches the error boundary, and removing the page ends its calls", async () => {
  const given = controlled();
  await mount(h(Page, { query: "a", reranker: given }));
  await settle(() => startTransition(() => root.render(h(Page, { query: "b", reranker: given }))));
  await act(async () => root.render(null));
  assert.ok(given.calls.length >= 1);
  assert.ok(given.calls.every(({ options }) => options.signal.aborted));
  let caught;
  class Boundary extends (await import("react")).Component {
    state = {};
    static getDerivedStateFromError(error) {
      caught = error;
      return { error };
    }
    render() {
      return this.state.error ? "failed" : this.props.children;
    }
  }
  const broken = controlled();
  await settle(() => root.render(h(Boundary, null, h(Page, { query: "a", reranker: broken }))));
  await settle(() => broken.calls[0].reject(failure));
  assert.equal(shown(), "failed");
  assert.equal(caught, failure);
});
