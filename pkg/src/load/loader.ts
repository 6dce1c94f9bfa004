// Loads a model: reads its files, and starts a backend for it.

import { Pool } from "../backends/pool.js";
import { abortable, LinkedAbortController } from "../core/abort.js";
import type { Backend } from "../core/backend.js";
import { type Content, DamagedCopy, isBlob } from "../core/content.js";
import { CrossrankError, type ErrorCode, WorkerDied } from "../core/errors.js";
import { packageUrl } from "../core/package-url.js";
import type { FileStorage, GpuFiles, Platform } from "../core/platform.js";
import { isError } from "../core/realm.js";
import type { GpuSetup, Task } from "../core/task.js";
import { resolveUrl } from "../core/validate.js";
import { BrowserFileStorage } from "../io/storage.js";
import {
  fingerprintOf,
  type ModelFiles,
  type ModelSource,
  mapFiles,
  type ReadModel,
  type ReadOptions,
  readModel,
} from "../model/files.js";
import { Instance } from "../runtime/instance.js";
import { gpuModuleOf, type WasmModules, wasmModulesOf } from "../runtime/modules.js";
import { recordRelaxedFailure } from "../runtime/simd.js";
import { WorkerClient } from "../runtime/worker-client.js";
import {
  type CommonLoadOptions,
  gpuFilesOf,
  type LoadArguments,
  type WorkerCount,
  workerCountOf,
  workerScriptOf,
} from "./load-options.js";
import type { ModelKind } from "./model-kind.js";

export type LoadModel = <T extends Task>(
  given: LoadArguments<CommonLoadOptions>,
  kind: ModelKind<T>,
) => Promise<Backend<T>>;

/** Gives the function that loads models on a platform. */
export function createLoader(platform: Platform): LoadModel {
  const modulesOf = wasmModulesOf(platform);

  return async <T extends Task>({ options, model }: LoadArguments<CommonLoadOptions>, kind: ModelKind<T>) => {
    const { wasm, onProgress, graph } = options;
    const gpuFiles = gpuFilesOf(options, platform);
    const storage = new BrowserFileStorage(options.storage);
    const workers = workerCountOf(options, platform);
    const script = workerScriptOf(options, platform);
    const cpu: ExecutionTarget = { workers, modules: modulesOf(wasm, storage) };
    const controller = new LinkedAbortController(options.signal);
    const { signal } = controller;
    const start = async () => {
      const source = model === undefined ? await kind.defaultModel() : model;
      const load = new Load({ platform, kind, source, graph, storage, script, cpu, gpuFiles });
      return load.start({ onProgress, signal });
    };
    return abortable(signal, start).finally(() => controller.unlink());
  };
}

/** Where a model computes, and with which WebAssembly file. */
interface ExecutionTarget {
  workers: WorkerCount;
  modules: WasmModules;
  gpu?: GpuSetup;
}

/** What one load needs. */
interface LoadContext<T extends Task> {
  platform: Platform;
  kind: ModelKind<T>;
  source: ModelSource;
  /** The path of the graph, if the caller named it. */
  graph: string | undefined;
  storage: FileStorage;
  /** The script of the workers; undefined for the package's own. */
  script: URL | undefined;
  cpu: ExecutionTarget;
  gpuFiles: GpuFiles | undefined;
}

/** The files of a model, and how it is created from them on a target. */
interface ReadyModel<T extends Task> extends ReadModel {
  setup: T["setup"];
}

/** One load of a model. Its backend reads the files again through it after a crash. */
class Load<T extends Task> {
  readonly #context: LoadContext<T>;
  readonly #fingerprints = new WeakMap<ModelFiles, ReturnType<typeof fingerprintOf>>();

  constructor(context: LoadContext<T>) {
    this.#context = context;
  }

