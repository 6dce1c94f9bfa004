// A model in a worker, as its page sees it.

import type { Encoding } from "../types/index.js";
import { CrossrankError, disposed, DocumentError, isFailure, WorkerDied } from "./errors.js";
import type { Lists } from "./home.js";
import type { ModelFiles } from "./model.js";
import type { Modules } from "./modules.js";
import type { Plain, Reply, Request, WorkerPort } from "./protocol.js";
import type { CacheSeat, Found, Recalled } from "./seat.js";
import type { Known, Work } from "./work.js";

/** What a worker loads. */
export interface Parts<W extends Work> {
  modules: Pick<Modules, "load">;
  files: ModelFiles;
  setup: W["setup"];
}

/** A worker is started at once, and loads its parts when they are there. */
export interface WorkerSource<W extends Work> {
  start(): WorkerPort;
  parts(): Promise<Parts<W>>;
}

interface Call {
  resolve(value: never): void;
  reject(reason: unknown): void;
  found?(found: Found<Work>): void;
}

/** Milliseconds for a worker's script to arrive and to answer. */
const LONGEST_START = 30_000;

interface Running {
  port: WorkerPort;
  calls: Map<number, Call>;
  loaded: Promise<void>;
  /** Its script came and runs. */
  started: boolean;
  /** Ends the watch for the worker's end. */
  watch: AbortController;
}

/** A worker that ends by itself is replaced at the next call. */
export class WorkerSeat<W extends Work> implements CacheSeat<W> {
  readonly #source: WorkerSource<W>;
  #running: Running | undefined;
  #ids = 0;
  #disposed = false;

  constructor(source: WorkerSource<W>) {
    this.#source = source;
  }

  async ready(): Promise<void> {
    await this.#started().loaded;
  }

  async run(
    lists: Lists,
    options: W["options"],
    signal: AbortSignal,
    found: (found: Found<W>) => void,
  ): Promise<void> {
    const running = this.#started();
    await running.loaded;
    signal.throwIfAborted();
    const id = this.#ids++;
    const stop = () => running.port.post({ id, op: "stop" } satisfies Request);
    signal.addEventListener("abort", stop, { once: true });
    try {
      await this.#ask(running, { id, op: "run", lists, options }, found);
    } catch (error) {
      // What the worker says of being stopped is not the signal's own reason.
      throw signal.aborted && !isFailure(error) ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  encode(...given: W["encode"]): Promise<Encoding> {
    return this.#plain("encode", ...given);
  }

  info(): Promise<Known<W>> {
    return this.#plain("info");
  }

  recall(lists: Lists, options: W["options"]): Promise<Recalled<W>> {
    return this.#plain("recall", lists, options);
  }

  remember(keys: Uint8Array, results: W["result"][]): Promise<void> {
    return this.#plain("remember", keys, results);
  }

  save(): Promise<Uint8Array> {
    return this.#plain("save");
  }

  restore(saved: Uint8Array): Promise<void> {
    return this.#plain("restore", saved);
  }

  dispose(): void {
    this.#disposed = true;
    this.#end(disposed());
  }

  async #plain<T>(op: Plain, ...given: unknown[]): Promise<T> {
    const running = this.#started();
    await running.loaded;
    return this.#ask(running, { id: this.#ids++, op, given } as Request);
  }

  #ask<T>(running: Running, request: Request, found?: (found: Found<W>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#running !== running) return reject(this.#disposed ? disposed() : new WorkerDied());
      running.calls.set(request.id, { resolve, reject, ...(found && { found }) });
      running.port.post(request);
    });
  }

  /** The worker, which is started where there is none. */
  #started(): Running {
    if (this.#disposed) throw disposed();
    if (this.#running) return this.#running;
    const running: Running = {
      port: started(this.#source.start),
      calls: new Map(),
      loaded: Promise.resolve(),
      started: false,
      watch: new AbortController(),
    };
    this.#running = running;
    const gone = (reason: unknown) => {
      if (this.#running === running) this.#end(reason);
    };
    running.port.onMessage((reply: Reply) => this.#take(running, reply));
    running.port.onEnd((cause) => gone(new WorkerDied(cause)));
    running.loaded = this.#load(running, gone).catch((error) => {
      const notStarted = error instanceof WorkerDied && !running.started;
      const reason = notStarted ? startFailed(error.cause) : error;
      gone(reason);
      throw reason;
    });
    // Whoever waits for it hears of the failure.
    running.loaded.catch(() => {});
    return running;
  }

  async #load(running: Running, gone: (reason: unknown) => void): Promise<void> {
    const lock = globalThis.navigator?.locks ? `crossrank ${crypto.randomUUID()}` : undefined;
    const late = setTimeout(() => gone(new WorkerDied()), LONGEST_START);
    const hold = this.#ask<boolean>(running, { id: this.#ids++, op: "hold", lock });
    const held = hold.finally(() => clearTimeout(late)).then((held) => {
      running.started = true;
      if (held) watch(lock!, running.watch.signal, () => gone(new WorkerDied()));
    });
    // What the worker loads waits for it, and not for its answer.
    const load = async () => {
      const { modules, ...parts } = await this.#source.parts();
      await modules.load((module) => {
        return this.#ask<void>(running, { id: this.#ids++, op: "load", module, ...parts });
      });
    };
    await Promise.all([held, load()]);
  }

  #take(running: Running, reply: Reply): void {
    // A worker's last words may come after its end, when others do its work.
    if (this.#running !== running) return;
    const { calls } = running;
    const call = calls.get(reply.id);
    if (!call) return;
    if ("found" in reply) return call.found?.(reply.found);
    calls.delete(reply.id);
    if ("value" in reply) return call.resolve(reply.value as never);
    const { code = "runtime-crashed", message, position } = reply.error;
    call.reject(
      position === undefined
        ? new CrossrankError(code, message)
        : new DocumentError(code, message, position),
    );
  }

  #end(reason: unknown): void {
    const running = this.#running;
    this.#running = undefined;
    running?.watch.abort();
    running?.port.end();
    for (const call of running?.calls.values() ?? []) call.reject(reason);
  }
}

function started(start: () => WorkerPort): WorkerPort {
  try {
    return start();
  } catch (error) {
    throw startFailed(error);
  }
}

/** Calls `gone` when the lock's holder ends: browsers tell a page nothing of a worker's death. */
function watch(lock: string, signal: AbortSignal, gone: () => void): void {
  navigator.locks.request(lock, { signal }, gone).catch(() => {});
}

function startFailed(cause: unknown): CrossrankError {
  return new CrossrankError(
    "runtime-failed",
    "the worker could not be started; check that its file, worker.js, is served beside the " +
      "package's code, or name it with the option `worker`",
    { cause },
  );
}
