// From load options to a home.

import type { EmbedderLoadOptions, LoadOptions } from "../types/index.js";
import { unlessAborted } from "./abort.js";
import { blobOf, DamagedCopy } from "./content.js";
import { CrossrankError, WorkerDied } from "./errors.js";
import type { Home } from "./home.js";
import { check, invalid, isObject, show, urlOf } from "./input.js";
import { Instance } from "./instance.js";
import type { Kind } from "./kinds.js";
import { fingerprintOf, readModel, type ModelFiles, type ReadModel } from "./model.js";
import type { GpuFiles, Platform } from "./platform.js";
import { gpuModules, modulesFor, type Modules } from "./modules.js";
import { Pool } from "./pool.js";
import { refuseRelaxed } from "./simd.js";
import { Storage } from "./storage.js";
import type { GpuSetup, Work } from "./work.js";
import { WorkerSeat } from "./worker-seat.js";

type CommonOptions = LoadOptions | EmbedderLoadOptions;

/** More workers than this cost more memory than most pages have to give. */
const MOST_AUTO_WORKERS = 4;
/** More than this are a mistake. */
const MOST_WORKERS = 64;

/** What loads a kind of model, with options that are {@link checked}. */
export type Load = <W extends Work>(options: CommonOptions, kind: Kind<W>) => Promise<Home<W>>;

