import type { ErrorCode } from "../types/index.js";

export type { ErrorCode };

/** Every error of this package, except after an abort, which rejects with the signal's reason. */
export class CrossrankError extends Error {
  override readonly name = "CrossrankError" as const;
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function disposed(): CrossrankError {
  return new CrossrankError("disposed", "this model was disposed of; load a new one");
}

/** An error about one document of a job, which the message does not name. */
export class DocumentError extends CrossrankError {
  readonly position: number;

  constructor(code: ErrorCode, message: string, position: number) {
    super(code, message);
    this.position = position;
  }
}

/** A worker that ended by itself; its seat starts another one for the next call. */
export class WorkerDied extends CrossrankError {
  constructor(cause?: unknown) {
    super("runtime-crashed", "the worker that computed has died; call again", { cause });
  }
}

/** A failure of what computes: it is none of the call, nor of whoever stopped the call. */
export function isFailure(error: unknown): boolean {
  return error instanceof CrossrankError && FAILURES.includes(error.code);
}

const FAILURES: ErrorCode[] = ["gpu-failed", "runtime-crashed"];
