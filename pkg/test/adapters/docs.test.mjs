// Runs every example of docs/guides/adapters.md. A new example needs a check, and a check needs an example.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import "./dom.mjs";
import { act, createElement as h } from "react";
import { createRoot } from "react-dom/client";
import { get, writable } from "svelte/store";
import { effectScope, ref } from "vue";
import { writeExamples } from "./examples.mjs";

/** What the names that an example declares must be. The examples of a section are numbered. */
const CHECKS = {
  "Any list of hits 1": async ({ results }) => {
    assert.deepEqual(await idsOf(results), (await reference(titleAndText)).slice(0, 3));
    for (const { hit } of results) assert.ok(prelude.articles.includes(hit));
  },
  "Any list of hits 2": async ({ results }) => {
    const ranked = new Map(
      (await prelude.reranker.rerank(prelude.query, prelude.articles)).results.map((r) => [r.index, r.score]),
    );
    for (const { index, score, rerankScore } of results) {
      assert.equal(rerankScore, ranked.get(index));
      assert.ok(Math.abs(score - (0.7 * rerankScore + 0.3 * (1 - index / 4))) < 1e-9);
    }
    assert.equal(results.length, 5);
  },
  "AI SDK 1": async ({ ranking }) => {
    assert.deepEqual(
      ranking.map(({ originalIndex }) => `${originalIndex + 1}`),
      (await reference()).slice(0, 3),
    );
  },
  "AI SDK 2": async ({ rerankedDocuments }) => {
    assert.deepEqual(
      rerankedDocuments.map(({ id }) => id),
      await reference(titleAndText),
    );
  },
  "AI SDK 3": ({ embeddings, embedding, registry }) => {
    const cosines = embeddings.map((vector) => vector.reduce((sum, x, i) => sum + x * embedding[i], 0));
    assert.equal(cosines.indexOf(Math.max(...cosines)), 2);
    assert.equal(registry.rerankingModel("crossrank:local").provider, "crossrank");
  },
  "LangChain 1": async ({ compressed, vectors }) => {
    assert.deepEqual(
      compressed.map(({ metadata }) => metadata.id),
      (await reference()).slice(0, 3),
    );
    assert.ok(compressed[0].metadata.relevanceScore > compressed[1].metadata.relevanceScore);
    assert.deepEqual([vectors.length, vectors[0].length], [5, 384]);
  },
  "LlamaIndex 1": async ({ best, vector }) => {
    assert.deepEqual(
      best.map(({ node }) => node.id_),
      (await reference()).slice(0, 3),
    );
    assert.equal(vector.length, 384);
  },
  "Orama 1": ({ hits }) =>
    assertSubset(
      hits.map(({ document }) => document.id),
      titleAndText,
      3,
    ),
  "Orama 2": ({ hits }) =>
    assertSubset(
      hits.map(({ document }) => document.id),
      undefined,
      3,
    ),
  "MiniSearch 1": async ({ results }) => {
    assert.equal((await idsOf(results))[0], "3");
    assert.ok(results.every(({ hit }) => typeof hit.title === "string"));
  },
  "FlexSearch 1": async ({ results }) => assertSubset(await idsOf(results), titleAndText, 3),
  "Fuse 1": async ({ results }) => assert.equal((await idsOf(results))[0], "3"),
  "LanceDB 1": async ({ best }) =>
    assert.deepEqual(
      best.map(({ id }) => id),
      (await reference()).slice(0, 3),
    ),
  "React 1": async ({ Results }) => {
    assert.deepEqual(await shownBy(Results, "LI"), (await reference()).slice(0, 3).map(titleOf));
  },
  "React 2": async ({ Results }) => {
    assert.deepEqual(await shownBy(Results, "LI"), (await reference()).slice(0, 3).map(titleOf));
  },
  "Vue 1": async ({ useRerank }) => {
    const query = ref("");
    const scope = effectScope();
    const state = scope.run(() => useRerank(query, prelude.articles, 3));
    assert.deepEqual([state.results.value, state.isPending.value], [[], false]);
    query.value = "bananas";
    await settled(() => state.isPending.value);
    query.value = prelude.query;
    await settled(() => state.isPending.value);
    assert.equal(state.isPending.value, true);
    await settled(() => !state.isPending.value);
    assert.deepEqual(
      state.results.value.map(({ document }) => document.id),
      (await reference()).slice(0, 3),
    );
    assert.equal(state.error.value, undefined);
    query.value = "half \ud800";
    await settled(() => state.error.value);
    assert.equal(state.error.value.code, "invalid-text");
    scope.stop();
  },
  "Svelte 1": async ({ reranked }) => {
    const query = writable("");
    const store = reranked(query, prelude.articles, 3);
    assert.deepEqual(get(store), {});
    const states = [];
    const unsubscribe = store.subscribe((state) => states.push(state));
    query.set("bananas");
    query.set(prelude.query);
    await settled(() => states.at(-1).ranking);
    assert.equal(states.filter(({ ranking }) => ranking).length, 1);
    assert.deepEqual(
      states.at(-1).ranking.results.map(({ document }) => document.id),
      (await reference()).slice(0, 3),
    );
    query.set("half \ud800");
    await settled(() => states.at(-1).error);
    assert.equal(states.at(-1).error.code, "invalid-text");
    unsubscribe();
  },
  "Custom element 1": async ({ html }) => {
    document.body.innerHTML = html;
    const element = document.querySelector("crossrank-results");
    await new Promise((resolve) => element.addEventListener("ranked", resolve));
    assert.match(element.children[0].textContent, /vector database/);
  },
  "Pagefind 1": async ({ results }) => {
    assert.deepEqual(
      results.map(({ hit }) => hit.id.slice(3)),
      (await reference()).slice(0, 3),
    );
  },
  "Lunr 1": async ({ results }) =>
    assertSubset(
      results.map(({ hit }) => hit.ref),
      undefined,
      3,
    ),
  "Typesense 1": async ({ results }) => {
    assert.deepEqual(await idsOf(results), await blended(titleAndText, 0.2, 3));
    const { path } = requestOf(/^\/collections/);
    assert.match(path, /q=what/);
    assert.match(path, /query_by=title(,|%2C)text/);
  },
  "Algolia 1": async ({ results }) => {
    assert.deepEqual(
      results.map(({ hit }) => hit.objectID),
      (await reference(titleAndText)).slice(0, 3),
    );
    assert.deepEqual(JSON.parse(requestOf(/^\/1\/indexes/).input), { query: prelude.query, hitsPerPage: 50 });
  },
  "Meilisearch 1": async ({ results }) => {
    assert.deepEqual(await idsOf(results), await blended(titleAndText, 0.2, 3));
    assert.equal(JSON.parse(requestOf(/^\/indexes/).input).showRankingScore, true);
  },
};