  async start(options: ReadOptions): Promise<Backend<T>> {
    const { kind, storage } = this.#context;
    const backend = await retryIfDamaged<Backend<T>>(storage, async (storage, isRetry) => {
      const reading = this.#read(storage, { ...options, reload: isRetry });
      // Callers that await it see the failure.
      reading.catch(() => {});
      try {
        return await (kind.chooseDevice
          ? this.#chooseDevice(kind.chooseDevice, reading, options.signal)
          : this.#loadOnCpu(reading));
      } catch (error) {
        if (!isRetry) await distrust(error, reading);
        throw error;
      }
    });
    if (options.signal?.aborted) void backend.dispose();
    options.signal?.throwIfAborted();
    return backend;
  }

  /** Lets the kind choose a device. All backends that it tries share one reading of the files. */
  async #chooseDevice(
    choose: Exclude<ModelKind<T>["chooseDevice"], undefined>,
    reading: Promise<ReadModel>,
    signal: AbortSignal | undefined,
  ): Promise<Backend<T>> {
    const { storage, cpu } = this.#context;
    const pools: Promise<Pool<T>>[] = [];
    const track = (pool: Promise<Pool<T>>) => {
      pools.push(pool);
      return pool;
    };
    let onCpu: Promise<Pool<T>> | undefined;
    try {
      return await choose({
        cpu: () => (onCpu ??= track(this.#loadOnCpu(reading))),
        gpu: (adapter) => track(this.#loadOnGpu(adapter, reading)),
        reloadOnCpu: this.#reloadOnCpu,
        measurementKey: async () => {
          const { fingerprint } = await this.#fingerprint((await reading).files);
          return `${fingerprint} in ${cpu.workers.count} workers`;
        },
        storage,
        signal,
      });
    } catch (error) {
      for (const pool of pools) pool.then((pool) => pool.dispose()).catch(() => {});
      throw error;
    }
  }

  /** Not a closure of a load, which would keep the files that were read in memory. */
  readonly #reloadOnCpu = () =>
    retryIfDamaged(this.#context.storage, (storage) => this.#loadOnCpu(this.#read(storage, {})));

  async #loadOnCpu(reading: Promise<ReadModel>): Promise<Pool<T>> {
    const { cpu, storage } = this.#context;
    const pool = await this.#loadPool(cpu, reading);
    try {
      // If its own test fails, the relaxed variant computes with the kernel of the other one.
      if (cpu.modules.variant === "relaxed-simd" && (await pool.info()).kernel === "simd128") {
        await recordRelaxedFailure(storage);
      }
      return pool;
    } catch (error) {
      void pool.dispose();
      throw error;
    }
  }

  async #loadOnGpu(adapter: string, reading: Promise<ReadModel>): Promise<Pool<T>> {
    const { platform, storage, cpu, gpuFiles } = this.#context;
    if (!gpuFiles) throw new CrossrankError("gpu-failed", "this runtime has no WebGPU");
    const target: ExecutionTarget = {
      // One worker keeps the GPU busy.
      workers:
        cpu.workers.count > 1
          ? { ...cpu.workers, count: 1, reason: `${cpu.workers.reason}, of which a GPU needs one` }
          : cpu.workers,
      modules: gpuModuleOf(packageUrl(gpuFiles.wasm), platform, storage),
      gpu: { adapter, bindings: resolveUrl(platform, packageUrl(gpuFiles.bindings), "gpuFiles").href },
    };
    return this.#loadPool(target, reading);
  }

  /** Loads the model on a target while its files are verified. */
  async #loadPool(target: ExecutionTarget, reading: Promise<ReadModel>): Promise<Pool<T>> {
    const preparing = this.#prepare(target, reading);
    let ready: ReadyModel<T> | undefined;
    const loading =
      target.workers.count > 0
        ? this.#loadInWorkers(target, preparing)
        : preparing.then((model) => this.#loadInThread(target, model, target.workers.reason));
    void preparing.then((model) => (ready = model)).catch(() => {});
    const [result] = await Promise.allSettled([loading]);
    try {
      // What fails before the files are read does not fail because of their content.
      await ready?.verified;
    } catch (error) {
      if (result.status === "fulfilled") void result.value.dispose();
      throw error;
    }
    const pool = await loading;
    pool.weights = ready?.weights;
    return pool;
  }

  async #prepare({ modules, gpu }: ExecutionTarget, reading: Promise<ReadModel>): Promise<ReadyModel<T>> {
    const [model] = await Promise.all([reading, modules.compile()]);
    const fingerprint = () => this.#fingerprint(model.files);
    return { ...model, setup: await this.#context.kind.setup(fingerprint, gpu) };
  }

  /**
   * The files are read again after a crash instead of being kept. 14 MB for as long as the model
   * lives would be a high price for what should never happen, and files on the disk or in the
   * browser's storage are read quickly.
   */
  #loadInThread({ modules }: ExecutionTarget, model: ReadyModel<T>, backendReason: string): Promise<Pool<T>> {
    const { kind, storage } = this.#context;
    const { setup } = model;
    const files = onceThen(Promise.resolve(model.files), () => this.#readAgain());
    const instance = new Instance<T>({ modules, files, setup });
    return Pool.load([instance], {
      backend: "in-thread",
      backendReason,
      cache: kind.hasCache ? instance : undefined,
      persistence: async () => kind.persistence(setup, storage),
    });
  }

  /** Workers start while the files are read. They receive blobs, which are not copied. */
  async #loadInWorkers(target: ExecutionTarget, preparing: Promise<ReadyModel<T>>): Promise<Pool<T>> {
    const { platform, kind, storage, script } = this.#context;
    const { modules, workers, gpu } = target;
    const toBlob = (content: Content) => (isBlob(content) ? content : platform.toBlob(content));
    const ready = preparing.then((model) => ({ ...model, files: mapFiles(model.files, toBlob) }));
    // Callers that await it see the failure.
    ready.catch(() => {});
    const clients = Array.from({ length: workers.count }, (_, i) => {
      // A blob from the browser's storage may be gone when the worker is replaced.
      const firstFiles = ready.then(({ files }) => files);
      const files = onceThen(firstFiles, async () => mapFiles(await this.#readAgain(), toBlob));
      const model = async () => {
        const { setup } = await ready;
        const ownSetup = i === 0 ? setup : kind.setupOfOthers(setup);
        return { modules, files: await files(), setup: ownSetup };
      };
      return new WorkerClient<T>({ start: () => platform.startWorker(script), model });
    });
    try {
      return await Pool.load(clients, {
        backend: "workers",
        backendReason: workers.reason,
        cache: kind.hasCache ? clients[0] : undefined,
        persistence: async () => kind.persistence((await ready).setup, storage),
        replaceDeadWorkers: !gpu,
      });
    } catch (error) {
      const startFailed = error instanceof CrossrankError && error.code === "runtime-failed";
      // If the GPU ends a worker, it would also end the page.
      const diedOnCpu = error instanceof WorkerDied && !gpu;
      if (!((startFailed || diedOnCpu) && workers.isAuto)) throw error;
      const reason = `${workers.reason}, but ${withCause(error)}`;
      console.warn(`crossrank computes on this thread: ${reason}`);
      return this.#loadInThread(target, await ready, reason);
    }
  }

  #read(storage: FileStorage, options: ReadOptions): Promise<ReadModel> {
    const { kind, source, graph, platform } = this.#context;
    return readModel(kind.name, source, platform, storage, { ...options, graph });
  }

  #readAgain(): Promise<ModelFiles> {
    return retryIfDamaged(this.#context.storage, async (storage) => {
      const { files, verified } = await this.#read(storage, {});
      await verified;
      return files;
    });
  }

