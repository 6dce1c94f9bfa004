"use client";
// A hook that reranks in React.

import { useEffect, useRef, useState } from "react";
import type { CallOptions, Document, Ranking, WithText } from "../../types/index.js";
import type { UseRerankOptions, UseRerankState } from "../../types/react.js";
import { abortable } from "../core/abort.js";
import { toError } from "../core/errors.js";
import { modelOf } from "./source.js";

export function useRerank<D extends Document>(
  query: string,
  documents: readonly D[],
  options: UseRerankOptions<D>,
): UseRerankState<D> {
  // A transition renders the next ranking while the present one stays on the screen. React drops the
  // state of a render that it suspends or gives up. References stay.
  const tasks = useRef<{ present?: RerankTask<D>; next?: RerankTask<D> }>({}).current;
  const [settled, setSettled] = useState<Settled<D> | undefined>(undefined);
  const { present, next } = tasks;
  let task = [present, next].find((known) => known?.isFor(query, documents, options));
  if (!task) {
    next?.abort();
    task = tasks.next = new RerankTask(query, documents, options);
  }
  useEffect(() => {
    tasks.present = task;
    if (tasks.next === task) tasks.next = undefined;
    let isShown = true;
    const show = (state: Omit<Settled<D>, "task">) => isShown && setSettled({ task, ...state });
    task.start().then(
      (ranking) => show({ ranking }),
      (error) => show({ error: toError(error) }),
    );
    return () => {
      isShown = false;
      task.abort();
    };
  }, [task]);
  useEffect(() => () => tasks.next?.abort(), []);

  const isPending = !task.isIdle && settled?.task !== task;
  const ranking = task.isIdle ? undefined : settled?.ranking;
  const error = isPending ? undefined : settled?.error;
  return { results: ranking?.results ?? [], ranking, error, isPending, promise: task };
}

interface Settled<D> {
  task: RerankTask<D>;
  ranking?: Ranking<D>;
  error?: Error;
}

/** One ranking. It begins when it is shown, or when somebody waits for it. */
class RerankTask<D> implements PromiseLike<Ranking<D>> {
  readonly isIdle: boolean;
  readonly #query: string;
  readonly #documents: readonly D[];
  readonly #options: UseRerankOptions<D>;
  readonly #result: Promise<Ranking<D>>;
  #resolve!: (ranking: Ranking<D>) => void;
  #reject!: (error: unknown) => void;
  /** Ends the call that is under way. Undefined if there is none. */
  #controller: AbortController | undefined;
  #isSettled = false;

  constructor(query: string, documents: readonly D[], options: UseRerankOptions<D>) {
    this.isIdle = query.trim() === "" || documents.length === 0;
    this.#query = query;
    this.#documents = documents;
    this.#options = options;
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#result.catch(() => {});
  }

  isFor(query: string, documents: readonly D[], options: UseRerankOptions<D>): boolean {
    return (
      query === this.#query &&
      isSameList(documents, this.#documents) &&
      isSameList(comparable(options), comparable(this.#options))
    );
  }

  // biome-ignore lint/suspicious/noThenProperty: a reader of the promise begins the ranking.
  then<A = Ranking<D>, B = never>(
    onResult?: ((ranking: Ranking<D>) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.start().then(onResult, onError);
  }

  start(): Promise<Ranking<D>> {
    if (!this.#isSettled && !this.#controller) void this.#run((this.#controller = new AbortController()));
    return this.#result;
  }

  /** Ends the call. The next start begins again, as in StrictMode, which shows a component twice. */
  abort(): void {
    this.#controller?.abort();
    this.#controller = undefined;
  }

  async #run({ signal }: AbortController): Promise<void> {
    const { reranker, topK, ...callOptions } = this.#options;
    const settle = (act: () => void) => {
      if (signal.aborted) return;
      this.#isSettled = true;
      this.#controller = undefined;
      act();
    };
    try {
      const ranking = this.isIdle
        ? { results: [], queryTruncated: false, partial: false }
        : await (await abortable(signal, modelOf(reranker, "rerank"))).rerank(
            this.#query,
            this.#documents as readonly (D & object)[],
            topK,
            { ...(callOptions as WithText<D & object, CallOptions<D & object>>), signal },
          );
      settle(() => this.#resolve(ranking));
    } catch (error) {
      settle(() => this.#reject(error));
    }
  }
}

/** What counts as another ranking when it changes. */
function comparable({ text: _, ...options }: UseRerankOptions<never>): unknown[] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flat();
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
