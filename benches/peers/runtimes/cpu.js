// The CPU time of all threads of a child: the cost of a run even if other programs share the cores.

import { readdirSync, readFileSync } from "node:fs";

/** Milliseconds so far; undefined if the system does not report it. */
function spent(pid) {
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

/** Adds `ms_cpu` to the answer of a run. */
export async function withCpuTime(pid, request, send) {
  if (request.op !== "run") return send(request);
  const before = spent(pid);
  const answer = await send(request);
  const after = spent(pid);
  return before === undefined || after === undefined ? answer : { ...answer, ms_cpu: after - before };
}
