// Homes made of other homes: one that is loaded when it is first needed, and two of which the
// second answers where the first cannot, in one call or from then on.

import type { Encoding, Info } from "../types/index.js";
import { CrossrankError, disposed, type ErrorCode } from "./errors.js";
import type { Control, Home, Job } from "./home.js";

/** A home that the first call loads. A failed load is forgotten, so that the next call tries. */
export class Lazy implements Home {
  readonly #load: () => Promise<Home>;
  #home: Promise<Home> | undefined;
  #disposed = false;

  constructor(load: () => Promise<Home>) {
    this.#load = load;
  }

  async run(...given: Parameters<Home["run"]>): Promise<void> {
    return (await this.#loaded()).run(...given);
  }

  async encode(...given: Parameters<Home["encode"]>): Promise<Encoding> {
    return (await this.#loaded()).encode(...given);
  }

  async info(): Promise<Info> {
    return (await this.#loaded()).info();
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const home = this.#home;
    this.#home = undefined;
    await home?.then((home) => home.dispose(), () => {});
  }

  #loaded(): Promise<Home> {
    if (this.#disposed) return Promise.reject(disposed());
    return (this.#home ??= this.#load().catch((error) => {
      this.#home = undefined;
      throw error;
    }));
  }
}

/** What the caller did wrong goes wrong in any home. */
const CALLERS_FAULT: ErrorCode[] = [
  "invalid-argument",
  "invalid-text",
  "input-too-large",
  "disposed",
];

/**
 * Asks the first home, and the second where the first fails. With `leave` it asks the first no more
 * after that; `leave` is told why, once, and disposes of it.
 */
export class Fallback implements Home {
  readonly #first: Home;
  readonly #second: Home;
  readonly #leave: ((reason: Error) => void) | undefined;
  /** Why the first is asked no more. */
  #left: Error | undefined;

  constructor(first: Home, second: Home, leave?: (reason: Error) => void) {
    this.#first = first;
    this.#second = second;
    this.#leave = leave;
  }

  run(job: Job, control: Control): Promise<void> {
    let failed = false;
    const first: Control = {
      ...control,
      found: (...result) => failed || control.found(...result),
    };
    const restart = (reason: Error) => {
      failed = true;
      control.restarted(reason);
    };
    const call = (home: Home) => home.run(job, failed ? control : first);
    return this.#either(call, restart, control.signal);
  }

  encode(...given: Parameters<Home["encode"]>): Promise<Encoding> {
    return this.#either((home) => home.encode(...given));
  }

  info(): Promise<Info> {
    return this.#either((home) => home.info());
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#first.dispose(), this.#second.dispose()]);
  }

  async #either<T>(
    call: (home: Home) => Promise<T>,
    restarted: (reason: Error) => void = () => {},
    signal?: AbortSignal,
  ): Promise<T> {
    if (this.#left) return call(this.#second);
    let reason: Error;
    try {
      return await call(this.#first);
    } catch (error) {
      // What was under way when the first was left fails because that was disposed of.
      if (isCallersFault(error) && !this.#left) throw error;
      // Who stops a call is told of that, and the first may have failed all the same.
      const stopped = signal?.aborted ? { by: signal.reason as unknown } : undefined;
      if (stopped && error === stopped.by) throw error;
      reason = this.#left ?? asError(error);
      if (this.#leave && !this.#left) {
        this.#left = reason;
        this.#leave(reason);
      }
      if (stopped) throw stopped.by;
    }
    restarted(reason);
    try {
      return await call(this.#second);
    } catch (error) {
      if (signal?.aborted || !(error instanceof CrossrankError)) throw error;
      const message = `${error.message} (the second choice; the first: ${reason.message})`;
      const cause = new AggregateError([reason, error]);
      throw new CrossrankError(error.code, message, { cause });
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}

function isCallersFault(error: unknown): boolean {
  return error instanceof CrossrankError && CALLERS_FAULT.includes(error.code);
}
