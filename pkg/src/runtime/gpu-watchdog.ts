// Notices that the core's work on a GPU will never end.

import { lastPanic } from "../core/panic.js";
import type { Bindings } from "./bindings.js";

const CHECK_INTERVAL_MS = 500;
const GPU_TIMEOUT_MS = 60_000;

/**
 * Waits for a promise of the core. It would never settle after a panic in the core's asynchronous
 * code, after an exception of the browser in it, or if the driver hangs.
 */
export async function withGpuWatchdog<R>(bindings: Bindings, promise: Promise<R>): Promise<R> {
  let timer: ReturnType<typeof setInterval> | undefined;
  const failure = new Promise<never>((_, reject) => {
    let waited = 0;
    timer = setInterval(() => {
      waited += CHECK_INTERVAL_MS;
      const panic = lastPanic(bindings);
      if (panic !== undefined) reject(new Error(panic));
      if (waited >= GPU_TIMEOUT_MS) reject(new Error("the GPU does not answer"));
    }, CHECK_INTERVAL_MS);
  });
  return Promise.race([promise, failure]).finally(() => clearInterval(timer));
}
