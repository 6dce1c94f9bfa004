// A worker in browsers.

import { hostInstance } from "./runtime/worker-host.js";

hostInstance({
  post: (message) => globalThis.postMessage(message),
  onMessage: (listener) => {
    globalThis.onmessage = ({ data }) => listener(data as never);
  },
});
