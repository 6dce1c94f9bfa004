// What scores or embeds documents: this thread, workers, or a service. The public API checks texts
// before a backend receives them, and passes documents as plain strings.

import type { Encoding } from "../../types/index.js";
import type { Reranking, Task } from "./task.js";

/** Lists of documents: `documents[i]` belongs to `queries[i]`. */
export interface Lists {
  queries: string[];
  documents: string[][];
}

export interface Job extends Lists {
  /** Names a document in a message. */
  describe(list: number, index: number): string;
}

/** How a job is observed and stopped. */
export interface RunControl<T extends Task = Reranking> {
  options: T["options"];
  /** Compute every result, and leave the score cache as it is. */
  skipCache: boolean;
  /** Whether the call ends with the results that are known when its time is up. */
  hasTimeLimit: boolean;
  /** Stops the work. The public API rejects the caller's promise by itself, without waiting for that. */
  signal: AbortSignal;
  /** Called with each result as it becomes known. */
  onResult(list: number, index: number, result: T["result"]): void;
  /** The results so far are void: another backend starts again, for this reason. */
  onRestart(reason: Error): void;
}

export interface Backend<T extends Task = Reranking> {
  /** Resolves when every document has its result. */
  run(job: Job, control: RunControl<T>): Promise<void>;
  encode(...given: T["encode"]): Promise<Encoding>;
  info(): Promise<T["info"]>;
  /** Later calls reject at once. Resolves when everything that has to be saved is saved. */
  dispose(): Promise<void>;
}
