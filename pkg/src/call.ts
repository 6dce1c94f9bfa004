// One call: what stops it, and what it has so far.

import type { Score } from "../types/index.js";
import { unlessAborted, type Stop } from "./abort.js";
import type { Home, Job, ScoreOptions } from "./home.js";

/** A score that is not known yet, or never will be. */
export type MaybeScore = Score | undefined;

export interface CallControl {
  options: ScoreOptions;
  skipCache: boolean;
  signal: AbortSignal | undefined;
  timeoutMs: number | undefined;
}

/** The scores of a job, which come one by one. */
export class Call {
  /** By list and document. */
  readonly scores: MaybeScore[][];
  /** Why the primary did not answer, where the secondary did. */
  fallback: Error | undefined;
  readonly #job: Job;
  readonly #changed: () => void;

  /** `changed` is called when there are new scores. */
  constructor(job: Job, changed: () => void = () => {}) {
    this.#job = job;
    this.#changed = changed;
    this.scores = job.documents.map((list) => Array<MaybeScore>(list.length).fill(undefined));
  }

  /** Resolves when all scores are known, or when the time is over; rejects when `stop` aborts. */
  async run(home: Home, { options, skipCache, timeoutMs }: CallControl, stop: Stop): Promise<void> {
    let ended = false;
    const work = home.score.bind(home, this.#job, {
      options,
      skipCache,
      signal: stop.signal,
      scored: (list, index, score) => {
        if (ended) return;
        this.scores[list]![index] = score;
        this.#changed();
      },
      restarted: (reason) => {
        this.fallback = reason;
        for (const list of this.scores) list.fill(undefined);
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
