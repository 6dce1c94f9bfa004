// How long to wait before a request is repeated.

import { abortable } from "./abort.js";

const MAX_DELAY_MS = 8_000;

/** Waits. Rejects with the signal's reason if it aborts first. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = () =>
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
  return abortable(signal, wait).finally(() => clearTimeout(timer));
}

/**
 * The delay before a retry, in milliseconds; the first retry is number 0. Half of the delay is
 * random, so that clients that failed together do not return together.
 */
export function backoff(firstDelay: number, retry: number): number {
  return Math.min(firstDelay * 2 ** retry, MAX_DELAY_MS) * (0.5 + Math.random() / 2);
}
