// The CPU time of all threads of a child process. It tells what a run costs even where other programs
// share the cores.

import { readFileSync, readdirSync } from "node:fs";

/** The milliseconds used so far, or undefined where the system does not report them. */
function cpuTime(pid) {
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks).reduce(
      (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]) / 1e6,
      0,
    );
  } catch {
    return undefined;
  }
}

/** Sends a request and, where it is a run, adds `ms_cpu` to the answer. */
export async function withCpuTime(pid, request, send) {
  if (request.op !== "run") return send(request);
  const before = cpuTime(pid);
  const answer = await send(request);
  const after = cpuTime(pid);
  return before === undefined || after === undefined ? answer : { ...answer, ms_cpu: after - before };
}
