// Our native build: the example `bench_worker`, JSON lines on standard input and output.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { withCpuTime } from "./cpu.js";

export function nativeRuntime(executable) {
  return {
    async open() {
      const child = spawn(executable, { stdio: ["pipe", "pipe", "inherit"] });
      const waiting = [];
      createInterface({ input: child.stdout }).on("line", (line) => {
        const { error, ...answer } = JSON.parse(line);
        const { resolve, reject } = waiting.shift();
        if (error) reject(new Error(error));
        else resolve(answer);
      });
      const fail = (why) =>
        waiting.splice(0).forEach(({ reject }) => reject(new Error(`${executable}: ${why}`)));
      child.on("error", (error) => fail(error.message));
      child.on("exit", (code) => fail(`ended with ${code}`));
      const send = (request) =>
        new Promise((resolve, reject) => {
          waiting.push({ resolve, reject });
          child.stdin.write(`${JSON.stringify(request)}\n`);
        });
      return {
        async send(request) {
          // It plans its own batches.
          if (request.op === "tune") return { batch: "tokens" };
          return withCpuTime(child.pid, request, send);
        },
        async close() {
          child.stdin.end();
        },
      };
    },
    async close() {},
  };
}
