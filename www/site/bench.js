// The bench page: times crossrank and transformers.js on one list, and draws the times.

import { loadContestants } from "./contestants.js";
import { loadCorpus } from "./corpus.js";
import { $, h, s } from "./dom.js";
import { measure } from "./measure.js";
import { createIndex, findCandidates, textOf } from "./search.js";

const QUERY = "share a value between threads";

let stop;
let outcome = [];

/** A question, and the passages that full-text search finds for it. */
export async function ownList(count) {
  const engine = await createIndex(await loadCorpus("corpus/rust.json"));
  const candidates = await findCandidates(engine, QUERY, { mode: "fulltext", limit: count });
  return { query: QUERY, documents: candidates.map(({ document }) => textOf(document)) };
}

async function run() {
  stop = new AbortController();
  const { signal } = stop;
  const rounds = Number($("rounds").value);
  running(true);
  const contestants = [];
  try {
    show("Loading both libraries and the model…", 0);
    const one = await ownList(Number($("passages").value));
    await loadContestants(contestants);
    const found = await measure(contestants, [one], { rounds, signal, onStep: show });
    showOutcome(
      contestants.map((contestant, i) => ({ ...contestant, ...found[i] })),
      one,
    );
    show("Done.", 1);
  } catch (error) {
    show(signal.aborted ? "Stopped." : `${error.message} (${error.code ?? error.name})`, 0);
    if (!signal.aborted) console.error(error);
  } finally {
    running(false);
    for (const contestant of contestants) await contestant.dispose();
  }
}

function running(is) {
  $("run").disabled = is;
  $("stop").disabled = !is;
  $("progress").hidden = !is;
}

function show(text, share) {
  $("status").textContent = text;
  $("progress").value = share;
}

const whole = (ms) => Math.round(ms).toLocaleString("en");
const bestOf = (logits, count) =>
  logits
    .map((_, i) => i)
    .sort((a, b) => logits[b] - logits[a])
    .slice(0, count);

function showOutcome(found, { documents }) {
  const ours = found[0];
  const theirs = found.at(-1);
  const ratio = ours.total / theirs.total;
  const times = (1 / ratio).toFixed(1);
  $("outcome-title").textContent =
    `crossrank with one worker took ${ratio.toFixed(2)} of transformers.js’s time: ${times} times as fast`;
  outcome = found;
  $("outcome").hidden = false;
  draw();
  $("rows").replaceChildren(
    ...found.map(({ name, computes, total, times: [times] }) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        h("td", {}, computes),
        [total, Math.min(...times), Math.max(...times)].map((ms) => h("td", { class: "number" }, whole(ms))),
        h("td", { class: "number" }, (total / theirs.total).toFixed(3)),
      ),
    ),
  );
  const count = Math.min(10, documents.length);
  const [a, b] = [ours, theirs].map(({ logits: [logits] }) => bestOf(logits, count));
  const common = a.filter((i) => b.includes(i)).length;
  const distance = Math.max(...ours.logits[0].map((logit, i) => Math.abs(logit - theirs.logits[0][i])));
  $("agreement").textContent =
    `Both did the same work: of the best ${count} both have ${common} in common, and their logits differ ` +
    `by ${distance.toFixed(2)} at most. They are not equal, because transformers.js rounds activations ` +
    `for all passages together and crossrank for each token.`;
}

/** Bars from 0 to the median, with a dot for each round. */
function draw() {
  const svg = $("chart");
  const width = svg.clientWidth;
  if (width === 0 || outcome.length === 0) return;
  const row = 64;
  const height = outcome.length * row + 24;
  const longest = Math.max(...outcome.flatMap(({ times: [times] }) => times));
  const x = (ms) => (ms / longest) * (width - 16);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  svg.replaceChildren(
    ...outcome.flatMap(({ name, computes, total, times: [times] }, i) => {
      const y = i * row;
      return [
        s("text", { x: 0, y: y + 18, class: "label" }, `${name}, ${computes}: ${whole(total)} ms`),
        s("rect", {
          x: 0,
          y: y + 28,
          width: x(total),
          height: 14,
          class: name === "crossrank" ? "ours" : "theirs",
        }),
        ...times.map((ms) => s("circle", { cx: x(ms), cy: y + 35, r: 4 })),
      ];
    }),
    s("line", { x1: 0.5, x2: 0.5, y1: 24, y2: height - 18 }),
  );
}

$("run-form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
$("stop").addEventListener("click", () => stop.abort());
new ResizeObserver(draw).observe($("outcome"));
const whyNot = (error) => console.warn(`The page is not kept for offline use: ${error.message}`);
navigator.serviceWorker?.register("sw.js", { updateViaCache: "none" }).catch(whyNot);
