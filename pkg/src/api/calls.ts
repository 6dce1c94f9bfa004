// The calls of one reranker. They check their arguments before they ask the backend.

import type { CallOptions, Document, Ranking, Score, ScoreCallOptions } from "../../types/index.js";
import { LinkedAbortController } from "../core/abort.js";
import type { Backend } from "../core/backend.js";
import { copyArray } from "../core/validate.js";
import { Call } from "./call.js";
import { checkBoundedText, parseScoreOptions, textsOf } from "./options.js";
import { toCodeUnits } from "./rank.js";
import { type DocumentList, RerankCall } from "./rerank-call.js";

export class Calls {
  readonly backend: Backend;
  /** The last call of each name that `latest` gave. */
  readonly #latest = new Map<string | symbol, AbortController>();

  constructor(backend: Backend) {
    this.backend = backend;
  }

  async rerank<D extends Document>(
    query: string,
    documents: readonly D[],
    topK: number | undefined,
    options: CallOptions<D> | undefined,
  ): Promise<Ranking<D>> {
    const call = new RerankCall([{ query, documents }], topK, options);
    await this.#run(call);
    return call.rankings()[0]!;
  }

  async rerankBatch<D extends Document>(
    lists: DocumentList<D>[],
    topK: number | undefined,
    options: CallOptions<D> | undefined,
  ): Promise<Ranking<D>[]> {
    const call = new RerankCall(lists, topK, options, (list) => `candidates ${list}, `);
    await this.#run(call);
    return call.rankings();
  }

  rerankStream<D extends Document>(
    query: string,
    documents: readonly D[],
    topK: number | undefined,
    options: CallOptions<D> | undefined,
  ): AsyncGenerator<Ranking<D>, void, undefined> {
    const controller = new AbortController();
    const start = () => new RerankCall([{ query, documents }], topK, options);
    const rankings = this.#rankings(start, controller);
    const leave = rankings.return.bind(rankings);
    // A generator would first wait for what `next` waits for.
    rankings.return = (value) => {
      controller.abort();
      return leave(value);
    };
    return rankings;
  }

  /** The rankings of a call by the scores so far. They end when the controller aborts. */
  async *#rankings<D extends Document>(
    start: () => RerankCall<D>,
    controller: AbortController,
  ): AsyncGenerator<Ranking<D>, void, undefined> {
    const call = start();
    let notify!: () => void;
    let change = new Promise<void>((resolve) => (notify = resolve));
    let ended = false;
    call.onChange = () => notify();
    const run = this.#run(call, controller.signal).finally(() => {
      ended = true;
      notify();
    });
    run.catch(() => {});
    try {
      for (;;) {
        await change;
        if (controller.signal.aborted) return;
        if (ended) break;
        change = new Promise((resolve) => (notify = resolve));
        yield call.rankings()[0]!;
      }
      await run;
      yield call.rankings()[0]!;
    } finally {
      // The caller may have left the loop.
      controller.abort();
    }
  }

  async score<D extends Document>(
    pairs: readonly (readonly [query: string, document: D])[],
    options: ScoreCallOptions<D> | undefined,
  ): Promise<Score[]> {
    const control = parseScoreOptions(options);
    const given = copyArray(pairs, "pairs").map((pair, i) => copyArray(pair, `pair ${i}`));
    const queries = given.map((pair, i) => checkBoundedText(pair[0], `pair ${i}, query`));
    const documents = given.map((pair) => pair[1] as D);
    const texts = textsOf(documents, options, (i) => `pair ${i}, document`);
    // Pairs with the same query usually follow each other, and form a list.
    const starts = [...queries.keys()].filter((i) => queries[i] !== queries[i - 1]);
    const call = new Call({
      queries: starts.map((start) => queries[start]!),
      documents: starts.map((start, list) => texts.slice(start, starts[list + 1])),
      describe: (list, index) => `pair ${starts[list]! + index}, document`,
    });
    const controller = new LinkedAbortController(control.signal);
    await call.run(this.backend, control, controller).finally(() => controller.unlink());
    return call.results.flat().map((score, i) => {
      const { span, ...rest } = score!;
      return span ? { ...rest, span: toCodeUnits(span, texts[i]!) } : rest;
    });
  }

  async #run<D extends Document>(call: RerankCall<D>, signal?: AbortSignal): Promise<void> {
    const { latest } = call.control;
    const controller = new LinkedAbortController(call.control.signal, signal);
    if (latest !== undefined) {
      const reason = new DOMException("a later call took the place of this one", "AbortError");
      this.#latest.get(latest)?.abort(reason);
      this.#latest.set(latest, controller);
    }
    try {
      await call.run(this.backend, controller);
    } finally {
      controller.unlink();
      if (latest !== undefined && this.#latest.get(latest) === controller) {
        this.#latest.delete(latest);
      }
    }
  }
}
