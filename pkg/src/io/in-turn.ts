// One of several loads of a model at a time, in this tab and in others.

import type { LoadOptions } from "../../types/index.js";
import { LinkedAbortController } from "../core/abort.js";

type OnProgress = LoadOptions["onProgress"];

/** Others wait no longer for a load that reports nothing for this long. Its tab may be frozen. */
const MAX_SILENCE_MS = 10_000;

/**
 * Makes the call when no other call of this name is under way. Meanwhile, `onProgress` receives the
 * other's progress. Makes the call at once if the browser has no locks or refuses them.
 */
export async function inTurn<R>(
  name: string,
  signal: AbortSignal,
  onProgress: OnProgress,
  call: (onProgress: OnProgress) => Promise<R>,
): Promise<R> {
  let channel: BroadcastChannel | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let turn: Promise<R> | undefined;
  const waiting = new LinkedAbortController(signal);
  const begin = () => {
    clearTimeout(timer);
    if (channel) channel.onmessage = null;
    turn ??= call((progress) => {
      channel?.postMessage(progress);
      onProgress?.(progress);
    });
    return turn;
  };
  const waitForNews = () => {
    clearTimeout(timer);
    timer = setTimeout(() => waiting.abort(), MAX_SILENCE_MS);
  };
  try {
    channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => {
      waitForNews();
      try {
        onProgress?.(data);
      } catch {
        // The call itself will meet this error.
        waiting.abort();
      }
    };
    waitForNews();
    await navigator.locks.request(name, { signal: waiting.signal }, begin);
  } catch {
    // The call itself may have failed, or it has not begun.
  }
  try {
    if (!turn) signal.throwIfAborted();
    return await begin();
  } finally {
    channel?.close();
    waiting.unlink();
  }
}
