/** Where an instance panicked, if it has and can still say so. */
export function lastPanic(bindings: { lastPanic(): string | undefined }): string | undefined {
  try {
    return bindings.lastPanic();
  } catch {
    return undefined;
  }
}
