/** A controller that aborts when a signal does. `unfollow` them at the end of the work. */
export class Stop extends AbortController {
  readonly #followed: AbortSignal[];
  readonly #forward = ({ target }: Event) => this.abort((target as AbortSignal).reason);

  constructor(...signals: (AbortSignal | undefined)[]) {
    super();
    this.#followed = signals.filter((signal) => signal !== undefined);
    for (const signal of this.#followed) {
      if (signal.aborted) this.abort(signal.reason);
      signal.addEventListener("abort", this.#forward, { once: true });
    }
  }

  unfollow(): void {
    for (const signal of this.#followed) signal.removeEventListener("abort", this.#forward);
  }
}

/** Makes the call, unless the signal has aborted; rejects with its reason as soon as it does. */
export async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
): Promise<T> {
  if (!signal) return call();
  signal.throwIfAborted();
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => (abort = () => reject(signal.reason)));
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([call(), aborted]).finally(() => signal.removeEventListener("abort", abort));
}

/**
 * Makes the call with a signal, which aborts when the other one does, and with `late` after so many
 * milliseconds; rejects with its reason as soon as it does.
 */
export async function unlessLate<T>(
  milliseconds: number | undefined,
  late: Error,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new Stop(signal);
  const timer =
    milliseconds === undefined ? undefined : setTimeout(() => stop.abort(late), milliseconds);
  try {
    return await unlessAborted(stop.signal, () => call(stop.signal));
  } finally {
    clearTimeout(timer);
    stop.unfollow();
  }
}

/** Waits, unless the signal aborts first. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const rest = () =>
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
  return unlessAborted(signal, rest).finally(() => clearTimeout(timer));
}

/** Waits between requests grow to this. */
const LONGEST_DELAY = 8_000;

/**
 * The milliseconds to wait before a retry, the first of which is number 0. Half of the wait is
 * left to chance, so that clients that failed together do not return so.
 */
export function backoff(first: number, retry: number): number {
  return Math.min(first * 2 ** retry, LONGEST_DELAY) * (0.5 + Math.random() / 2);
}
