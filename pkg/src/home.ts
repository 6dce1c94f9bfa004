// Where documents are scored: on this thread, in workers, or by a service. Texts are checked
// before they come here, and documents are plain strings.

import type { Encoding, Info, Score } from "../types/index.js";

/** Lists to score: `documents[i]` for `queries[i]`. */
export interface Lists {
  queries: string[];
  documents: string[][];
}

export interface Job extends Lists {
  /** What messages call a document. */
  place(list: number, index: number): string;
}

/** How the core scores; what is left out has its defaults. */
export interface ScoreOptions {
  longDocuments?: "truncate" | "windows";
  maxWindows?: number;
}

/** How a job is watched and stopped. */
export interface Control {
  options: ScoreOptions;
  /** Compute every score, and leave the score cache as it is. */
  skipCache: boolean;
  /**
   * Stops the job. Whoever makes the call sees to it that the caller hears of it at once; here it
   * ends the work.
   */
  signal: AbortSignal;
  /** Told of each score as it becomes known. */
  scored(list: number, index: number, score: Score): void;
  /** The scores told so far are void, because another home begins again, for this reason. */
  restarted(reason: Error): void;
}

export interface Home {
  /** Resolves when every document has its score. */
  score(job: Job, control: Control): Promise<void>;
  encode(query: string, document: string): Promise<Encoding>;
  info(): Promise<Info>;
  /** Later calls reject at once; resolves when what is to be kept is kept. */
  dispose(): Promise<void>;
}
