// The order of results that were reranked.

import type { FoundSection } from "./bindings.js";

/** Puts results in the order of the reranker, with its scores. `ranked` names them by their place. */
export function rerankedOrder(
  results: readonly FoundSection[],
  ranked: readonly { index: number; score: number }[],
): FoundSection[] {
  return ranked.map(({ index, score }) => ({ ...results[index]!, score }));
}