/** Gives `load` for a platform. */
export function loader(platform: Platform): Load {
  const modulesOf = modulesFor(platform);

  return async <W extends Work>(options: CommonOptions, kind: Kind<W>) => {
    const { model, wasm, onProgress, signal } = options;
    const gpuFiles = gpuFilesOf(options, platform);
    signal?.throwIfAborted();
    const storage = new Storage(options.storage);
    const workers = workersOf(options.workers, platform);
    const script = scriptOf(options.worker, platform);
    const cpu: Place = { workers, modules: modulesOf(wasm, storage) };
    const source = model === undefined ? await kind.defaultModel() : model;

    /** A damaged copy has been removed, but may be there again where that failed. */
    function sound<T>(use: (storage: Storage) => Promise<T>): Promise<T> {
      const unlessDamaged = (storage: Storage) => (error: unknown) => {
        if (!(error instanceof DamagedCopy)) throw error;
        return use(storage);
      };
      return use(storage).catch(unlessDamaged(storage)).catch(unlessDamaged(new Storage("none")));
    }

    const fingerprints = new WeakMap<ModelFiles, ReturnType<typeof fingerprintOf>>();
    /** It may have to read and hash all of a model. */
    function fingerprint(files: ModelFiles): ReturnType<typeof fingerprintOf> {
      const known = fingerprints.get(files) ?? fingerprintOf(source, files);
      fingerprints.set(files, known);
      return known;
    }

    const read = (storage: Storage, watch: Watch) =>
      readModel(kind.name, source, platform, storage, watch);

    const readAgain = () =>
      sound(async (storage) => {
        const { files, verified } = await read(storage, {});
        await verified;
        return files;
      });

    /** The model for a place, and how it is made there. */
    async function readyFor({ modules, gpu }: Place, reading: Promise<ReadModel>): Promise<Read<W>> {
      const [model] = await Promise.all([reading, modules.compile()]);
      const setup = await kind.setup(() => fingerprint(model.files), gpu);
      return { ...model, setup };
    }

    /**
     * The files are read again after a crash, instead of being kept: 24 MB held for as long as the
     * model lives is a high price for what should never happen, and files on the disk or in the
     * browser's storage come back quickly.
     */
    function inThread({ modules }: Place, { setup, ...read }: Read<W>): Promise<Pool<W>> {
      const files = firstly(Promise.resolve(read.files), readAgain);
      const seat = new Instance<W>({ modules, files, setup });
      const cache = kind.cached ? seat : undefined;
      const keeper = async () => kind.keeper(setup, storage);
      return Pool.load([seat], { home: "in-thread", cache, keeper });
    }

    /** Workers start while the files are read. They are handed blobs, which are not copied. */
    async function inWorkers(place: Place, ready: Promise<Read<W>>): Promise<Pool<W>> {
      const { modules, workers, gpu } = place;
      const parts = ready.then((read) => ({ ...read, files: blobsOf(read.files) }));
      // Whoever waits for them hears of a failure.
      parts.catch(() => {});
      const seats = Array.from({ length: workers.count }, (_, i) => {
        // A blob of the browser's storage may be gone by the time that a worker is replaced.
        const first = parts.then(({ files }) => files);
        const files = firstly(first, async () => blobsOf(await readAgain()));
        const partsOfSeat = async () => {
          const { setup } = await parts;
          return { modules, files: await files(), setup: i === 0 ? setup : kind.others(setup) };
        };
        return new WorkerSeat<W>({ start: () => platform.worker(script), parts: partsOfSeat });
      });
      const keeper = async () => kind.keeper((await parts).setup, storage);
      const cache = kind.cached ? seats[0] : undefined;
      try {
        return await Pool.load(seats, { home: "workers", cache, keeper, goesOn: !gpu });
      } catch (error) {
        const startFailed = error instanceof CrossrankError && error.code === "runtime-failed";
        // Where a GPU ends a worker it would end the page.
        const diedOnCpu = error instanceof WorkerDied && !gpu;
        if (!((startFailed || diedOnCpu) && workers.auto)) throw error;
        return inThread(place, await parts);
      }
    }

    /** The model in a place, where it is loaded while its files are verified. */
    async function pool(place: Place, reading: Promise<ReadModel>): Promise<Pool<W>> {
      const ready = readyFor(place, reading);
      let known: Read<W> | undefined;
      const loading =
        place.workers.count > 0
          ? inWorkers(place, ready)
          : ready.then((read) => inThread(place, read));
      void ready.then((files) => (known = files)).catch(() => {});
      const [loaded] = await Promise.allSettled([loading]);
      try {
        // What fails before the files are there does not fail because of them.
        await known?.verified;
      } catch (error) {
        if (loaded.status === "fulfilled") void loaded.value.dispose();
        throw error;
      }
      return loading;
    }

    async function onCpu(reading: Promise<ReadModel>): Promise<Pool<W>> {
      const loaded = await pool(cpu, reading);
      try {
        // The relaxed build computes with the simd128 kernel where its own test fails.
        if (cpu.modules.build === "relaxed-simd" && (await loaded.info()).kernel === "simd128") {
          await refuseRelaxed(storage);
        }
        return loaded;
      } catch (error) {
        void loaded.dispose();
        throw error;
      }
    }

    async function onGpu(adapter: string, reading: Promise<ReadModel>): Promise<Pool<W>> {
      if (!gpuFiles) throw new CrossrankError("gpu-failed", "this runtime has no WebGPU");
      const { wasm, bindings } = gpuFiles;
      return pool(
        {
          // One worker keeps the GPU busy.
          workers: { ...workers, count: Math.min(workers.count, 1) },
          modules: gpuModules(wasm(), platform, storage),
          gpu: { adapter, bindings: urlOf(platform, bindings(), "gpuFiles").href },
        },
        reading,
      );
    }

    /** The home that the kind chooses, of one reading of the files. */
    async function chosen(
      choose: Exclude<Kind<W>["choose"], undefined>,
      reading: Promise<ReadModel>,
    ): Promise<Home<W>> {
      const loaded: Promise<Pool<W>>[] = [];
      const kept = (pool: Promise<Pool<W>>) => {
        loaded.push(pool);
        return pool;
      };
      let first: Promise<Pool<W>> | undefined;
      try {
        return await choose({
          cpu: () => (first ??= kept(onCpu(reading))),
          gpu: (adapter) => kept(onGpu(adapter, reading)),
          later,
          about: async () => {
            const model = await fingerprint((await reading).files);
            return `${model.fingerprint} in ${workers.count} workers`;
          },
          storage,
          signal,
        });
      } catch (error) {
        for (const pool of loaded) void pool.then((pool) => pool.dispose(), () => {});
        throw error;
      }
    }

    const later = () => sound((storage) => onCpu(read(storage, {})));

    async function load(): Promise<Home<W>> {
      const { choose } = kind;
      const home = await sound<Home<W>>((storage) => {
        const reading = read(storage, { onProgress, signal });
        // Whoever waits for it hears of a failure.
        reading.catch(() => {});
        return choose ? chosen(choose, reading) : onCpu(reading);
      });
      if (signal?.aborted) void home.dispose();
      signal?.throwIfAborted();
      return home;
    }

    return unlessAborted(signal, load);
  };
}

