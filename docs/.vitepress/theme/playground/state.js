// What the playground shows, as an object and as the hash of an address.

import { SETS } from "./sets.js";

/** `model` is `bundled`, `hub` with a `name`, or `local`; `threads` is `auto` or a number. */
export const DEFAULTS = {
  set: SETS[0].id,
  query: SETS[0].query,
  text: textOf(SETS[0]),
  split: SETS[0].split,
  model: "bundled",
  name: "",
  device: "cpu",
  threads: "auto",
};

const CHOICES = {
  set: [...SETS.map(({ id }) => id), "own"],
  split: ["lines", "paragraphs"],
  // Files cannot be shared by an address.
  model: ["bundled", "hub"],
  device: ["cpu", "gpu", "auto"],
  threads: ["auto", "1", "2", "3", "4"],
};

/** The text of a set's documents, as a reader would paste it. */
export function textOf({ documents, split }) {
  return documents.join(split === "lines" ? "\n" : "\n\n");
}

/** The state with a ready set. */
export function withSet(state, id) {
  const set = SETS.find((set) => set.id === id);
  return set
    ? { ...state, set: id, query: set.query, text: textOf(set), split: set.split }
    : { ...state, set: id };
}

/** The documents in a text: its lines, or its parts between blank lines. */
export function documentsIn({ text, split }) {
  return text
    .split(split === "lines" ? /\n/ : /\n[ \t]*\n/)
    .map((document) => document.trim())
    .filter(Boolean);
}

/** The part of an address after `#`. It contains the documents only if they are the reader's own. */
export function toHash(state) {
  const params = new URLSearchParams({ set: state.set });
  const set = withSet(DEFAULTS, state.set);
  for (const field of ["query", "text", "split"]) {
    if (state.set === "own" || state[field] !== set[field]) params.set(field, state[field]);
  }
  for (const field of ["model", "name", "device", "threads"]) {
    if (state.model === "local" && (field === "model" || field === "name")) continue;
    if (state[field] !== DEFAULTS[field]) params.set(field, state[field]);
  }
  return `#${params}`;
}

/** The state of an address. What it does not know, or knows wrongly, is the default. */
export function fromHash(hash) {
  const params = new URLSearchParams(hash.slice(1));
  const isValid = (field) => params.has(field) && (CHOICES[field]?.includes(params.get(field)) ?? true);
  let state = isValid("set") ? withSet(DEFAULTS, params.get("set")) : { ...DEFAULTS };
  if (state.set === "own") state = { ...state, query: "", text: "" };
  for (const field of Object.keys(DEFAULTS)) {
    if (field !== "set" && isValid(field)) state[field] = params.get(field);
  }
  return state;
}
