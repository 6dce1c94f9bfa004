// What the CPU and a GPU are compared on: the list of src/devices/trial.rs.

import type { Job } from "./home.js";

/** What the documents are made of: each has all of them, in an order of its own. */
const SENTENCES = [
  "The moon pulls the water of the oceans, and the coast meets the bulge twice a day.",
  "A bay that narrows towards its end squeezes the incoming wave into less and less room.",
  "Bakers let the dough rest overnight, so that the loaf keeps its shape in the oven.",
  "Where the bay's own period is close to half a day, each tide pushes the next one higher.",
  "The ferry leaves at seven, and again at noon when the water over the bar is deep enough.",
  "Winter storms raise the level further and carry sand from the beach into the channel.",
  "A library of 40,000 volumes burned down with the town hall and was never rebuilt.",
  "Fishermen still read the height of the water from marks that their grandparents cut.",
];

const DOCUMENTS = 32;

function documentOf(i: number): string {
  const step = 1 + (i % 4) * 2;
  const sentences = SENTENCES.map((_, j) => SENTENCES[(i + j * step) % SENTENCES.length]!);
  return sentences.join(" ");
}

export const TRIAL: Job = {
  queries: ["how do tides form in a narrow bay"],
  documents: [Array.from({ length: DOCUMENTS }, (_, i) => documentOf(i))],
  place: (_list, index) => `document ${index}`,
};
