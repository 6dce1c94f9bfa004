// A call that gives rankings.

import type { CallOptions, Document, Ranking } from "../types/index.js";
import type { Stop } from "./abort.js";
import { Call } from "./call.js";
import type { Home, Job } from "./home.js";
import { arrayOf, queryOf, rankControlOf, textsOf, topKOf, type RankControl } from "./input.js";
import { rank } from "./rank.js";

/** A list as a caller gives it. */
export interface List<D> {
  query: string;
  documents: readonly D[];
}

export class RankedCall<D extends Document> {
  readonly control: RankControl;
  readonly #lists: List<D>[];
  readonly #topK: number;
  readonly #options: CallOptions<D> | undefined;
  /** What messages call a list. */
  readonly #nameOf: (list: number) => string;
  #texts: string[][] = [];
  #call: Call | undefined;
  #error: Error | undefined;
  /** Called when there are new scores. */
  changed: () => void = () => {};

  constructor(
    lists: List<D>[],
    topK: number | undefined,
    options: CallOptions<D> | undefined,
    nameOf: (list: number) => string = () => "",
  ) {
    this.control = rankControlOf(options);
    this.#topK = topKOf(topK);
    this.#lists = lists.map(({ query, documents }, i) => ({
      query,
      documents: arrayOf(documents, `${nameOf(i)}documents`),
    }));
    this.#options = options;
    this.#nameOf = nameOf;
  }

  async run(home: Home, stop: Stop): Promise<void> {
    try {
      this.#call = new Call(this.#job(), () => this.changed());
      await this.#call.run(home, this.control, stop);
    } catch (error) {
      const aborted = this.control.signal?.aborted || isAbort(error);
      if (!this.control.keepOrder || aborted) throw error;
      this.#error = error instanceof Error ? error : new Error(String(error), { cause: error });
    }
  }

  /** What there is so far. */
  rankings(): Ranking<D>[] {
    const error = this.#error;
    const fallback = this.#call?.fallback;
    return this.#lists.map(({ documents }, i) => {
      const none = Array<undefined>(documents.length).fill(undefined);
      const scores = error ? none : (this.#call?.results[i] ?? none);
      // A search that failed keeps what the first stage found.
      const minScore = error ? undefined : this.control.minScore;
      const ranking = rank(scores, documents, this.#texts[i] ?? [], { topK: this.#topK, minScore });
      return { ...ranking, ...(fallback && { fallback }), ...(error && { error }) };
    });
  }

  #job(): Job {
    const name = this.#nameOf;
    const which = (i: number) => (this.#lists.length > 1 ? `query ${i}` : "the query");
    const place = (list: number, index: number) => `${name(list)}document ${index}`;
    this.#texts = this.#lists.map(({ documents }, list) =>
      textsOf(documents, this.#options, (index) => place(list, index)),
    );
    return {
      queries: this.#lists.map(({ query }, i) => queryOf(query, which(i))),
      documents: this.#texts,
      place,
    };
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
