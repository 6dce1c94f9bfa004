// A model in a worker, as its page sees it.

import type { Encoding } from "../../types/index.js";
import { onAbort } from "../core/abort.js";
import type { Lists } from "../core/backend.js";
import {
  CrossrankError,
  DocumentError,
  disposedError,
  isComputeFailure,
  WorkerDied,
} from "../core/errors.js";
import type { WorkerPort } from "../core/platform.js";
import type { ModelInfo, Task } from "../core/task.js";
import type { ModelFiles } from "../model/files.js";
import type { CacheLookup, CachingExecutor, OnResults, PositionedResults } from "./executor.js";
import type { WasmModules } from "./modules.js";
import type { ForwardedMethod, Reply, Request } from "./protocol.js";

/** What a worker loads. */
export interface WorkerModel<T extends Task> {
  modules: Pick<WasmModules, "load">;
  files: ModelFiles;
  setup: T["setup"];
}

/** A worker is started at once, and loads its model when that has been read. */
export interface WorkerSource<T extends Task> {
  start(): WorkerPort;
  model(): Promise<WorkerModel<T>>;
}

interface PendingRequest {
  resolve(value: never): void;
  reject(reason: unknown): void;
  onResults?(results: PositionedResults<Task>): void;
}

/** How long a worker's script may take to arrive and to answer. */
const START_TIMEOUT_MS = 30_000;
/** How long a worker that has nothing to do may take to answer. */
const ANSWER_TIMEOUT_MS = 5_000;

interface RunningWorker {
  port: WorkerPort;
  requests: Map<number, PendingRequest>;
  loaded: Promise<void>;
  /** Whether its script has arrived and runs. */
  isStarted: boolean;
  /** Stops the watch, which lasts while there are requests. */
  watch: AbortController | undefined;
}

/** If a worker ends by itself, the next call starts another one. */
export class WorkerClient<T extends Task> implements CachingExecutor<T> {
  readonly #source: WorkerSource<T>;
  #worker: RunningWorker | undefined;
  #nextId = 0;
  #disposed = false;

  constructor(source: WorkerSource<T>) {
    this.#source = source;
  }

  async ready(): Promise<void> {
    await this.#runningWorker().loaded;
  }

  async run(
    lists: Lists,
    options: T["options"],
    signal: AbortSignal,
    onResults: OnResults<T>,
  ): Promise<void> {
    const worker = this.#runningWorker();
    await worker.loaded;
    signal.throwIfAborted();
    const id = this.#nextId++;
    const stop = () => worker.port.post({ id, op: "stop" } satisfies Request);
    const unlink = onAbort(signal, stop);
    try {
      await this.#request(worker, { id, op: "run", lists, options }, onResults);
    } catch (error) {
      // The worker does not know the signal's own reason.
      throw signal.aborted && !isComputeFailure(error) ? signal.reason : error;
    } finally {
      unlink();
    }
  }

  encode(...given: T["encode"]): Promise<Encoding> {
    return this.#forward("encode", ...given);
  }

  info(): Promise<ModelInfo<T>> {
    return this.#forward("info");
  }

  recall(lists: Lists, options: T["options"]): Promise<CacheLookup<T>> {
    return this.#forward("recall", lists, options);
  }

  remember(keys: Uint8Array, results: T["result"][]): Promise<void> {
    return this.#forward("remember", keys, results);
  }

  save(): Promise<Uint8Array> {
    return this.#forward("save");
  }

  restore(saved: Uint8Array): Promise<void> {
    return this.#forward("restore", saved);
  }

