// How long to wait before a request is repeated.

import { abortable } from "./abort.js";

const MAX_DELAY_MS = 8_000;

/** A server that asks for a longer wait than this has failed. The caller decides what to do. */
export const MAX_RETRY_AFTER_MS = 60_000;

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

/** The wait that a server asks for, in milliseconds. It gives seconds or a date (RFC 9110, 10.2.3). */
export function retryAfterOf({ headers }: Response): number | undefined {
  const header = headers.get("retry-after")?.trim();
  if (!header) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
