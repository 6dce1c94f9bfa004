// One call: what stops it, and what it has so far.

import { unlessAborted, type Stop } from "./abort.js";
import type { Home, Job } from "./home.js";
import type { Reranking, Work } from "./work.js";

export interface CallControl<W extends Work = Reranking> {
  options: W["options"];
  skipCache: boolean;
  signal: AbortSignal | undefined;
  timeoutMs: number | undefined;
}

/** The results of a job, which come one by one. */
export class Call<W extends Work = Reranking> {
  /** By list and document; undefined is not known yet, or never will be. */
  readonly results: (W["result"] | undefined)[][];
  /** Why the primary did not answer, where the secondary did. */
  fallback: Error | undefined;
  readonly #job: Job;
  readonly #changed: () => void;

  /** `changed` is called when there are new results. */
  constructor(job: Job, changed: () => void = () => {}) {
    this.#job = job;
    this.#changed = changed;
    this.results = job.documents.map((list) => Array(list.length).fill(undefined));
  }

  /** Resolves when all results are known, or when the time is over; rejects when `stop` aborts. */
  async run(
    home: Home<W>,
    { options, skipCache, timeoutMs }: CallControl<W>,
    stop: Stop,
  ): Promise<void> {
    let ended = false;
    const work = home.run.bind(home, this.#job, {
      options,
      skipCache,
      signal: stop.signal,
      found: (list, index, result) => {
        if (ended || stop.signal.aborted) return;
        this.results[list]![index] = result;
        try {
          this.#changed();
        } catch (error) {
          // It is the caller's code, and runs inside a worker's message: the call hears of it.
          stop.abort(error);
        }
      },
      restarted: (reason) => {
        this.fallback = reason;
        for (const list of this.results) list.fill(undefined);
      },
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => {
      if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
    });
    try {
      await unlessAborted(stop.signal, () => Promise.race([work(), timeout]));
    } finally {
      clearTimeout(timer);
      ended = true;
      // What is still under way is under way for nobody.
      stop.abort();
    }
  }
}
