/**
 * Reranks the results of Orama.
 *
 * ```js
 * import { create, search } from "@orama/orama";
 * import { pluginCrossrank } from "crossrank/orama";
 * const plugin = pluginCrossrank({ reranker: () => Reranker.load(), topK: 10 });
 * const db = create({ schema: { text: "string" }, plugins: [plugin] });
 * const { hits } = await search(db, { term: "what is a vector database", limit: 50 });
 * ```
 */

import type { HitOptions, HitReranker } from "./hits.js";
import type { RerankerSource } from "./source.js";

export type { HitReranker, RerankerSource };

/** A hit of Orama. */
export interface OramaHit {
  id: string;
  score: number;
  // biome-ignore lint/suspicious/noExplicitAny: documents have the type that the schema of a database says.
  document: any;
}

/** Options of {@link rerankResults}: those of `rerankHits`. */
export interface OramaOptions<H extends OramaHit = OramaHit> extends Omit<HitOptions<H>, "text" | "score"> {
  /** Gives the text of a hit, or a promise of it. Default: the field `text` of its document. */
  text?: ((hit: H, index: number) => string | PromiseLike<string>) | undefined;
}

/** The reranker of {@link pluginCrossrank}, and options for every search. */
export interface PluginOptions extends Omit<OramaOptions, "signal"> {
  reranker: RerankerSource;
}

/** A plugin of Orama. */
export interface CrossrankPlugin {
  name: string;
  afterSearch(
    db: unknown,
    params: unknown,
    language: string | undefined,
    results: { hits: OramaHit[] },
  ): Promise<void>;
}

/**
 * Reranks the hits of every search that has a `term`. `limit` is the number of hits that Orama finds,
 * and `topK` the number that are kept. With this plugin, `search` always gives a promise.
 */
export function pluginCrossrank(options: PluginOptions): CrossrankPlugin;

/**
 * Reranks the results of one search. The hits are copies whose `score` is the new one, or NaN if a hit
 * was not scored. If the call fails with `onError: "original-order"`, they keep Orama's scores.
 */
export function rerankResults<R extends { hits: OramaHit[] }>(
  reranker: HitReranker,
  query: string,
  results: R,
  options?: OramaOptions<R["hits"][number]>,
): Promise<R>;
