// The workloads. Each has a name and lists of [query, document] pairs; one list is one call.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "./engines/tokenizer.js";
import { trec } from "./trec.js";

const QUERY = "how do small towns keep their rivers clean";
const SENTENCES = [
  "The town council hired two people to walk the river path every morning.",
  "They carry gloves, a long net and a notebook with the date on each page.",
  "Most of what they find is paper, and most of the paper comes from the market.",
  "In spring the water rises quickly and takes branches down to the old bridge.",
  "Farmers upstream agreed to leave a strip of grass between the fields and the bank.",
  "A school measures the colour and the smell of the water once a week.",
  "When the numbers look wrong, the office sends someone before the day is over.",
  "Boats may pass only slowly, because waves wash the young plants away.",
  "The mill was closed long ago, but its wheel still turns for visitors.",
  "Nobody remembers who planted the willows, yet everyone rests in their shade.",
  "A new pipe carries rain from the streets into a pond full of reeds.",
  "After ten years the first trout came back, and the newspaper printed a picture.",
];

/** `count` pairs of exactly `tokens` tokens, from the sentences above, each in another order. */
function fixed(tokenizer, count, tokens) {
  const length = (document) => encode(tokenizer, [[QUERY, document]]).input_ids[0].length;
  return Array.from({ length: count }, (_, start) => {
    // Steps that have no factor in common with the number of sentences visit all of them.
    const step = [1, 5, 7, 11][Math.floor(start / SENTENCES.length) % 4];
    const words = [];
    for (let i = start; words.length < tokens; i += step)
      words.push(...SENTENCES[i % SENTENCES.length].split(" "));
    // Longest prefix that fits, then one-token words.
    let low = 0;
    let high = words.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (length(words.slice(0, middle).join(" ")) <= tokens) low = middle;
      else high = middle - 1;
    }
    // An encoding is cut at the model's limit, so the longest prefix may hide more words: step back.
    let document = words.slice(0, Math.max(0, low - 2)).join(" ");
    while (length(document) >= tokens) document = document.slice(0, document.lastIndexOf(" "));
    while (length(document) < tokens) document += " the";
    return [QUERY, document];
  });
}

/**
 * The repository's own pairs: queries and passages of its golden file, without those that
 * transformers.js encodes differently (an empty side, or longer than the model takes).
 */
function shipped(root) {
  const golden = JSON.parse(readFileSync(join(root, "tests/data/golden.json"), "utf8"));
  const alike = golden.pairs.filter(
    ({ query, passage, input_ids }) => query && passage && input_ids.length < 512,
  );
  return [alike.map(({ query, passage }) => [query, passage])];
}

/** With `group`, a work is only for the peers of that group. */
export function workloads(tokenizer, { root, evalDir, queries }) {
  const all = [
    { name: "1x128", lists: () => [fixed(tokenizer, 1, 128)], repeat: 10 },
    { name: "32x128", lists: () => [fixed(tokenizer, 32, 128)] },
    // What a second thread does for one long pair.
    { name: "1x512", lists: () => [fixed(tokenizer, 1, 512)], repeat: 5, group: "native" },
    { name: "8x512", lists: () => [fixed(tokenizer, 8, 512)] },
    { name: "shipped", lists: () => shipped(root) },
  ];
  const folder = evalDir && join(evalDir, "trec-dl-19");
  // Each list is a sample of its own, and so is timed once.
  if (folder && existsSync(folder))
    all.push({ name: "dl19", lists: () => trec(folder, queries), once: true });
  return all;
}
