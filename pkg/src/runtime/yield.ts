// Pauses in long work, in which the thread handles messages, timers and input.

/** Work yields after this time if its parts are shorter. */
const MAX_HOLD_MS = 8;

let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/**
 * Resolves in a task of its own, after the tasks that wait already. Timers would be late: browsers
 * delay nested ones by 4 ms, and those of hidden pages by a second.
 */
function nextTask(): Promise<void> {
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

/** Yields the thread if the work has held it for long. */
export class Yielder {
  #since = performance.now();

  async yieldIfDue(): Promise<void> {
    if (performance.now() - this.#since < MAX_HOLD_MS) return;
    await nextTask();
    this.#since = performance.now();
  }
}
