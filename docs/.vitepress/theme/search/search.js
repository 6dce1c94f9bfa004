// The search of the site: MiniSearch finds passages by words, and crossrank puts those first that answer
// the query.

import { searchAndRerank } from "crossrank/minisearch";
import MiniSearch from "minisearch";
import { OPTIONS } from "./options.js";

const CANDIDATES = 30;
const SHOWN = 10;

const textOf = ({ trail, title, text }) => [trail, title, text].filter(Boolean).join(". ");

/** Loads the index, whose address the page names. */
export async function loadIndex() {
  const address = document.querySelector("meta[name=crossrank-search]")?.content;
  if (!address) throw new Error("only the built site has an index");
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the index could not be loaded (status ${response.status})`);
  return MiniSearch.loadJSONAsync(await response.text(), OPTIONS);
}

/** Sections in the order of MiniSearch. */
export const findByWords = (index, query) => sections(index.search(query).slice(0, CANDIDATES));

/** The same sections in crossrank's order. A later call ends this one, which rejects with an `AbortError`. */
export async function findByMeaning(index, query, reranker) {
  const options = { candidates: CANDIDATES, text: textOf, latest: "search" };
  const { results } = await searchAndRerank(reranker, index, query, options);
  return sections(results.map(({ hit }) => hit));
}

/** One result for each section, with its best passage. */
function sections(hits) {
  const found = new Map();
  for (const { url, trail, title, text, terms } of hits) {
    if (!found.has(url)) found.set(url, { url, trail, title, parts: excerpt(text, terms) });
  }
  return [...found.values()].slice(0, SHOWN);
}

const EXCERPT_CHARACTERS = 160;
const WORD = /[\p{L}\p{N}]+/gu;

/** A part of a text, from shortly before the first word that was found: `[{ text, isFound }]`. */
function excerpt(text, terms) {
  const found = new Set(terms);
  const isFound = ([word]) => word.length > 1 && found.has(word.toLowerCase());
  const first = [...text.matchAll(WORD)].find(isFound)?.index ?? 0;
  const start = first < 60 ? 0 : text.indexOf(" ", first - 50) + 1;
  const cut = text.slice(start, start + EXCERPT_CHARACTERS);
  const parts = [{ text: start > 0 ? "… " : "" }];
  let end = 0;
  for (const match of [...cut.matchAll(WORD)].filter(isFound)) {
    parts.push({ text: cut.slice(end, match.index) }, { text: match[0], isFound: true });
    end = match.index + match[0].length;
  }
  parts.push({ text: cut.slice(end) + (start + EXCERPT_CHARACTERS < text.length ? "…" : "") });
  return parts.filter(({ text }) => text);
}
