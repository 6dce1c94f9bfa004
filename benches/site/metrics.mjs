// How good a ranking of pages is, each with the sections that are shown of it.

const CUT = 10;

const plain = (text) =>
  text
    .replaceAll("¶", "")
    .replaceAll("’", "'")
    .replace(/\s+/g, " ")
    .trim()
    // Numbers of sections, such as "25.1.2." or "F.10.1.".
    .replace(/^(?:[A-Z]|\d+)(?:\.\d+)*\.?\s+(?=\S)/, "")
    .toLowerCase();

/** Whether a section is one that answers: by its anchor, or by its heading. */
function isRight(sections, { anchor, heading }) {
  return sections.some((section) =>
    section.startsWith("#") ? section.slice(1) === anchor : plain(section) === plain(heading),
  );
}

/** 1 for the right section of a right page, a half for the page alone. */
function gainOf({ page, sections }, answers) {
  let best = { gain: 0 };
  for (const answer of answers) {
    if (!answer.pages.includes(page)) continue;
    const isSection =
      answer.sections.length === 0 || sections.some((shown) => isRight(answer.sections, shown));
    const gain = isSection ? 1 : 0.5;
    if (gain > best.gain) best = { gain, answer };
  }
  return best;
}

/**
 * The measures of one ranking, which is `[{ page, sections: [{ anchor, heading }] }]`, the best page first. Each answer
 * counts once.
 */
export function measure(ranking, answers) {
  let dcg = 0;
  let ofPages = 0;
  let first;
  const found = new Set();
  for (const [place, shown] of ranking.slice(0, CUT).entries()) {
    const { gain, answer } = gainOf(shown, answers);
    if (!answer || found.has(answer)) continue;
    found.add(answer);
    dcg += gain / Math.log2(place + 2);
    ofPages += 1 / Math.log2(place + 2);
    if (gain === 1) first ??= place + 1;
  }
  let ideal = 0;
  for (let place = 0; place < Math.min(CUT, answers.length); place++) ideal += 1 / Math.log2(place + 2);
  return { ndcg: dcg / ideal, ndcgOfPages: ofPages / ideal, first };
}

/**
 * Means by kind, and over all: nDCG@10 of sections, and of pages where any section is right; how often the right section is
 * on the first page, and on any of ten.
 */
export function summarize(measured) {
  const kinds = ["all", ...new Set(measured.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const some = measured.filter((one) => kind === "all" || one.kind === kind);
    const mean = (of) => some.reduce((sum, one) => sum + of(one), 0) / some.length;
    return {
      kind,
      questions: some.length,
      ndcg: mean(({ ndcg }) => ndcg),
      ndcgOfPages: mean(({ ndcgOfPages }) => ndcgOfPages),
      first: mean(({ first }) => Number(first === 1)),
      found: mean(({ first }) => Number(first !== undefined)),
    };
  });
}
