// The bundled model, which the search and the playground share. It is loaded when it is first asked for.

let loading;
const listeners = new Set();

/** Gives the reranker. `onProgress({ loaded, total })` reports bytes, also to those who ask later. */
export function bundledReranker(onProgress = () => {}) {
  listeners.add(onProgress);
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading.finally(() => listeners.delete(onProgress));
}

async function load() {
  const [{ Reranker }, model] = await Promise.all([import("crossrank"), import("crossrank-minilm-l6-en")]);
  const onProgress = (progress) => {
    for (const listener of listeners) listener(progress);
  };
  return Reranker.load({ model, onProgress });
}
