// Round-robin timing: in every round, every peer takes its turn on the same list.

import { SIZES } from "./engines/batches.js";

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const WARM_UP_MS = 6000;

/**
 * Times `entries` (a peer and its open runtime) on a workload. Returns, for each peer, one sample per
 * list and round: {list, round, ms_total, ms_tokenize, ms_score, ms_cpu where known}, and the logits of each list.
 */
export async function measure(entries, workload, rounds) {
  const lists = workload.lists();
  const found = entries.map(({ peer, kernel }) => ({ peer, kernel, samples: [], logits: [] }));

  for (const [index, entry] of entries.entries()) {
    const { runtime } = entry;
    await runtime.send({ op: "prepare", pairs: lists[0] });
    // JavaScript engines optimize WebAssembly while it runs, so that it is slow in its first seconds.
    const until = performance.now() + (entry.warm || entry.peer.group === "native" ? 0 : WARM_UP_MS);
    do await runtime.send({ op: "run" });
    while (performance.now() < until);
    entry.warm = true;
    // Every second pair of the first list: all its lengths at half the cost.
    const sample = lists[0].length > 40 ? lists[0].filter((_, i) => i % 2) : lists[0];
    const sizes = SIZES.filter((size) => size <= sample.length);
    found[index].batch = (await runtime.send({ op: "tune", pairs: sample, sizes })).batch;
  }

  for (let round = 0; round < (workload.once ? 1 : rounds); round++) {
    for (const [list, pairs] of lists.entries()) {
      for (let turn = 0; turn < entries.length; turn++) {
        // A different peer begins each time, so that none always follows the same one.
        const index = (turn + round + list) % entries.length;
        const { peer, runtime } = entries[index];
        await runtime.send({ op: "prepare", pairs });
        for (let again = 0; again < (workload.repeat ?? 1); again++) {
          const { logits, ...times } = await runtime.send({ op: "run" });
          // Threads that wait may spin, and the time of those that have ended is not known.
          if (peer.load.threads > 1) delete times.ms_cpu;
          found[index].samples.push({ list, round, again, ...times });
          found[index].logits[list] = logits;
        }
      }
    }
  }
  return found.map((one) => ({ ...one, ms: summary(one.samples) }));
}

/** Sums of each list's median and of its fastest turn. */
function summary(samples) {
  const lists = groupByList(samples);
  const sum = (key, pick) =>
    lists.reduce((total, list) => total + pick(list.map((sample) => sample[key])), 0);
  return {
    ms_total: sum("ms_total", median),
    ms_tokenize: sum("ms_tokenize", median),
    ms_score: sum("ms_score", median),
    ms_fastest: sum("ms_total", (values) => Math.min(...values)),
    ms_cpu: sum("ms_cpu", median),
  };
}

function groupByList(samples) {
  const lists = [];
  for (const sample of samples) (lists[sample.list] ??= []).push(sample);
  return lists;
}

/** The median ratio of the times of turns that were taken side by side. */
export function pairedRatio(ours, theirs, key = "ms_total") {
  const at = new Map(theirs.samples.map((s) => [`${s.list} ${s.round} ${s.again}`, s[key]]));
  return median(ours.samples.map((s) => s[key] / at.get(`${s.list} ${s.round} ${s.again}`)));
}

/** Largest and mean distance of two peers' logits. */
export function logitDistance(a, b) {
  const distances = a.logits.flatMap((list, i) => list.map((logit, j) => Math.abs(logit - b.logits[i][j])));
  return { max: Math.max(...distances), mean: distances.reduce((sum, d) => sum + d, 0) / distances.length };
}
