// Pauses in long work, in which the thread takes messages, timers and input.

/** The longest that work holds a thread, where its pieces are shorter. */
const LONGEST = 8;

let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/**
 * Resolves in a task of its own, after those that wait already. Timers would be late: browsers
 * make nested ones wait for 4 ms, and hidden pages for a second.
 */
function task(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => waiting.shift()!();
  }
  const { port2 } = channel;
  return new Promise((resolve) => {
    waiting.push(resolve);
    port2.postMessage(undefined);
  });
}

/** Lets the thread breathe where it has been held for long. */
export class Breath {
  #since = performance.now();

  async take(): Promise<void> {
    if (performance.now() - this.#since < LONGEST) return;
    await task();
    this.#since = performance.now();
  }
}
