// Abort signals, and limits on the time that a call may take.

/** The longest delay that timers accept, in milliseconds; they fire at once for a longer one. */
export const MAX_TIMER_MS = 0x7fff_ffff;

/** A controller that aborts when one of the given signals does. Call `unlink` when the work ends. */
export class LinkedAbortController extends AbortController {
  readonly #signals: AbortSignal[];
  readonly #forward = ({ target }: Event) => this.abort((target as AbortSignal).reason);

  constructor(...signals: (AbortSignal | undefined)[]) {
    super();
    this.#signals = signals.filter((signal) => signal !== undefined);
    for (const signal of this.#signals) {
      if (signal.aborted) this.abort(signal.reason);
      signal.addEventListener("abort", this.#forward, { once: true });
    }
  }

  unlink(): void {
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#forward);
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
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([call(), aborted]).finally(() => signal.removeEventListener("abort", abort));
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