  /** Computed once, because it may take reading and hashing a whole model. */
  #fingerprint(files: ModelFiles): ReturnType<typeof fingerprintOf> {
    const known = this.#fingerprints.get(files);
    const fingerprint = known ?? fingerprintOf(this.#context.source, files);
    this.#fingerprints.set(files, fingerprint);
    return fingerprint;
  }
}

function withCause({ message, cause }: Error): string {
  return cause === undefined ? message : `${message} (${isError(cause) ? cause.message : cause})`;
}

/**
 * Tries again if a copy in the storage was damaged. It has been removed then. If it could not be
 * removed, the last try does without the storage.
 */
async function retryIfDamaged<R>(
  storage: FileStorage,
  use: (storage: FileStorage, isRetry: boolean) => Promise<R>,
): Promise<R> {
  for (let retry = 0; retry < 2; retry++) {
    try {
      return await use(storage, retry > 0);
    } catch (error) {
      if (!(error instanceof DamagedCopy)) throw error;
    }
  }
  return use(new BrowserFileStorage("none"), true);
}

/** The codes of models that may be damaged. Even a file from the network may be an old copy on its way. */
const DAMAGE_CODES: ErrorCode[] = ["invalid-model", "tokenizer-mismatch"];

/** Removes files that no hash verifies, and rejects with {@link DamagedCopy}, if they are to blame. */
async function distrust(error: unknown, reading: Promise<ReadModel>): Promise<void> {
  const { unverified } = await reading;
  if (!unverified || !(error instanceof CrossrankError)) return;
  const isUnsupportedCopy = unverified.areCopies && error.code === "unsupported-model";
  if (!isUnsupportedCopy && !DAMAGE_CODES.includes(error.code)) return;
  await unverified.remove();
  throw new DamagedCopy(error.message);
}

/** A function that gives `first` in its first call, and what `next` gives in later ones. */
function onceThen<R>(first: Promise<R>, next: () => Promise<R>): () => Promise<R> {
  first.catch(() => {});
  let unused: Promise<R> | undefined = first;
  return () => {
    const given = unused;
    unused = undefined;
    return given ?? next();
  };
}
