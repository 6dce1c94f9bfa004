// A worker in browsers.

import { host } from "./host.js";

// The types are those of a page; in a worker, messages have no target.
const scope = globalThis as unknown as {
  postMessage(message: unknown): void;
  onmessage: (event: MessageEvent) => void;
};

host({
  post: (message) => scope.postMessage(message),
  onMessage: (take) => {
    scope.onmessage = ({ data }) => take(data as never);
  },
});
