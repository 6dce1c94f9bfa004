// The worker's side: one instance, and requests for it.

import { CrossrankError, DocumentError } from "./errors.js";
import { Instance } from "./instance.js";
import type { Work } from "./work.js";
import type { Port, Reply, Request } from "./protocol.js";
import type { Source } from "./seat.js";

export function host(port: Port): void {
  const reply = (message: Reply) => port.post(message);
  const running = new Map<number, AbortController>();
  let instance: Instance<Work> | undefined;

  async function load({ module, files, setup }: Request & { op: "load" }): Promise<void> {
    // Of several modules the page tries one after the other.
    const modules: Source<Work>["modules"] = { load: (use) => use(module) };
    instance = new Instance({ modules, files: async () => files, setup });
    await instance.ready();
  }

  async function run({ id, lists, options }: Request & { op: "run" }): Promise<void> {
    const stop = new AbortController();
    running.set(id, stop);
    const work = instance!.run(lists, options, stop.signal, (found) => reply({ id, found }));
    await work.finally(() => running.delete(id));
  }

  async function answer(request: Request): Promise<unknown> {
    switch (request.op) {
      case "hold":
        return hold(request.lock);
      case "load":
        return load(request);
      case "run":
        return run(request);
      case "stop":
        return running.get(request.id)?.abort();
      default:
        return (instance![request.op] as (...given: unknown[]) => unknown)(...request.given);
    }
  }

  port.onMessage(async (request: Request) => {
    const { id } = request;
    try {
      const value = await answer(request);
      if (request.op !== "stop") reply({ id, value });
    } catch (error) {
      const { message } = error instanceof Error ? error : { message: String(error) };
      const code = error instanceof CrossrankError ? error.code : undefined;
      const position = error instanceof DocumentError ? error.position : undefined;
      reply({ id, error: { code, message, position } });
    }
  });
}

/** Holds a lock until the worker ends; gives whether it could, which browsers may refuse. */
function hold(lock: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    if (lock === undefined) return resolve(false);
    const held = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks.request(lock, held).catch(() => resolve(false));
  });
}
