// An app that reranks in a worker of its own.
const worker = new Worker(new URL("./own-worker.js", import.meta.url), { type: "module" });
const pending = new Map();

worker.onmessage = ({ data: { id, value, error } }) => {
  const { resolve, reject } = pending.get(id);
  error === undefined ? resolve(value) : reject(new Error(error));
};

globalThis.rank = (...given) =>
  new Promise((resolve, reject) => {
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
    pending.set(pending.size, { resolve, reject });
    worker.postMessage({ id: pending.size - 1, given });
  });
