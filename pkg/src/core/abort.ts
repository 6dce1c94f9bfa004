// Abort signals, and limits on the time that a call may take.

import type { AbortSignalLike } from "../../types/index.js";

/** The longest delay that timers accept, in milliseconds; they fire at once for a longer one. */
export const MAX_TIMER_MS = 0x7fff_ffff;

class AbortListeners extends Set<() => void> {
  readonly run = () => {
    for (const listener of this) listener();
  };
}

const listenersOf = new WeakMap<AbortSignalLike, AbortListeners>();

/**
 * Calls the listener when the signal aborts. Gives a function that removes the listener.
 *
 * All listeners of a signal share one event listener, because node warns of a signal with more than
 * ten. A program may well pass one signal to many calls.
 */
export function onAbort(signal: AbortSignalLike, listener: () => void): () => void {
  const listeners = listenersOf.get(signal) ?? new AbortListeners();
  if (listeners.size === 0) {
    listenersOf.set(signal, listeners);
    signal.addEventListener("abort", listeners.run);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) signal.removeEventListener("abort", listeners.run);
  };
}

export function throwIfAborted(signal: AbortSignalLike | undefined): void {
  // Signals of older platforms have no reason.
  if (signal?.aborted) throw signal.reason ?? new DOMException("it was aborted", "AbortError");
}

/** A controller that aborts when one of the given signals does. Call `unlink` when the work ends. */
export class LinkedAbortController extends AbortController {
  readonly #unlink: (() => void)[] = [];

  constructor(...signals: (AbortSignalLike | undefined)[]) {
    super();
    for (const signal of signals) {
      if (!signal) continue;
      const forward = () => this.abort(signal.reason);
      if (signal.aborted) forward();
      else this.#unlink.push(onAbort(signal, forward));
    }
  }

  unlink(): void {
    for (const unlink of this.#unlink) unlink();
  }
}

/**
 * Makes the call unless the signal has aborted. Rejects with the signal's reason as soon as it
 * aborts, even if the call itself goes on.
 */
export async function abortable<R>(signal: AbortSignal | undefined, call: () => Promise<R>): Promise<R> {
  if (!signal) return call();
  signal.throwIfAborted();
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => (abort = () => reject(signal.reason)));
  const unlink = onAbort(signal, abort);
  return Promise.race([call(), aborted]).finally(unlink);
}

/**
 * Makes the call with a signal of its own, which aborts when `signal` does, or with `timeoutError`
 * when the time is up. Rejects with the reason as soon as it aborts.
 */
export async function withTimeout<R>(
  milliseconds: number | undefined,
  timeoutError: Error,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const controller = new LinkedAbortController(signal);
  const timer =
    milliseconds === undefined ? undefined : setTimeout(() => controller.abort(timeoutError), milliseconds);
  try {
    return await abortable(controller.signal, () => call(controller.signal));
  } finally {
    clearTimeout(timer);
    controller.unlink();
  }
}
