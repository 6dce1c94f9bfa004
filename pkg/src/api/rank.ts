// Makes rankings of scores.

import type { RankedDocument, Ranking, Score, Span } from "../../types/index.js";

/** A score; undefined if it is not known yet, or never. */
type MaybeScore = Score | undefined;

export interface RankOptions {
  topK: number;
  minScore: number | undefined;
}

/**
 * The best documents first, equal ones in the order given. Documents without a score follow in that
 * order, unless there is a `minScore`.
 */
export function rank<D>(
  scores: MaybeScore[],
  documents: readonly D[],
  texts: string[],
  { topK, minScore }: RankOptions,
): Ranking<D> {
  const toRanked = (index: number): RankedDocument<D> => {
    const { score = NaN, logit = NaN, truncated = false, span } = scores[index] ?? {};
    const units = span && { span: toCodeUnits(span, texts[index]!) };
    return { index, score, logit, truncated, ...units, document: documents[index]! };
  };
  const order = [...scores.keys()]
    .filter((index) => minScore === undefined || (scores[index]?.score ?? NaN) >= minScore)
    // The sort is stable, and so keeps equal documents in the order of their indices.
    .sort((a, b) => compare(scores[a], scores[b]));
  return {
    results: order.slice(0, topK).map(toRanked),
    queryTruncated: scores.some((score) => score?.queryTruncated),
    partial: scores.includes(undefined),
  };
}

/** Compares logits, which are scores without the sigmoid's rounding. A logit may be infinite. */
function compare(a: MaybeScore, b: MaybeScore): number {
  if (!a || !b) return Number(!a) - Number(!b);
  return descending(a.logit, b.logit) || descending(a.score, b.score);
}

function descending(a: number, b: number): number {
  return a === b ? 0 : a > b ? -1 : 1;
}

/** Converts a span from bytes of UTF-8, which the core counts in, to UTF-16 code units. */
export function toCodeUnits({ start, end }: Span, text: string): Span {
  const units = (bytes: number) => new TextEncoder().encodeInto(text, new Uint8Array(bytes)).read;
  return { start: units(start), end: units(end) };
}
