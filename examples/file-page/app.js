// A page at a `file:` URL can neither fetch files nor start workers. The script holds the model as
// bytes, and the model runs on the page's thread, which stays free between its layers.

import { Reranker } from "crossrank";
import wasm from "crossrank/crossrank.wasm";
import model from "crossrank-minilm-l6-en/model.crossrank";
import MiniSearch from "minisearch";
import documentsJson from "./documents.json";

const documents = JSON.parse(new TextDecoder().decode(documentsJson));
const index = new MiniSearch({ fields: ["title", "text"] });
index.addAll(documents);
const byId = new Map(documents.map((document) => [document.id, document]));
const textOf = ({ title, text }) => `${title}. ${text}`;

const form = document.querySelector("form");
const status = document.querySelector("[role=status]");
const alert = document.querySelector("[role=alert]");
const [byWords, reranked] = document.querySelectorAll("ol");

const loading = Reranker.load({ wasm, model, workers: 0 });
let controller = new AbortController();

async function search() {
  controller.abort();
  controller = new AbortController();
  const { signal } = controller;
  const query = form.elements.query.value;
  const found = index.search(query, { prefix: true, fuzzy: 0.2 }).slice(0, 20);
  const candidates = found.map(({ id }) => byId.get(id));
  show(byWords, candidates.slice(0, 10));
  reranked.replaceChildren();
  alert.textContent = "";
  form.elements.stop.disabled = false;
  try {
    const reranker = await loading;
    signal.throwIfAborted();
    status.textContent = "Ranking…";
    const { results } = await reranker.rerank(query, candidates, 10, { text: textOf, signal });
    show(
      reranked,
      results.map(({ document }) => document),
    );
    finish(`${candidates.length} results`);
  } catch (error) {
    // The search that has aborted this one shows its own results.
    if (controller.signal !== signal) return;
    if (!signal.aborted) alert.textContent = `The results could not be reranked: ${error.message}`;
    finish(signal.aborted ? "Stopped" : "");
  }
}

function finish(message) {
  status.textContent = message;
  form.elements.stop.disabled = true;
}

function show(list, documents) {
  list.replaceChildren(
    ...documents.map(({ title, text }) => {
      const item = document.createElement("li");
      const heading = document.createElement("strong");
      heading.textContent = title;
      item.append(heading, ` ${text}`);
      return item;
    }),
  );
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
form.elements.stop.addEventListener("click", () => controller.abort());
search();
