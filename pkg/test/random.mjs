/** Pseudo-random numbers: mulberry32. */
export function randomOf(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit) => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: (list) => list[below(list.length)],
  };
}

/**
 * The seeds of the runs of a test: `count`, or as many as there is time for in CROSSRANK_FUZZ_SECONDS. They begin at
 * CROSSRANK_SEED.
 */
export function* seeds(count) {
  const { CROSSRANK_SEED: first = 1, CROSSRANK_FUZZ_SECONDS: seconds } = process.env;
  const end = performance.now() + Number(seconds ?? 0) * 1000;
  for (let i = 0; seconds === undefined ? i < count : performance.now() < end; i++) yield Number(first) + i;
}
