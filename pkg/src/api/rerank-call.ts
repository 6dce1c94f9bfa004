// A call that gives rankings.

import type { CallOptions, Document, Ranking } from "../../types/index.js";
import type { LinkedAbortController } from "../core/abort.js";
import type { Backend, Job } from "../core/backend.js";
import { toError } from "../core/errors.js";
import { isError } from "../core/realm.js";
import { copyArray } from "../core/validate.js";
import { Call } from "./call.js";
import { checkQuery, parseRerankOptions, parseTopK, type RerankControl, textsOf } from "./options.js";
import { rank } from "./rank.js";

/** A list of documents as a caller gives it. */
export interface DocumentList<D> {
  query: string;
  documents: readonly D[];
}

export class RerankCall<D extends Document> {
  readonly control: RerankControl;
  readonly #lists: DocumentList<D>[];
  readonly #topK: number;
  readonly #options: CallOptions<D> | undefined;
  /** What messages put before the name of a list's document. */
  readonly #prefixOf: (list: number) => string;
  #texts: string[][] = [];
  #call: Call | undefined;
  #error: Error | undefined;
  /** Called when there are new scores. */
  onChange: () => void = () => {};

  constructor(
    lists: DocumentList<D>[],
    topK: number | undefined,
    options: CallOptions<D> | undefined,
    prefixOf: (list: number) => string = () => "",
  ) {
    this.control = parseRerankOptions(options);
    this.#topK = parseTopK(topK);
    this.#lists = lists.map(({ query, documents }, i) => ({
      query,
      documents: copyArray(documents, `${prefixOf(i)}documents`),
    }));
    this.#options = options;
    this.#prefixOf = prefixOf;
  }

  async run(backend: Backend, controller: LinkedAbortController): Promise<void> {
    try {
      this.#call = new Call(this.#createJob(), () => this.onChange());
      await this.#call.run(backend, this.control, controller);
    } catch (error) {
      const isAborted = this.control.signal?.aborted || isAbortError(error);
      if (!this.control.keepOrder || isAborted) throw error;
      this.#error = toError(error);
    }
  }

  /** The rankings by the scores so far. */
  rankings(): Ranking<D>[] {
    const error = this.#error;
    const fallback = this.#call?.fallback;
    return this.#lists.map(({ documents }, i) => {
      const unknown = Array<undefined>(documents.length).fill(undefined);
      const scores = error ? unknown : (this.#call?.results[i] ?? unknown);
      // After a failure, all results of the first stage are kept.
      const minScore = error ? undefined : this.control.minScore;
      const ranking = rank(scores, documents, this.#texts[i] ?? [], { topK: this.#topK, minScore });
      return { ...ranking, ...(fallback && { fallback }), ...(error && { error }) };
    });
  }

  #createJob(): Job {
    const prefixOf = this.#prefixOf;
    const nameOfQuery = (i: number) => (this.#lists.length > 1 ? `query ${i}` : "the query");
    const describe = (list: number, index: number) => `${prefixOf(list)}document ${index}`;
    this.#texts = this.#lists.map(({ documents }, list) =>
      textsOf(documents, this.#options, (index) => describe(list, index)),
    );
    return {
      queries: this.#lists.map(({ query }, i) => checkQuery(query, nameOfQuery(i))),
      documents: this.#texts,
      describe,
    };
  }
}

function isAbortError(error: unknown): boolean {
  return isError(error) && error.name === "AbortError";
}
