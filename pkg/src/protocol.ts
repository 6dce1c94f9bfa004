// What a page and its workers say to each other. Every request is answered once, by its id.

import type { ErrorCode } from "./errors.js";
import type { Lists } from "./home.js";
import type { ModelFiles } from "./model.js";
import type { CacheSeat, Found } from "./seat.js";
import type { Work } from "./work.js";

/** The calls of a seat that are passed on as they are. */
export type Plain = "encode" | "recall" | "remember" | "save" | "restore" | "info";

export type Request = { id: number } & (
  | {
      op: "load";
      module: WebAssembly.Module;
      files: ModelFiles;
      setup: Work["setup"];
    }
  /** The name of a lock to hold from the start, for the page to see when the worker ends. */
  | { op: "hold"; lock: string | undefined }
  | { op: "run"; lists: Lists; options: Work["options"] }
  | { op: "stop" }
  | { [Op in Plain]: { op: Op; given: Parameters<CacheSeat<Work>[Op]> } }[Plain]
);

export type Reply = { id: number } & (
  | { found: Found<Work> }
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

