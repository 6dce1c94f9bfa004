// The demo: the installed packages, and nothing else of the project.

import { Reranker } from "crossrank";
import * as model from "crossrank-minilm-l6-en";

const $ = (id) => document.getElementById(id);
const form = document.querySelector("form");
const button = form.querySelector("button");

let loading;

function load() {
  return (loading ??= Reranker.load({ model, onProgress }).catch((error) => {
    loading = undefined;
    throw error;
  }));
}

function onProgress({ loaded, total }) {
  $("progress").hidden = loaded === total;
  $("progress").max = total;
  $("progress").value = loaded;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const passages = $("passages").value.split("\n").filter((line) => line.trim());
  button.disabled = true;
  try {
    $("status").textContent = "Loading the model…";
    const reranker = await load();
    $("status").textContent = "Reranking…";
    // Reranking keeps the page's thread: let it show the line above first.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const start = performance.now();
    const { results } = await reranker.rerank($("query").value, passages);
    const ms = Math.round(performance.now() - start);
    $("results").replaceChildren(...results.map(entry));
    $("status").textContent = `${results.length} passages in ${ms} ms.`;
  } catch (error) {
    $("status").textContent = `${error.message} (${error.code ?? error.name})`;
  } finally {
    button.disabled = false;
  }
});

function entry({ score, document: passage, truncated }) {
  const item = document.createElement("li");
  const figure = document.createElement("b");
  figure.textContent = score.toFixed(3);
  item.append(figure, ` ${passage}`, truncated ? " (only its beginning was read)" : "");
  return item;
}
