// What a page and its workers say to each other. Every request is answered once, by its id.

import type { CacheOptions } from "./bindings.js";
import type { ErrorCode } from "./errors.js";
import type { Lists, ScoreOptions } from "./home.js";
import type { ModelBlobs } from "./blobs.js";
import type { Scored, Seat } from "./seat.js";

/** The calls of a seat that are passed on as they are. */
export type Plain = "encode" | "recall" | "remember" | "save" | "restore" | "info";

export type Request = { id: number } & (
  | {
      op: "load";
      module: WebAssembly.Module;
      files: ModelBlobs;
      cache: CacheOptions | undefined;
    }
  /** The name of a lock to hold from the start, for the page to see when the worker ends. */
  | { op: "hold"; lock: string | undefined }
  | { op: "score"; lists: Lists; options: ScoreOptions }
  | { op: "stop" }
  | { [Op in Plain]: { op: Op; given: Parameters<Seat[Op]> } }[Plain]
);

export type Reply = { id: number } & (
  | { scored: Scored }
  | { value: unknown }
  | { error: { code: ErrorCode | undefined; message: string; position: number | undefined } }
);

/** One end of the line between a page and a worker. */
export interface Port {
  post(message: unknown): void;
  onMessage(take: (message: never) => void): void;
}

/** A worker as its page sees it. */
export interface WorkerPort extends Port {
  /** Called when the worker fails or ends, where the platform tells. */
  onEnd(take: (reason: unknown) => void): void;
  end(): void;
}

