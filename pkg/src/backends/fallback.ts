// A primary backend, and a secondary one that answers if the primary cannot.

import type { Encoding, Info } from "../../types/index.js";
import type { Backend, Job, RunControl } from "../core/backend.js";
import { CrossrankError, type ErrorCode, toError } from "../core/errors.js";

/** These fail in any backend. */
const CALLER_ERRORS: ErrorCode[] = ["invalid-argument", "invalid-text", "input-too-large", "disposed"];

/**
 * Asks the primary, and the secondary if the primary fails. With `abandonPrimary`, the first failure
 * is final: the callback is called once with the reason, has to dispose of the primary, and all
 * later calls go to the secondary.
 */
export class Fallback implements Backend {
  readonly #primary: Backend;
  readonly #secondary: Backend;
  readonly #abandonPrimary: ((reason: Error) => void) | undefined;
  /** Why the primary was abandoned. */
  #abandoned: Error | undefined;

  constructor(primary: Backend, secondary: Backend, abandonPrimary?: (reason: Error) => void) {
    this.#primary = primary;
    this.#secondary = secondary;
    this.#abandonPrimary = abandonPrimary;
  }

  run(job: Job, control: RunControl): Promise<void> {
    let hasFailed = false;
    const primaryControl: RunControl = {
      ...control,
      onResult: (...result) => hasFailed || control.onResult(...result),
    };
    const onFailure = (reason: Error) => {
      hasFailed = true;
      control.onRestart(reason);
    };
    const call = (backend: Backend) => backend.run(job, hasFailed ? control : primaryControl);
    return this.#call(call, onFailure, control.signal);
  }

  encode(...given: Parameters<Backend["encode"]>): Promise<Encoding> {
    return this.#call((backend) => backend.encode(...given));
  }

  info(): Promise<Info> {
    return this.#call((backend) => backend.info());
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#primary.dispose(), this.#secondary.dispose()]);
  }

  async #call<R>(
    call: (backend: Backend) => Promise<R>,
    onFailure: (reason: Error) => void = () => {},
    signal?: AbortSignal,
  ): Promise<R> {
    if (this.#abandoned) return call(this.#secondary);
    let reason: Error;
    try {
      return await call(this.#primary);
    } catch (error) {
      // Calls that were under way when the primary was abandoned fail because it was disposed of.
      if (isCallerError(error) && !this.#abandoned) throw error;
      // An aborted call rejects with its signal's reason, even if the primary has failed as well.
      const abort = signal?.aborted ? { reason: signal.reason as unknown } : undefined;
      if (abort && error === abort.reason) throw error;
      reason = this.#abandoned ?? toError(error);
      if (this.#abandonPrimary && !this.#abandoned) {
        this.#abandoned = reason;
        this.#abandonPrimary(reason);
      }
      if (abort) throw abort.reason;
    }
    onFailure(reason);
    try {
      return await call(this.#secondary);
    } catch (error) {
      if (signal?.aborted || !(error instanceof CrossrankError)) throw error;
      const message = `${error.message} (this was the secondary; the primary: ${reason.message})`;
      const cause = new AggregateError([reason, error]);
      throw new CrossrankError(error.code, message, { cause });
    }
  }
}

function isCallerError(error: unknown): boolean {
  return error instanceof CrossrankError && CALLER_ERRORS.includes(error.code);
}
