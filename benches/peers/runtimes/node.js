// A node process of its own for each peer, so that no two engines share globals or a heap.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { withCpuTime } from "./cpu.js";

const self = fileURLToPath(import.meta.url);

export function nodeRuntime() {
  return {
    async open() {
      const child = fork(self, ["--serve"]);
      let settle;
      child.on("message", ({ error, ...answer }) =>
        error ? settle.reject(new Error(error)) : settle.resolve(answer),
      );
      child.on("exit", (code) => settle?.reject(new Error(`the peer's process ended with ${code}`)));
      const send = (request) =>
        new Promise((resolve, reject) => {
          settle = { resolve, reject };
          child.send(request);
        });
      return {
        send: (request) => withCpuTime(child.pid, request, send),
        async close() {
          settle = undefined;
          child.kill();
        },
      };
    },
    async close() {},
  };
}

if (process.argv[2] === "--serve" && process.argv[1] === self) {
  const { serve } = await import("../engines/serve.js");
  const answer = serve();
  process.on("message", async (request) => {
    try {
      process.send(await answer(request));
    } catch (error) {
      process.send({ error: String(error.stack ?? error) });
    }
  });
}
