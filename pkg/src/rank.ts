// Scores to rankings.

import type { RankedDocument, Ranking, Score, Span } from "../types/index.js";

/** A score that is not known yet, or never will be. */
type MaybeScore = Score | undefined;

export interface RankOptions {
  topK: number;
  minScore: number | undefined;
}

/**
 * Best first, equal ones in the order given; those without a score follow in that order, unless
 * there is a least score.
 */
export function rank<D>(
  scores: MaybeScore[],
  documents: readonly D[],
  texts: string[],
  { topK, minScore }: RankOptions,
): Ranking<D> {
  const place = (index: number): RankedDocument<D> => {
    const { score = NaN, logit = NaN, truncated = false, span } = scores[index] ?? {};
    const window = span && { span: inUnits(span, texts[index]!) };
    return { index, score, logit, truncated, ...window, document: documents[index]! };
  };
  const order = [...scores.keys()]
    .filter((index) => minScore === undefined || (scores[index]?.score ?? NaN) >= minScore)
    // A stable sort keeps equal ones in index order.
    .sort((a, b) => compare(scores[a], scores[b]));
  return {
    results: order.slice(0, topK).map(place),
    queryTruncated: scores.some((score) => score?.queryTruncated),
    partial: scores.includes(undefined),
  };
}

/** By logit, which is the score without the sigmoid's rounding. It may be infinite. */
function compare(a: MaybeScore, b: MaybeScore): number {
  if (!a || !b) return Number(!a) - Number(!b);
  return descending(a.logit, b.logit) || descending(a.score, b.score);
}

function descending(a: number, b: number): number {
  return a === b ? 0 : a > b ? -1 : 1;
}

/** A part of a text: from bytes of UTF-8, in which the core counts, to JavaScript's units. */
export function inUnits({ start, end }: Span, text: string): Span {
  const units = (bytes: number) =>
    new TextEncoder().encodeInto(text, new Uint8Array(bytes)).read;
  return { start: units(start), end: units(end) };
}