type Watch = Pick<LoadOptions, "onProgress" | "signal">;

/** Where a model computes, and by which WebAssembly file. */
interface Place {
  workers: { count: number; auto: boolean };
  modules: Modules;
  gpu?: GpuSetup;
}

interface Read<W extends Work> extends ReadModel {
  setup: W["setup"];
}

/** Gives `first` once, and then what `again` gives. */
function firstly<T>(first: Promise<T>, again: () => Promise<T>): () => Promise<T> {
  first.catch(() => {});
  let left: Promise<T> | undefined = first;
  return () => {
    const given = left;
    left = undefined;
    return given ?? again();
  };
}

function blobsOf(files: ModelFiles): ModelFiles {
  const entries = Object.entries(files).filter(([, content]) => content !== undefined);
  return Object.fromEntries(entries.map(([key, content]) => [key, blobOf(content)])) as never;
}

/** The options, which are an object, and not a model by mistake. */
export function checked<O extends CommonOptions>(options: O): O {
  const isBytes = options instanceof ArrayBuffer || ArrayBuffer.isView(options);
  const isModel = isBytes || options instanceof URL;
  if (!isObject(options) || isModel || "files" in options || "onnx" in options) {
    throw invalid(`load() was given ${show(options)}; give options, as in load({ model })`);
  }
  const { signal, onProgress } = options;
  check("signal", signal, "an AbortSignal", signal instanceof AbortSignal);
  check("onProgress", onProgress, "a function", typeof onProgress === "function");
  return options;
}

function scriptOf(given: LoadOptions["worker"], platform: Platform): URL | undefined {
  check("worker", given, "a URL", given instanceof URL || typeof given === "string");
  return typeof given === "string" ? urlOf(platform, given, "worker") : given;
}

/** The platform's, or those of a folder that a caller names. */
function gpuFilesOf({ gpuFiles }: LoadOptions, platform: Platform): GpuFiles | undefined {
  check("gpuFiles", gpuFiles, "a URL", gpuFiles instanceof URL || typeof gpuFiles === "string");
  if (gpuFiles === undefined) return platform.gpu;
  const folder = urlOf(platform, gpuFiles, "gpuFiles");
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return {
    wasm: () => new URL("crossrank-gpu.wasm", folder),
    bindings: () => new URL("gpu-bindings.js", folder),
  };
}

function workersOf(
  given: LoadOptions["workers"],
  platform: Platform,
): { count: number; auto: boolean } {
  const workers = given ?? platform.workers;
  if (workers === "auto") {
    // One core is the page's.
    return { count: Math.max(1, Math.min(platform.cores() - 1, MOST_AUTO_WORKERS)), auto: true };
  }
  if (!Number.isInteger(workers) || workers < 0 || workers > MOST_WORKERS) {
    const wanted = `"auto" or a whole number up to ${MOST_WORKERS}, 0 for this thread`;
    throw invalid(`workers is ${show(given)}; give ${wanted}`);
  }
  return { count: workers, auto: false };
}
