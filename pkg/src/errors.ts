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
  return new CrossrankError("disposed", "this reranker was disposed of; load a new one");
}
