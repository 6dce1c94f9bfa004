// The two ways people batch pairs for an engine that needs padding.

/** The batch sizes that a peer chooses from. */
export const SIZES = [1, 2, 4, 8, 16, 32];

/** Batches of `size`, as index lists: in the order given, or the shortest first. */
export function batches(lengths, size, sorted) {
  const order = lengths.map((_, index) => index);
  if (sorted) order.sort((a, b) => lengths[a] - lengths[b]);
  const found = [];
  for (let start = 0; start < order.length; start += size) found.push(order.slice(start, start + size));
  return found;
}

/** int64 arrays of one batch with the names of a graph's inputs, padded to its longest sequence. */
export function padded(encoding, batch, names) {
  const width = Math.max(...batch.map((index) => encoding.input_ids[index].length));
  const arrays = {};
  for (const name of names) {
    const data = new BigInt64Array(batch.length * width);
    batch.forEach((index, row) => {
      // A tokenizer without a class gives no types of tokens; they change no time.
      encoding[name]?.[index].forEach((value, column) => {
        data[row * width + column] = BigInt(value);
      });
    });
    arrays[name] = data;
  }
  return { width, arrays };
}
