// Homes made of other homes: one that is loaded when it is first needed, and two of which the
// second answers where the first cannot.

import type { Encoding, Score } from "../types/index.js";
import { CrossrankError, disposed, type ErrorCode } from "./errors.js";
import type { Home, Places } from "./home.js";

/** A home that the first call loads. A failed load is forgotten, so that the next call tries. */
export class Lazy implements Home {
  readonly #load: () => Promise<Home>;
  #home: Promise<Home> | undefined;
  #disposed = false;

  constructor(load: () => Promise<Home>) {
    this.#load = load;
  }

  async rerank(...given: Parameters<Home["rerank"]>): Promise<Places> {
    return (await this.#loaded()).rerank(...given);
  }

  async rerankBatch(...given: Parameters<Home["rerankBatch"]>): Promise<Places[]> {
    return (await this.#loaded()).rerankBatch(...given);
  }

  async score(...given: Parameters<Home["score"]>): Promise<Score[]> {
    return (await this.#loaded()).score(...given);
  }

  async encode(...given: Parameters<Home["encode"]>): Promise<Encoding> {
    return (await this.#loaded()).encode(...given);
  }

  dispose(): void {
    this.#disposed = true;
    this.#home?.then((home) => home.dispose(), () => {});
    this.#home = undefined;
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

/** Asks the first home, and the second where the first fails. */
export class Fallback implements Home {
  readonly #first: Home;
  readonly #second: Home;

  constructor(first: Home, second: Home) {
    this.#first = first;
    this.#second = second;
  }

  async rerank(...given: Parameters<Home["rerank"]>): Promise<Places> {
    const { value, fallback } = await this.#either(given[3], (home) => home.rerank(...given));
    return fallback ? { ...value, fallback } : value;
  }

  async rerankBatch(...given: Parameters<Home["rerankBatch"]>): Promise<Places[]> {
    const { value, fallback } = await this.#either(given[3], (home) => home.rerankBatch(...given));
    return fallback ? value.map((ranking) => ({ ...ranking, fallback })) : value;
  }

  async score(...given: Parameters<Home["score"]>): Promise<Score[]> {
    return (await this.#either(given[1], (home) => home.score(...given))).value;
  }

  async encode(...given: Parameters<Home["encode"]>): Promise<Encoding> {
    return (await this.#either(undefined, (home) => home.encode(...given))).value;
  }

  dispose(): void {
    this.#first.dispose();
    this.#second.dispose();
  }

  async #either<T>(
    signal: AbortSignal | undefined,
    call: (home: Home) => Promise<T>,
  ): Promise<{ value: T; fallback?: Error }> {
    let fallback;
    try {
      return { value: await call(this.#first) };
    } catch (error) {
      if (signal?.aborted || isCallersFault(error)) throw error;
      fallback = error instanceof Error ? error : new Error(String(error), { cause: error });
    }
    try {
      return { value: await call(this.#second), fallback };
    } catch (error) {
      if (signal?.aborted || !(error instanceof CrossrankError)) throw error;
      const message = `${error.message} (the second choice; the first: ${fallback.message})`;
      const cause = new AggregateError([fallback, error]);
      throw new CrossrankError(error.code, message, { cause });
    }
  }
}

function isCallersFault(error: unknown): boolean {
  return error instanceof CrossrankError && CALLERS_FAULT.includes(error.code);
}
