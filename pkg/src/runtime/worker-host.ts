// The worker's side: one instance, and the requests for it.

import { CrossrankError, DocumentError, toError } from "../core/errors.js";
import type { Port } from "../core/platform.js";
import type { Task } from "../core/task.js";
import type { InstanceSource } from "./executor.js";
import { Instance } from "./instance.js";
import { FORWARDED_METHODS, type Reply, type Request } from "./protocol.js";

/** Messages that no page of this package sends are left alone, or answered with an error if they have an id. */
export function hostInstance(port: Port): void {
  const reply = (message: Reply) => port.post(message);
  const running = new Map<number, AbortController>();
  let instance: Instance<Task> | undefined;

  async function load({ module, files, setup }: Request & { op: "load" }): Promise<void> {
    // If there are several modules, the page tries one after the other.
    const modules: InstanceSource<Task>["modules"] = { load: (use) => use(module) };
    const loaded = new Instance<Task>({ modules, files: async () => files, setup });
    await loaded.ready();
    instance = loaded;
  }

  async function run({ id, lists, options }: Request & { op: "run" }): Promise<void> {
    const controller = new AbortController();
    running.set(id, controller);
    const onResults = (results: [number, Task["result"]][]) => reply({ id, results });
    const run = instance!.run(lists, options, controller.signal, onResults);
    await run.finally(() => running.delete(id));
  }

  /** Holds a lock until it is stopped. Resolves to false if the browser refuses it. */
  function holdLock({ id, lock }: Request & { op: "hold-lock" }): Promise<boolean> {
    return new Promise((resolve) => {
      if (lock === undefined) return resolve(false);
      const controller = new AbortController();
      running.set(id, controller);
      const onGranted = () => {
        resolve(true);
        return new Promise((release) => controller.signal.addEventListener("abort", release));
      };
      navigator.locks
        .request(lock, onGranted)
        .catch(() => resolve(false))
        .finally(() => running.delete(id));
    });
  }

  async function handle(request: Request): Promise<unknown> {
    switch (request.op) {
      case "hold-lock":
        return holdLock(request);
      case "load":
        return load(request);
      case "run":
        return run(request);
      case "stop":
        return running.get(request.id)?.abort();
      default:
        if (!FORWARDED_METHODS.includes(request.op)) throw new Error(`there is no request ${request.op}`);
        return (instance![request.op] as (...given: unknown[]) => unknown)(...request.given);
    }
  }

  port.onMessage(async (request: Request) => {
    const id = (request as Request | null | undefined)?.id;
    if (typeof id !== "number") return;
    try {
      const value = await handle(request);
      if (request.op !== "stop") reply({ id, value });
    } catch (error) {
      const { message } = toError(error);
      const code = error instanceof CrossrankError ? error.code : undefined;
      const position = error instanceof DocumentError ? error.position : undefined;
      reply({ id, error: { code, message, position } });
    }
  });
}