let prelude;
const titleAndText = ({ title, text }) => `${title}. ${text}`;
const titleOf = (id) => prelude.articles.find((article) => article.id === id).title;
const requestOf = (path) => prelude.requests.find((request) => path.test(request.path));

/** The ids of hits. */
const idsOf = async (results) =>
  results.map(({ hit }) => hit.id ?? hit.item?.id ?? hit.document?.id).map(String);

/** The ids of all articles as rerank() orders them. */
async function reference(text = ({ text }) => text) {
  const { results } = await prelude.reranker.rerank(prelude.query, prelude.articles, undefined, { text });
  return results.map(({ document }) => document.id);
}

/** The ids by a blend with scores that fall evenly from the first article to the last. */
async function blended(text, blend, count) {
  const { results } = await prelude.reranker.rerank(prelude.query, prelude.articles, undefined, { text });
  return results
    .map(({ document, index, score }) => [document.id, (1 - blend) * score + blend * (1 - index / 4)])
    .sort((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([id]) => id);
}

/** Checks ids that a search found: they stand in the order of rerank(), the vector database first. */
async function assertSubset(ids, text, most) {
  const order = (await reference(text)).filter((id) => ids.includes(id));
  assert.deepEqual(ids, order);
  assert.equal(ids[0], "3");
  assert.ok(ids.length > 1 && ids.length <= most, `${ids}`);
}

/** Waits until something holds, which a promise or a later task brings about. */
async function settled(holds, step = () => new Promise((resolve) => setTimeout(resolve, 2))) {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 10_000, `still not: ${holds}`);
    await step();
  }
}

/** The texts of the elements that a React component shows in the end. */
async function shownBy(Component, tag) {
  const container = document.createElement("div");
  const root = createRoot(container);
  await act(async () => root.render(h(Component, { query: prelude.query })));
  const items = () => [...container.querySelectorAll(tag)].map((item) => item.textContent);
  const turn = () => new Promise((resolve) => setTimeout(resolve, 2));
  await settled(
    () => items().length > 0,
    () => act(turn),
  );
  const shown = items();
  await act(async () => root.unmount());
  return shown;
}

const examples = await writeExamples();
before(async () => {
  prelude = await import("./prelude.mjs");
});
after(() => prelude?.close());

test("the table names the versions that are installed", () => {
  const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url)));
  const { dependencies } = read("package.json");
  const installed = { ...dependencies, "ai-6": read("node_modules/ai-6/package.json").version };
  const rows = [
    ...readFileSync(new URL("adapters.md", import.meta.url), "utf8").matchAll(/^\| \[`crossrank.*$/gm),
  ];
  const named = rows.flatMap(([row]) => [...row.matchAll(/`([^`]+)` (\d[\d.]*)(?: and (\d[\d.]*))?/g)]);
  assert.equal(named.length, rows.length - 1);
  for (const [, name, version, older] of named) {
    assert.equal(version, installed[name], name);
    if (older) assert.equal(older, installed[`${name}-6`]);
  }
});

test("each example has a check, and each check an example", () => {
  assert.deepEqual(Object.keys(examples).sort(), Object.keys(CHECKS).sort());
});

for (const [name, { language, code, file }] of Object.entries(examples)) {
  test(name, async (t) => {
    if (language === "html") {
      await import("./crossrank-results.js");
      return CHECKS[name]({ html: code });
    }
    t.mock.method(console, "log", () => {});
    await CHECKS[name](await import(file));
  });
}
