// The custom element of examples/custom-element.

import assert from "node:assert/strict";
import { test } from "node:test";
import "./dom.mjs";
import { failure, hanging, PASSAGES, QUERY, reference, reranker, spy } from "./model.mjs";

const { CrossrankResults } = await import("./crossrank-results.js");

function createElement({ reranker, ...attributes }) {
  const element = document.createElement("crossrank-results");
  assert.ok(element instanceof CrossrankResults);
  element.reranker = reranker;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const [i, text] of PASSAGES.entries()) {
    const child = document.createElement("p");
    child.id = `p${i}`;
    child.textContent = `\n  ${text}\n`;
    element.append(child);
  }
  document.body.replaceChildren(element);
  return element;
}
const event = (element, type) =>
  new Promise((resolve) => element.addEventListener(type, resolve, { once: true }));
const shown = (element) => [...element.children].filter(({ hidden }) => !hidden).map(({ id }) => id);
const turn = () => new Promise((resolve) => setTimeout(resolve));
const all = PASSAGES.map((_, i) => `p${i}`);

test("it puts the best children first and hides the others", async () => {
  const element = createElement({ reranker, query: QUERY, "top-k": "2" });
  assert.equal(element.getAttribute("aria-busy"), "true");
  const { detail } = await event(element, "ranked");
  const best = (await reference()).map(({ index }) => `p${index}`);
  assert.deepEqual(shown(element), best.slice(0, 2));
  assert.equal(element.children.length, PASSAGES.length);
  assert.equal(element.hasAttribute("aria-busy"), false);
  assert.deepEqual(
    detail.results.map(({ hit, score }) => [hit.id, score]),
    (await reference()).slice(0, 2).map(({ index, score }) => [`p${index}`, score]),
  );
  element.removeAttribute("top-k");
  await event(element, "ranked");
  assert.deepEqual(shown(element), best);
  element.setAttribute("query", "");
  assert.deepEqual(shown(element), all);
});

test("it ranks once for each change, and not for its own moves", async () => {
  const { calls, rerank } = spy();
  const element = createElement({ reranker: { rerank }, query: QUERY });
  await event(element, "ranked");
  await turn();
  const count = calls.length;
  const child = document.createElement("p");
  child.textContent = "A vector database is a database of vectors.";
  element.append(child);
  await event(element, "ranked");
  await turn();
  assert.equal(calls.length, count + 1);
  assert.equal(calls.at(-1)[1].length, PASSAGES.length + 1);
  assert.equal(element.children[0], child);
});

test("a newer query ends the one before, and so does removing the element", async () => {
  const { calls, rerank } = hanging();
  const element = createElement({ reranker: { rerank }, query: "a" });
  for (const type of ["ranked", "error"]) element.addEventListener(type, () => assert.fail(type));
  await turn();
  element.setAttribute("query", "b");
  await turn();
  const last = calls.at(-1);
  assert.equal(last[0], "b");
  assert.ok(calls.slice(0, -1).every(([, , , { signal }]) => signal.aborted));
  assert.equal(last[3].signal.aborted, false);
  element.remove();
  assert.equal(last[3].signal.aborted, true);
  await turn();
});

test("an error shows all children in their own order", async () => {
  let isBroken = false;
  const rerank = (...call) => (isBroken ? Promise.reject(failure) : reranker.rerank(...call));
  const element = createElement({ reranker: { rerank }, query: QUERY, "top-k": "1" });
  await event(element, "ranked");
  isBroken = true;
  element.setAttribute("query", "another");
  const { detail } = await event(element, "error");
  assert.equal(detail, failure);
  assert.deepEqual(shown(element), all);
  element.setAttribute("top-k", "none");
  assert.match((await event(element, "error")).detail.message, /topK is NaN/);
});
