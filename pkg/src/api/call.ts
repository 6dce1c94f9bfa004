// One call: its results so far, and what ends it.

import type { AbortSignalLike } from "../../types/index.js";
import { abortable, type LinkedAbortController } from "../core/abort.js";
import type { Backend, Job } from "../core/backend.js";
import type { Reranking, Task } from "../core/task.js";

export interface CallControl<T extends Task = Reranking> {
  options: T["options"];
  skipCache: boolean;
  signal: AbortSignalLike | undefined;
  timeoutMs: number | undefined;
}

/** The results of a job, which arrive one by one. */
export class Call<T extends Task = Reranking> {
  /** By list and document. Undefined means not known yet, or never. */
  readonly results: (T["result"] | undefined)[][];
  /** Why the primary backend failed, if the secondary answered. */
  fallback: Error | undefined;
  readonly #job: Job;
  readonly #onChange: () => void;

  /** `onChange` is called when there are new results. */
  constructor(job: Job, onChange: () => void = () => {}) {
    this.#job = job;
    this.#onChange = onChange;
    this.results = job.documents.map((list) => Array(list.length).fill(undefined));
  }

  /** Resolves when all results are known or the time is up. Rejects when `controller` aborts. */
  async run(
    backend: Backend<T>,
    { options, skipCache, timeoutMs }: CallControl<T>,
    controller: LinkedAbortController,
  ): Promise<void> {
    let ended = false;
    const { signal } = controller;
    const work = () =>
      backend.run(this.#job, {
        options,
        skipCache,
        hasTimeLimit: timeoutMs !== undefined,
        signal,
        onResult: (list, index, result) => {
          if (ended || signal.aborted) return;
          this.results[list]![index] = result;
          try {
            this.#onChange();
          } catch (error) {
            // The caller's code threw, in the handler of a worker's message. The call rejects.
            controller.abort(error);
          }
        },
        onRestart: (reason) => {
          this.fallback = reason;
          for (const list of this.results) list.fill(undefined);
        },
      });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => {
      if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
    });
    try {
      await abortable(signal, () => Promise.race([work(), timeout]));
    } finally {
      clearTimeout(timer);
      ended = true;
      // Nobody waits for the rest.
      controller.abort();
    }
  }
}