  dispose(): void {
    const worker = this.#worker;
    this.#disposed = true;
    this.#end(disposedError(), (port) => {
      if (!worker?.isStarted) return port.terminate();
      // Firefox keeps no page in its back/forward cache whose worker was ended while it held a lock. The
      // worker answers when it holds none.
      const timer = setTimeout(() => port.terminate(), ANSWER_TIMEOUT_MS);
      const end = () => {
        clearTimeout(timer);
        port.terminate();
      };
      const id = this.#nextId++;
      worker.requests.set(id, { resolve: end, reject: end });
      port.post({ id, op: "hold-lock", lock: undefined } satisfies Request);
    });
  }

  async #forward<R>(op: ForwardedMethod, ...given: unknown[]): Promise<R> {
    const worker = this.#runningWorker();
    await worker.loaded;
    return this.#request(worker, { id: this.#nextId++, op, given } as Request);
  }

  #request<R>(worker: RunningWorker, request: Request, onResults?: OnResults<T>): Promise<R> {
    return new Promise((resolve, reject) => {
      if (this.#worker !== worker) {
        return reject(this.#disposed ? disposedError() : new WorkerDied());
      }
      if (!worker.watch) this.#watch(worker).catch(() => {});
      worker.requests.set(request.id, { resolve, reject, ...(onResults && { onResults }) });
      worker.port.post(request);
    });
  }

  /** The worker. Starts one if none is running. */
  #runningWorker(): RunningWorker {
    if (this.#disposed) throw disposedError();
    if (this.#worker) return this.#worker;
    const worker: RunningWorker = {
      port: startWorker(this.#source.start),
      requests: new Map(),
      loaded: Promise.resolve(),
      isStarted: false,
      watch: undefined,
    };
    this.#worker = worker;
    worker.port.onMessage((reply: Reply) => this.#receive(worker, reply));
    worker.port.onEnd((cause) => this.#onGone(worker, new WorkerDied(cause)));
    worker.loaded = this.#load(worker).catch((error) => {
      const neverStarted = error instanceof WorkerDied && !worker.isStarted;
      const reason = neverStarted ? startError(error.cause) : error;
      this.#onGone(worker, reason);
      throw reason;
    });
    // Callers that await it see the failure.
    worker.loaded.catch(() => {});
    return worker;
  }

  async #load(worker: RunningWorker): Promise<void> {
    // The worker handles the requests in turn, so that this one need not wait for the other's reply.
    const loadModel = async () => {
      const { modules, ...rest } = await this.#source.model();
      await modules.load((module) =>
        this.#request<void>(worker, { id: this.#nextId++, op: "load", module, ...rest }),
      );
    };
    await Promise.all([this.#watch(worker), loadModel()]);
  }

  /**
   * Notices the worker's death while it has requests, by a lock that it holds. It holds none at other
   * times, because Firefox keeps no page in its back/forward cache whose workers hold locks.
   */
  async #watch(worker: RunningWorker): Promise<void> {
    const watch = new AbortController();
    worker.watch = watch;
    const lock = globalThis.navigator?.locks ? `crossrank ${crypto.randomUUID()}` : undefined;
    const request: Request = { id: this.#nextId++, op: "hold-lock", lock };
    const onDeath = () => this.#onGone(worker, new WorkerDied());
    const timeout = worker.isStarted ? ANSWER_TIMEOUT_MS : START_TIMEOUT_MS;
    let ticks = 0;
    let hasAnswered = false;
    // A page that was frozen or busy gets one tick for all of that time, and then the worker's answer.
    // Where a test replaces timers after this, `clearInterval` does not know this one.
    const timer = setInterval(() => {
      if (hasAnswered) clearInterval(timer);
      else if (++ticks === 5) onDeath();
    }, timeout / 5);
    watch.signal.addEventListener("abort", () => worker.port.post({ ...request, op: "stop" }));
    const isHeld = await this.#request<boolean>(worker, request).finally(() => clearInterval(timer));
    hasAnswered = true;
    worker.isStarted = true;
    if (isHeld) onLockReleased(lock!, watch.signal, onDeath);
  }

  #onGone(worker: RunningWorker, reason: unknown): void {
    if (this.#worker === worker) this.#end(reason);
  }

  #receive(worker: RunningWorker, reply: Reply): void {
    const { requests } = worker;
    const request = requests.get(reply.id);
    // Replies may arrive after a worker's end, when other workers compute its documents.
    if (!request) return;
    if ("results" in reply) {
      request.onResults?.(reply.results);
      return;
    }
    requests.delete(reply.id);
    if (requests.size === 0) endWatch(worker);
    if ("value" in reply) {
      request.resolve(reply.value as never);
    } else {
      const { code = "runtime-crashed", message, position } = reply.error;
      request.reject(
        position === undefined
          ? new CrossrankError(code, message)
          : new DocumentError(code, message, position),
      );
    }
  }

  #end(reason: unknown, terminate = (port: WorkerPort) => port.terminate()): void {
    const worker = this.#worker;
    if (!worker) return;
    this.#worker = undefined;
    endWatch(worker);
    const requests = [...worker.requests.values()];
    worker.requests.clear();
    terminate(worker.port);
    for (const request of requests) request.reject(reason);
  }
}

function endWatch(worker: RunningWorker): void {
  worker.watch?.abort();
  worker.watch = undefined;
}

function startWorker(start: () => WorkerPort): WorkerPort {
  try {
    return start();
  } catch (error) {
    throw startError(error);
  }
}

/** Calls back when the lock's holder ends. Browsers do not report a worker's death to its page. */
function onLockReleased(lock: string, signal: AbortSignal, callback: () => void): void {
  const onGranted = () => signal.aborted || callback();
  navigator.locks.request(lock, { signal }, onGranted).catch(() => {});
}

function startError(cause: unknown): CrossrankError {
  return new CrossrankError(
    "runtime-failed",
    "the worker could not be started; check that its file (worker.js, in node worker-node.js) lies " +
      "beside the package's code, or name it with the option `worker`",
    { cause },
  );
}
