// The search page: reads the question, searches, and shows the results.

import { $, h, milliseconds, plural } from "./dom.js";
import { addVectors, loadReranker, loadRust, models, own, rust } from "./engine.js";
import { drawMoves, lightMoves } from "./moves.js";
import { searchWithRerank } from "./search.js";
import { SHOWN, showFirst, showReranked, showTiming, summary } from "./view.js";
import { wordsOf } from "./words.js";

const EXAMPLES = [
  "remove duplicates from a vector",
  "how to stop a program with an error message",
  "share a value between threads",
  "difference between copy and clone",
  "read a file line by line",
];
const MODES = { fulltext: "Full text", vector: "Vector", hybrid: "Hybrid" };
/** How long after the last key a search begins. */
const TYPING_PAUSE_MS = 180;

let searched = rust;
/** Whether the model could not be loaded. Nothing is reranked then. */
let withoutModel = false;

// --- Searching -----------------------------------------------------------------------------------

let searches = 0;
let waiting;

function searchSoon(delay = TYPING_PAUSE_MS) {
  clearTimeout(waiting);
  waiting = setTimeout(() => search().catch(fail), delay);
}

/** Searches for the question in the field. Once a newer search has begun, this one shows nothing more. */
async function search() {
  const number = ++searches;
  const isLast = () => number === searches;
  const query = $("query").value.trim();
  if (!query || !searched.index) return clear();
  const mode = document.querySelector("[name=mode]:checked").value;
  const limit = Number($("limit").value);
  if (mode !== "fulltext") await addVectors(searched, progressIn("first"));
  if (!isLast()) return;

  const { reranker } = models;
  const words = wordsOf(searched.index, query);
  const times = { embed: 0 };
  const start = performance.now();
  const embedder = {
    async embedQuery(text) {
      const vector = await models.embedder.embedQuery(text);
      times.embed = performance.now() - start;
      return vector;
    },
  };

  function onCandidates(candidates) {
    times.first = performance.now() - start;
    if (!isLast()) return;
    $("columns").classList.toggle("empty", candidates.length === 0);
    showFirst(candidates, words, mode);
    busy(candidates.length > 0 && !withoutModel);
    const noModel = withoutModel ? "the model could not be loaded" : "the model is loading…";
    showTiming(stages(mode, times), [
      plural(candidates.length, "candidate"),
      candidates.length > 0 && (reranker ? "reading them…" : noModel),
    ]);
    if (!reranker || candidates.length === 0) say(summary({ candidates, times }));
  }

  const before = await reranker?.info();
  // The whole list is ranked, so that the first stage can show where each candidate went.
  const options = { mode, limit, topK: limit, latest: true, onCandidates };
  const { candidates, results, ranking } = await searchWithRerank(
    { ...searched, embedder, reranker },
    query,
    options,
  );
  times.rerank = performance.now() - start - times.first;
  const after = await reranker?.info();
  if (!isLast() || !ranking) return;

  const places = [];
  results.forEach(({ index }, place) => (places[index] = place + 1));
  showFirst(candidates, words, mode, places);
  showReranked(results, words, query);
  busy(false);
  const known = after.cache.hits - before.cache.hits;
  showTiming(stages(mode, times, candidates.length), [
    `${after.kernel} kernel, ${after.workers ? plural(after.workers, "worker") : "this thread"}`,
    known > 0 && `${plural(known, "score")} remembered`,
  ]);
  say(summary({ candidates, results: results.slice(0, SHOWN), times }));
  remember(query);
}

/** The stages whose times are known. */
function stages(mode, { embed, first, rerank }, count) {
  return [
    embed > 0 && { kind: "embed", name: "Question’s vector", ms: embed },
    { kind: "retrieve", name: MODES[mode], ms: first - embed },
    rerank !== undefined && {
      kind: "rerank",
      name: `Reranking ${plural(count, "passage")}`,
      ms: rerank,
      detail: `(${milliseconds(rerank / count)} each)`,
    },
  ].filter(Boolean);
}

function busy(is) {
  $("reranked").parentElement.setAttribute("aria-busy", is);
  drawMoves();
}

function clear() {
  for (const id of ["first", "reranked", "timing"]) $(id).replaceChildren();
  $("columns").classList.add("empty");
  busy(false);
  say(searched.index ? "" : "The documents are loading.");
}

/** Puts the question into the address, so that it can be shared. */
function remember(query) {
  const url = new URL(location.href);
  url.searchParams.set("q", query);
  history.replaceState(undefined, "", url);
}

const say = (text) => ($("status").textContent = text);

function fail(error, what = "") {
  // A newer search has replaced this one.
  if (error.name === "AbortError") return;
  console.error(error);
  // The list still shows an earlier question.
  if ($("reranked").parentElement.ariaBusy === "true") $("reranked").replaceChildren();
  busy(false);
  for (const column of ["first", "reranked"]) $(`${column}-loading`).hidden = true;
  const text = `${what}${error.message} (${error.code ?? error.name})`;
  $("timing").replaceChildren(h("p", { class: "error", role: "alert" }, text));
}

/** Shows in a column how much of a model is loaded, or how much of its work is done. */
function progressIn(column) {
  return ({ loaded, embedded = loaded, total }) => {
    $(`${column}-progress`).max = total;
    $(`${column}-progress`).value = embedded;
    $(`${column}-loading`).hidden = embedded === total;
  };
}

// --- The documents -------------------------------------------------------------------------------

async function use(documents) {
  searched = documents;
  $("subject").textContent = searched.name;
  $("own-back").hidden = searched === rust;
  await search();
}

async function searchOwn(event) {
  event.preventDefault();
  const read = async (file) => ({ name: file.name, text: await file.text() });
  const files = await Promise.all([...$("own-files").files].map(read));
  const documents = await own([{ name: "Your text", text: $("own-text").value }, ...files]);
  $("own-error").textContent = documents ? "" : "There is no text yet: paste some, or choose files.";
  if (!documents) return;
  await use(documents);
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
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  $("query").select();
});
new ResizeObserver(drawMoves).observe($("columns"));
lightMoves($("columns"));
for (const text of EXAMPLES) {
  const button = h("button", { type: "button" }, text);
  button.addEventListener("click", () => {
    $("query").value = text;
    searchSoon(0);
  });
  $("examples").append(button);
}

$("query").value = new URLSearchParams(location.search).get("q") ?? EXAMPLES[0];
clear();
const whyNot = (error) => console.warn(`The page is not kept for offline use: ${error.message}`);
navigator.serviceWorker?.register("sw.js", { updateViaCache: "none" }).catch(whyNot);
loadRust().then(search).catch(fail);
loadReranker(progressIn("reranked")).then(
  () => search().catch(fail),
  (error) => {
    withoutModel = true;
    fail(error, "The model could not be loaded: ");
  },
);
