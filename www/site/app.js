// The search page: what is typed, searched and shown.

import { Embedder, Reranker } from "crossrank";
import * as embedderModel from "crossrank-all-minilm-l6-v2";
import * as rerankerModel from "crossrank-minilm-l6-en";
import { loadCorpus, loadVectors, ownDocuments } from "./corpus.js";
import { $, h, milliseconds, plural } from "./dom.js";
import { drawMoves, lightMoves } from "./moves.js";
import { createIndex, searchWithRerank, textOf } from "./search.js";
import { showFirst, showReranked, showTiming, SHOWN, summary } from "./view.js";
import { wordsOf } from "./words.js";

const EXAMPLES = [
  "remove duplicates from a vector",
  "how to stop a program with an error message",
  "share a value between threads",
  "difference between copy and clone",
  "read a file line by line",
];
const MODES = { fulltext: "Full text", vector: "Vector", hybrid: "Hybrid" };
/** Milliseconds without a key before a search begins. */
const PAUSE = 180;

/**
 * What is searched: `{ name, documents, index, vectors() }`. The vectors come into the index when they
 * are first asked for.
 */
const rust = {
  name: "the Rust documentation",
  vectors: () => loadVectors("corpus/rust.vectors", rust.documents.length),
};
let engine = rust;
let reranker;
let embedder;

// --- Searching -----------------------------------------------------------------------------------

let searches = 0;
let waiting;

function searchSoon(delay = PAUSE) {
  clearTimeout(waiting);
  waiting = setTimeout(() => search().catch(fail), delay);
}

async function search() {
  const query = $("query").value.trim();
  const number = ++searches;
  const isLast = () => number === searches;
  remember(query);
  if (!query || !engine.index) return clear();
  const mode = document.querySelector("[name=mode]:checked").value;
  const limit = Number($("limit").value);
  const searched = engine;
  if (mode !== "fulltext") await (searched.withVectors ??= addVectors(searched));
  if (!isLast()) return;
  const words = wordsOf(searched.index, query);
  const start = performance.now();
  let between;

  function onCandidates(candidates) {
    between = performance.now();
    if (!isLast()) return;
    $("columns").classList.toggle("empty", candidates.length === 0);
    showFirst(candidates, words, mode);
    $("reranked").parentElement.setAttribute("aria-busy", "true");
    drawMoves();
    const first = { kind: "retrieve", name: MODES[mode], ms: between - start };
    showTiming([first], [plural(candidates.length, "candidate"), reranker ? "reading them…" : "the model is loading…"]);
    if (!reranker) say(summary({ candidates, times: { first: between - start } }));
  }

  const before = await reranker?.info();
  let found;
  try {
    // The whole list is ranked, so that the first stage's places can say where each one went.
    const options = { mode, limit, topK: limit, latest: true, onCandidates };
    found = await searchWithRerank({ ...searched, embedder, reranker }, query, options);
  } catch (error) {
    if (error.name === "AbortError") return;
    throw error;
  }
  if (!isLast() || !found.ranking) return;
  const { candidates, results } = found;
  const times = { first: between - start, rerank: performance.now() - between };
  const after = await reranker.info();
  if (!isLast()) return;
  const places = [];
  results.forEach(({ index }, place) => (places[index] = place + 1));
  showFirst(candidates, words, mode, places);
  showReranked(results, words, query);
  $("reranked").parentElement.setAttribute("aria-busy", "false");
  drawMoves();
  const known = after.cache.hits - before.cache.hits;
  const each = `(${milliseconds(times.rerank / candidates.length)} each)`;
  showTiming(
    [
      { kind: "retrieve", name: MODES[mode], ms: times.first },
      { kind: "rerank", name: `Reranking ${plural(candidates.length, "passage")}`, ms: times.rerank, detail: each },
    ],
    [
      `${after.kernel} instructions, ${after.workers ? plural(after.workers, "worker") : "this thread"}`,
      known > 0 && `${known} scores remembered`,
    ].filter(Boolean),
  );
  say(summary({ candidates, results: results.slice(0, SHOWN), times }));
}

