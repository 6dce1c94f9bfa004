import type * as declared from "../../types/index.js";
import { isError } from "./realm.js";

export type ErrorCode = declared.ErrorCode;

/** Every error of this package. After an abort, calls reject with the signal's reason instead. */
export class CrossrankError extends Error implements declared.CrossrankError {
  override readonly name = "CrossrankError" as const;
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Errors of another copy of this package are instances too. A subclass has only its own. */
  static [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore-start lint/complexity/noThisInStatic: subclasses inherit this.
    if (this !== CrossrankError) return Function.prototype[Symbol.hasInstance].call(this, value);
    // biome-ignore-end lint/complexity/noThisInStatic: see above.
    return isError(value) && value.name === "CrossrankError" && "code" in value;
  }
}

export function disposedError(): CrossrankError {
  return new CrossrankError("disposed", "this model was disposed of; load a new one");
}

/** An error about one document of a job. The message does not name the document. */
export class DocumentError extends CrossrankError {
  readonly position: number;

  constructor(code: ErrorCode, message: string, position: number) {
    super(code, message);
    this.position = position;
  }
}

/** A worker that ended by itself. Its client starts another one for the next call. */
export class WorkerDied extends CrossrankError {
  constructor(cause?: unknown) {
    super("runtime-crashed", "the worker that computed has died; call again", { cause });
  }
}

const COMPUTE_FAILURES: ErrorCode[] = ["gpu-failed", "out-of-memory", "runtime-crashed"];

/** Whether an instance, a worker or a GPU failed, as opposed to a mistake in the call or an abort. */
export function isComputeFailure(error: unknown): boolean {
  return error instanceof CrossrankError && COMPUTE_FAILURES.includes(error.code);
}

export function toError(error: unknown): Error {
  return isError(error) ? error : new Error(String(error), { cause: error });
}
