// Where documents are scored or embedded: on this thread, in workers, or by a service. Texts are
// checked before they come here, and documents are plain strings.

import type { Encoding } from "../types/index.js";
import type { Reranking, Work } from "./work.js";

/** Lists to read: `documents[i]` for `queries[i]`. */
export interface Lists {
  queries: string[];
  documents: string[][];
}

export interface Job extends Lists {
  /** What messages call a document. */
  place(list: number, index: number): string;
}

/** How a job is watched and stopped. */
export interface Control<W extends Work = Reranking> {
  options: W["options"];
  /** Compute every result, and leave the score cache as it is. */
  skipCache: boolean;
  /**
   * Stops the job. Whoever makes the call sees to it that the caller hears of it at once; here it
   * ends the work.
   */
  signal: AbortSignal;
  /** Told of each result as it becomes known. */
  found(list: number, index: number, result: W["result"]): void;
  /** The results told so far are void, because another home begins again, for this reason. */
  restarted(reason: Error): void;
}

export interface Home<W extends Work = Reranking> {
  /** Resolves when every document has its result. */
  run(job: Job, control: Control<W>): Promise<void>;
  encode(...given: W["encode"]): Promise<Encoding>;
  info(): Promise<W["info"]>;
  /** Later calls reject at once; resolves when what is to be kept is kept. */
  dispose(): Promise<void>;
}
