// Starts servers that are programs of their own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts a server in a folder until the test ends, and gives its address. It takes its port from PORT, or
 * from `command(port)`.
 */
export async function startServer(t, { cwd, command, env }) {
  const port = await freePort();
  const [program, ...arguments_] = command(String(port));
  const address = { PORT: String(port), HOST: "127.0.0.1", HOSTNAME: "127.0.0.1" };
  // A group of its own: a program such as npm starts the server as a process of its own.
  const options = { cwd, env: { ...process.env, ...address, ...env }, detached: true };
  const server = spawn(program, arguments_, options);
  let output = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (data) => (output += data));
  t.after(() => server.exitCode ?? process.kill(-server.pid));
  const origin = `http://127.0.0.1:${port}`;
  while (!(await fetch(origin).catch(() => undefined))) {
    assert.equal(server.exitCode, null, `${program} ${arguments_.join(" ")} has ended:\n${output}`);
    await sleep(100);
  }
  return origin;
}
