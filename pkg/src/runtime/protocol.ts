// The messages between a page and its workers. Each request is answered once, by its id, except
// `stop`, which has none.

import type { Lists } from "../core/backend.js";
import type { ErrorCode } from "../core/errors.js";
import type { Task } from "../core/task.js";
import type { ModelFiles } from "../model/files.js";
import type { CachingExecutor, PositionedResults } from "./executor.js";

/** The methods of an executor whose calls are passed on unchanged. */
export const FORWARDED_METHODS = ["encode", "recall", "remember", "save", "restore", "info"] as const;

export type ForwardedMethod = (typeof FORWARDED_METHODS)[number];

export type Request = { id: number } & (
  | {
      op: "load";
      module: WebAssembly.Module;
      files: ModelFiles;
      setup: Task["setup"];
    }
  /** Names a lock for the worker to hold until it is stopped. The page sees by it when the worker ends. */
  | { op: "hold-lock"; lock: string | undefined }
  | { op: "run"; lists: Lists; options: Task["options"] }
  | { op: "stop" }
  | {
      [Op in ForwardedMethod]: { op: Op; given: Parameters<CachingExecutor<Task>[Op]> };
    }[ForwardedMethod]
);

export type Reply = { id: number } /** Some results of a run, which goes on. */ & (
  | { results: PositionedResults<Task> }
  | { value: unknown }
  | { error: { code: ErrorCode | undefined; message: string; position: number | undefined } }
);
