// A worker in node.

import { parentPort } from "node:worker_threads";
import { hostInstance } from "./runtime/worker-host.js";

hostInstance({
  post: (message) => parentPort!.postMessage(message),
  onMessage: (listener) => void parentPort!.on("message", (message) => listener(message as never)),
});
