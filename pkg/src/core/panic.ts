// The errors and panics of the core.

import { CrossrankError, type ErrorCode, toError } from "./errors.js";
import { isError } from "./realm.js";

interface CoreBindings {
  lastPanic(): string | undefined;
}

/** Where an instance panicked, if it has and can still say so. */
export function lastPanic(bindings: CoreBindings): string | undefined {
  try {
    return bindings.lastPanic();
  } catch {
    return undefined;
  }
}

/** Whether the core threw the error. All others are traps, or errors of the engine itself. */
export function isCoreError(error: unknown): error is { code: ErrorCode; message: string } {
  return typeof error === "object" && error !== null && !isError(error) && "code" in error;
}

/** The error of the core, or that of an instance that has crashed. `next` is what loads a new one. */
export function errorOfCore(error: unknown, bindings: CoreBindings, next: string): CrossrankError {
  if (error instanceof CrossrankError) return error;
  if (isCoreError(error)) return new CrossrankError(error.code, error.message);
  const panic = lastPanic(bindings);
  if (panic === undefined && isFailedAllocation(error)) return outOfMemory(next, error);
  const reason = panic ?? toError(error).message;
  const message = `the WebAssembly instance crashed (${reason}); ${next} loads a new one`;
  return new CrossrankError("runtime-crashed", message, { cause: error });
}

/** The error of an instance that could not be created. */
export function errorOfInstantiation(cause: unknown): CrossrankError {
  // Engines throw a RangeError where they cannot allocate the memory that an instance begins with.
  if (toError(cause).name === "RangeError") return outOfMemory("the next call", cause);
  const message = "the WebAssembly file does not fit this code; take both from one version";
  return new CrossrankError("runtime-failed", message, { cause });
}

/** Rust ends a program that cannot allocate by the instruction `unreachable`, without a panic. */
function isFailedAllocation(error: unknown): boolean {
  const { name, message } = toError(error);
  return name === "RuntimeError" && /unreachable/i.test(message);
}

function outOfMemory(next: string, cause: unknown): CrossrankError {
  const message =
    "the WebAssembly instance has no more memory; give fewer or shorter texts in a call, fewer workers " +
    `or a smaller model; ${next} loads a new one`;
  return new CrossrankError("out-of-memory", message, { cause });
}
