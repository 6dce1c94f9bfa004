// A worker in node.

import { parentPort } from "node:worker_threads";
import { host } from "./host.js";

host({
  post: (message) => parentPort!.postMessage(message),
  onMessage: (take) => void parentPort!.on("message", (message) => take(message as never)),
});
