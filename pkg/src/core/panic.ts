// The errors and panics of the core.

import type { ErrorCode } from "./errors.js";
import { isError } from "./realm.js";

/** Where an instance panicked, if it has and can still say so. */
export function lastPanic(bindings: { lastPanic(): string | undefined }): string | undefined {
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
