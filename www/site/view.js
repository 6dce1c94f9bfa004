// Shows the two lists, and how long each stage took.

import { $, h, hidden, milliseconds, plural } from "./dom.js";
import { textOf } from "./search.js";

/** The number of places that are shown. */
export const SHOWN = 10;

const SCORES = { fulltext: "BM25", vector: "cosine", hybrid: "RRF" };
const LISTS = { fulltext: "full text", vector: "vector" };

const ordinal = (n) => {
  const suffix = n % 100 > 10 && n % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${suffix}`;
};

function passage({ title, section, text, url, source }, words, { meta, badge, ...attributes }) {
  const name = [h("span", { class: "title" }, title), section && h("span", { class: "section" }, section)];
  return h(
    "li",
    attributes,
    h(
      "div",
      { class: "head" },
      url
        ? h("a", { class: "name", href: url, rel: "noreferrer" }, name)
        : h("span", { class: "name" }, name),
      badge,
    ),
    h("p", { class: "meta" }, meta),
    h(
      "p",
      { class: "text", title: source },
      words.marked(text).map(({ text, match }) => (match ? h("mark", {}, text) : text)),
    ),
  );
}

/** The first stage's order. `places` holds each candidate's place after reranking, if known. */
export function showFirst(candidates, words, mode, places) {
  $("first").replaceChildren(
    ...candidates.slice(0, SHOWN).map(({ document, score, ranks }, i) => {
      const place = places?.[i];
      const badge = place && h("span", { class: "badge" }, hidden("reranked "), `→ ${place}`);
      const digits = mode === "fulltext" ? 1 : mode === "vector" ? 3 : 4;
      const ranked = Object.entries(ranks).map(([list, rank]) => ` · ${LISTS[list]} ${ordinal(rank)}`);
      const meta = [h("span", { class: "number" }, `${SCORES[mode]} ${score.toFixed(digits)}`)];
      if (mode === "hybrid") meta.push(...ranked);
      return passage(document, words, { "data-candidate": i, meta, badge });
    }),
  );
}

/** The reranked order for a question, with scores from 0 to 1, and the earlier place of each passage. */
export function showReranked(results, words, query) {
  $("reranked").dataset.query = query;
  $("reranked").replaceChildren(
    ...results.slice(0, SHOWN).map(({ index, score, document: { document } }, i) => {
      const moved = index - i;
      const kind = moved > 0 ? "up" : moved < 0 ? "down" : "same";
      const sign = { up: `▲ ${moved}`, down: `▼ ${-moved}`, same: "=" }[kind];
      const said = { up: `up ${moved}`, down: `down ${-moved}`, same: "not moved" }[kind];
      const badge = h(
        "span",
        { class: `badge ${kind}` },
        hidden(said),
        h("span", { "aria-hidden": "true" }, sign),
      );
      const found = words.in(textOf(document));
      const without = words.all.filter((word) => !found.includes(word));
      const meter = h("meter", { min: 0, max: 1, value: score, "aria-label": "Relevance" });
      const meta = [
        meter,
        h("span", { class: "number" }, score.toFixed(3)),
        ` · was ${ordinal(index + 1)}`,
        found.length > 0 && without.length > 0 && ` · without “${without.join("”, “")}”`,
        found.length === 0 && " · none of the words",
      ];
      return passage(document, words, { "data-candidate": index, class: kind, meta, badge });
    }),
  );
}

/** `stages` are `{ kind, name, ms, detail }`. The length of each part of the bar shows its time. */
export function showTiming(stages, notes) {
  const bar = h("div", { class: "bar", "aria-hidden": "true" });
  for (const { kind, ms } of stages) {
    const part = h("span", { class: kind });
    part.style.flexGrow = String(Math.max(ms, 0.01));
    bar.append(part);
  }
  const items = stages.map(({ kind, name, ms, detail }) =>
    h(
      "li",
      { class: kind },
      name,
      " ",
      h("span", { class: "number" }, milliseconds(ms)),
      detail && ` ${detail}`,
    ),
  );
  const others = notes.filter(Boolean).map((note) => h("li", {}, note));
  $("timing").replaceChildren(bar, h("ul", {}, items, others));
}

/** The outcome of a search in one sentence, for screen readers. */
export function summary({ candidates, results, times }) {
  if (candidates.length === 0) return "Nothing found.";
  const found = `${plural(candidates.length, "candidate")} in ${milliseconds(times.first)}`;
  if (!results) return `${found}.`;
  const [{ index, document }] = results;
  const { title, section } = document.document;
  const name = [title, section].filter(Boolean).join(", ");
  return `${found}, reranked in ${milliseconds(times.rerank)}. First is ${name}, before ${ordinal(index + 1)}.`;
}
