// What the CPU and a GPU are compared on: texts of about 100 tokens, on several subjects.

import type { Job } from "./home.js";

const SENTENCES = [
  "Tides follow the moon, whose pull raises the sea on the near side of the earth and on the far one.",
  "A kitchen knife stays sharp for longer when it is drawn over a whetstone at the same low angle.",
  "The old railway line was closed in 1968, and walkers now use its bridges and its two long tunnels.",
  "Spring tides come with the new and the full moon, when the sun pulls in the same line as the moon.",
  "Bees tell each other by a dance how far away the flowers are and in which direction to fly.",
  "A vector index finds near neighbours quickly, because it looks at a small part of all the points.",
  "The museum opens at ten, and on the first Sunday of each month nobody has to pay for a ticket.",
  "Bread rises as yeast turns sugar into gas, which the stretched gluten of the dough holds back.",
  "In narrow bays the water can rise by more than ten metres between the lowest and the highest tide.",
  "Compilers keep the values that are used most in registers, and write the others to the stack.",
  "Her second novel tells of a lighthouse keeper who counts the ships that never reach the harbour.",
  "Glaciers carry stones of every size, and leave them in long ridges where the ice begins to melt.",
  "The patient should drink enough water, rest for some days, and call again if the fever comes back.",
  "Most ports print a table of the hours of high and low water, reckoned a year ahead from the moon.",
  "A violin's sound post stands between its front and its back and carries the strings' vibration.",
  "Taxes on imported goods were raised twice in that decade, and trade with the islands nearly ended.",
];

const DOCUMENTS = 32;
/** Sentences of a document. */
const LENGTH = 5;

/** No two documents are the same: each half of them takes other steps through the sentences. */
function documentOf(i: number): string {
  const step = i < SENTENCES.length ? 1 : 3;
  const places = Array.from({ length: LENGTH }, (_, n) => (i + n * step) % SENTENCES.length);
  return places.map((place) => SENTENCES[place]!).join(" ");
}

export const TRIAL: Job = {
  queries: ["why are there two high tides a day"],
  documents: [Array.from({ length: DOCUMENTS }, (_, i) => documentOf(i))],
  place: (_list, index) => `document ${index}`,
};
