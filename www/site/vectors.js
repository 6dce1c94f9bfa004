// Vectors in a small file: rows of signed bytes, one byte for each element.

/** Each row has a scale of its own. The cosine does not depend on it, and so it is not stored. */
export function toBytes(vectors) {
  const dimensions = vectors[0].length;
  const bytes = new Int8Array(vectors.length * dimensions);
  vectors.forEach((vector, row) => {
    const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
    vector.forEach((value, i) => (bytes[row * dimensions + i] = Math.round((value / largest) * 127)));
  });
  return bytes;
}

/** `count` rows of a file's bytes. */
export function fromBytes(buffer, count) {
  const dimensions = buffer.byteLength / count;
  if (!Number.isInteger(dimensions)) {
    throw new Error(`${buffer.byteLength} bytes are no vectors of ${count} documents`);
  }
  return Array.from({ length: count }, (_, row) => new Int8Array(buffer, row * dimensions, dimensions));
}
