// A native program with JSON lines on standard input and output: the example `bench_worker`, or rten's.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { withCpuTime } from "./cpu.js";

/** `batch` is what a program answers to `tune` that plans its own batches. */
export function nativeRuntime(executable, batch) {
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
          if (request.op === "tune" && batch) return { batch };
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