function clear() {
  for (const id of ["first", "reranked", "timing", "moves"]) $(id).replaceChildren();
  $("columns").classList.add("empty");
  say(engine.index ? "" : "The documents are loading.");
}

/** The address names the question, so that it can be sent to somebody. */
function remember(query) {
  const url = new URL(location.href);
  if (query) url.searchParams.set("q", query);
  else url.searchParams.delete("q");
  history.replaceState(undefined, "", url);
}

const say = (text) => ($("status").textContent = text);

function fail(error) {
  console.error(error);
  $("timing").replaceChildren(h("p", { class: "error", role: "alert" }, `${error.message} (${error.code ?? error.name})`));
}

// --- What is searched ----------------------------------------------------------------------------

/** Shows in a column how much of a model has arrived. */
function progressIn(column) {
  $(`${column}-loading`).hidden = false;
  return ({ loaded, embedded = loaded, total }) => {
    $(`${column}-progress`).max = total;
    $(`${column}-progress`).value = embedded;
    $(`${column}-loading`).hidden = embedded === total;
  };
}

async function loadReranker() {
  reranker = await Reranker.load({ model: rerankerModel, onProgress: progressIn("reranked") });
  searchSoon(0);
}

/** Puts the vectors of the documents into their index. */
async function addVectors(searched) {
  try {
    const onProgress = progressIn("first");
    embedder ??= await Embedder.load({ model: embedderModel, workers: 1, onProgress });
    Object.assign(searched, await createIndex(searched.documents, await searched.vectors()));
  } catch (error) {
    searched.withVectors = undefined;
    throw error;
  } finally {
    $("first-loading").hidden = true;
  }
}

async function use(documents) {
  engine = documents;
  $("subject").textContent = engine.name;
  $("own-back").hidden = engine === rust;
  await search();
}

async function searchOwn(event) {
  event.preventDefault();
  const files = await Promise.all([...$("own-files").files].map(async (file) => ({ name: file.name, text: await file.text() })));
  const documents = ownDocuments([{ name: "Your text", text: $("own-text").value }, ...files]);
  $("own-error").textContent = documents.length > 0 ? "" : "There is no text yet: paste some, or choose files.";
  if (documents.length === 0) return;
  const vectors = () => embedder.embed(documents.map(textOf), { onProgress: progressIn("first") });
  await use({ name: `your ${plural(documents.length, "passage")}`, vectors, ...(await createIndex(documents)) });
  $("own").open = false;
  $("query").select();
}

// --- The page ------------------------------------------------------------------------------------

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  searchSoon(0);
});
$("query").addEventListener("input", () => searchSoon());
$("modes").addEventListener("change", () => searchSoon(0));
$("limit").addEventListener("change", () => searchSoon(0));
$("whole").addEventListener("change", ({ target }) => {
  $("columns").classList.toggle("whole", target.checked);
  drawMoves();
});
$("shown").addEventListener("change", ({ target }) => ($("columns").dataset.shown = target.value));
$("own-form").addEventListener("submit", (event) => searchOwn(event).catch(fail));
$("own-back").addEventListener("click", () => use(rust).catch(fail));
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  $("query").select();
});
new ResizeObserver(drawMoves).observe($("columns"));
lightMoves($("columns"));
$("examples").append(
  ...EXAMPLES.map((text) => {
    const button = h("button", { type: "button" }, text);
    button.addEventListener("click", () => {
      $("query").value = text;
      searchSoon(0);
    });
    return button;
  }),
);

$("query").value = new URLSearchParams(location.search).get("q") ?? EXAMPLES[0];
clear();
navigator.serviceWorker?.register("sw.js").catch((error) => console.warn(`not kept for offline use: ${error.message}`));
loadReranker().catch(fail);
try {
  Object.assign(rust, await createIndex(await loadCorpus("corpus/rust.json")));
  await search();
} catch (error) {
  fail(error);
}
