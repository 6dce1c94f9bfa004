// Interleaved timing: in each round every contestant takes a turn, and each round begins with another one.

/** JavaScript engines optimize WebAssembly while it runs, so that it is slow in its first seconds. */
const WARM_UP_MS = 4000;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Times contestants on `lists` of `{ query, documents }`. Gives `{ times, total, logits }` for each
 * contestant: milliseconds by list and round, the sum of the lists' medians, and the last logits of each
 * list. `onStep(text, share)` is called with the progress, a share from 0 to 1.
 */
export async function measure(
  contestants,
  lists,
  { rounds, signal, onStep = () => {}, warmUp = WARM_UP_MS },
) {
  const found = contestants.map(() => ({ times: lists.map(() => []), logits: [] }));
  const steps = contestants.length * (1 + rounds * lists.length);
  let done = 0;
  const step = (text) => {
    signal?.throwIfAborted();
    onStep(text, done++ / steps);
    // Contestants may compute on this thread. The page shows the text before that.
    return new Promise((resolve) => setTimeout(resolve, 30));
  };
  for (const contestant of contestants) {
    await step(`Warming up ${contestant.name}…`);
    const end = performance.now() + warmUp;
    do {
      await contestant.score(lists[0].query, lists[0].documents);
      signal?.throwIfAborted();
    } while (performance.now() < end);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [i, { query, documents }] of lists.entries()) {
      for (let turn = 0; turn < contestants.length; turn++) {
        const which = (turn + round + i) % contestants.length;
        await step(`Round ${round + 1} of ${rounds}: ${contestants[which].name}…`);
        const start = performance.now();
        found[which].logits[i] = await contestants[which].score(query, documents);
        found[which].times[i].push(performance.now() - start);
      }
    }
  }
  return found.map((one) => ({ ...one, total: one.times.reduce((sum, times) => sum + median(times), 0) }));
}
