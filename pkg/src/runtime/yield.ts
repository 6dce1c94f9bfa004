// Pauses in long work, in which the thread handles messages, timers and input.

/** Work yields after this time if its parts are shorter. */
const MAX_HOLD_MS = 8;

/** The clock of the platform. Tests replace it by one that stands still. */
const now = /* @__PURE__ */ performance.now.bind(performance);

/**
 * Resolves in a task of its own, after the tasks that wait already. Timers would be late, as browsers
 * delay nested ones by 4 ms, and those of hidden pages by a second; and tests replace timers and
 * `setImmediate`. Node handles up to 1000 messages of one channel in one task, and so each pause has
 * its own.
 */
export function nextTask(): Promise<void> {
  // jsdom has none.
  if (!globalThis.MessageChannel) return new Promise((resolve) => setTimeout(resolve));
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Yields the thread if the work has held it for long. */
export class Yielder {
  #since = now();

  async yieldIfDue(): Promise<void> {
    if (now() - this.#since < MAX_HOLD_MS) return;
    await nextTask();
    this.#since = now();
  }
}
