// From load options to a home.

import type { LoadOptions } from "../types/index.js";
import { unlessAborted } from "./abort.js";
import type { CacheOptions } from "./bindings.js";
import { defaultModel } from "./default-model.js";
import { CrossrankError } from "./errors.js";
import type { Home } from "./home.js";
import { show } from "./input.js";
import { Instance } from "./instance.js";
import { fingerprintOf, readModel, type ModelFiles } from "./model.js";
import type { Platform } from "./platform.js";
import { Pool, type Keeper } from "./pool.js";
import { chooseBuild, refuseRelaxed } from "./simd.js";
import { Storage } from "./storage.js";
import { VERSION } from "./version.js";
import { WorkerSeat } from "./worker-seat.js";

/** The memory of a score cache, in bytes: some 24,000 scores. */
const CACHE_BYTES = 4 << 20;
/** More workers than this cost more memory than most pages have to give. */
const MOST_AUTO_WORKERS = 4;

/** Gives `load` for a platform. Modules are compiled once for all rerankers. */
export function loader(platform: Platform): (options: LoadOptions) => Promise<Home> {
  let own: Promise<WebAssembly.Module> | undefined;

  async function compileOwn(storage: Storage): Promise<WebAssembly.Module> {
    const { wasm } = platform;
    if ((await chooseBuild(storage)) === "relaxed-simd") {
      try {
        return await compileFrom(wasm["relaxed-simd"](), platform, storage);
      } catch {
        // The other file may be where this one is not.
      }
    }
    return compileFrom(wasm.simd128(), platform, storage);
  }

  function compile(wasm: LoadOptions["wasm"], storage: Storage): Promise<WebAssembly.Module> {
    if (wasm !== undefined) return compileFrom(wasm, platform, storage);
    return (own ??= compileOwn(storage).catch((error) => {
      own = undefined;
      throw error;
    }));
  }

  return async (options) => {
    const { model, wasm, onProgress, signal } = options;
    signal?.throwIfAborted();
    const storage = new Storage(options.storage);
    const workers = workersOf(options.workers, platform);
    const { bytes, persistent } = cacheOf(options.scoreCache);
    const source = model ?? (await defaultModel());

    return unlessAborted(signal, async () => {
      const parts = Promise.all([
        compile(wasm, storage),
        readModel(source, platform, storage, { onProgress, signal }),
      ]).then(async ([module, files]) => {
        const cache = bytes > 0 ? { bytes, ...(await fingerprintOf(source, files)) } : undefined;
        return { module, files, cache };
      });
      // Whoever waits for them hears of a failure.
      parts.catch(() => {});
      const keeper = async () => {
        const { cache } = await parts;
        return persistent && cache ? keeperOf(storage, cache) : undefined;
      };

      async function inThread(): Promise<Pool> {
        const { files, cache } = await parts;
        // They are read again after a crash, instead of being kept: 24 MB held for as long as the
        // reranker lives is a high price for what should never happen, and files on the disk or
        // in the browser's storage come back quickly.
        let first: ModelFiles | undefined = files;
        const again = async () => first ?? (await readModel(source, platform, storage, {}));
        const take = () => again().finally(() => (first = undefined));
        const seat = new Instance({ module: () => compile(wasm, storage), files: take, cache });
        return Pool.load([seat], { home: "in-thread", keeper });
      }

      function inWorkers(count: number): Promise<Pool> {
        let blobs: ReturnType<typeof blobsOf> | undefined;
        const start = () => platform.worker(options.worker);
        const seats = Array.from({ length: count }, (_, i) => {
          // One cache serves all.
          const partsOfSeat = async () => {
            const { module, files, cache } = await parts;
            return { module, files: (blobs ??= blobsOf(files)), cache: i === 0 ? cache : undefined };
          };
          return new WorkerSeat({ start, parts: partsOfSeat });
        });
        return Pool.load(seats, { home: "workers", keeper });
      }

      const pool = await (workers.count === 0
        ? inThread()
        : inWorkers(workers.count).catch((error) => {
            const startFailed = error instanceof CrossrankError && error.code === "runtime-failed";
            if (startFailed && workers.auto) return inThread();
            throw error;
          }));
      if (signal?.aborted) pool.dispose();
      else if (wasm === undefined) await checkBuild(pool, storage);
      return pool;
    });
  };
}

/** The relaxed build computes with the simd128 kernel where its own test fails. */
async function checkBuild(pool: Pool, storage: Storage): Promise<void> {
  const { kernel } = await pool.info();
  const isRelaxed = (await chooseBuild(storage)) === "relaxed-simd";
  if (isRelaxed && kernel === "simd128") await refuseRelaxed(storage);
}

function workersOf(
  given: LoadOptions["workers"],
  platform: Platform,
): { count: number; auto: boolean } {
  const workers = given ?? platform.workers;
  if (workers === "auto") {
    const cores = globalThis.navigator?.hardwareConcurrency ?? 2;
    // One core is the page's.
    return { count: Math.max(1, Math.min(cores - 1, MOST_AUTO_WORKERS)), auto: true };
  }
  if (!Number.isInteger(workers) || workers < 0) {
    throw invalid(`workers is ${show(given)}; give "auto" or a whole number, 0 for this thread`);
  }
  return { count: workers, auto: false };
}

function cacheOf(given: LoadOptions["scoreCache"] = {}): { bytes: number; persistent: boolean } {
  if (given === false) return { bytes: 0, persistent: false };
  if (typeof given !== "object" || given === null) {
    throw invalid(`scoreCache is ${show(given)}; give false or { bytes, persistent }`);
  }
  const { bytes = CACHE_BYTES, persistent = false } = given;
  if (!Number.isInteger(bytes) || bytes < 0) {
    throw invalid(`scoreCache.bytes is ${show(bytes)}; give a number of bytes`);
  }
  return { bytes: Math.min(bytes, 1 << 30), persistent };
}

function keeperOf(storage: Storage, { fingerprint }: CacheOptions): Keeper {
  const slot = `scores ${fingerprint}`;
  return {
    load: () => storage.read(slot, VERSION),
    save: (scores) => storage.write(slot, VERSION, scores as Uint8Array<ArrayBuffer>),
  };
}

/** Workers are handed blobs, which are not copied, and stay for those that come later. */
function blobsOf(files: ModelFiles): { [key in keyof ModelFiles]: Blob } {
  const entries = Object.entries(files).filter(([, bytes]) => bytes !== undefined);
  return Object.fromEntries(entries.map(([key, bytes]) => [key, new Blob([bytes])])) as never;
}

async function compileFrom(
  wasm: Exclude<LoadOptions["wasm"], undefined>,
  platform: Platform,
  storage: Storage,
): Promise<WebAssembly.Module> {
  try {
    if (wasm instanceof WebAssembly.Module) return wasm;
    if (wasm instanceof URL) return await platform.compile(wasm, storage);
    if (typeof wasm === "string") return await platform.compile(platform.url(wasm), storage);
    return await WebAssembly.compile(wasm as BufferSource);
  } catch (cause) {
    if (cause instanceof CrossrankError) throw cause;
    throw new CrossrankError(
      "runtime-failed",
      "the WebAssembly file could not be compiled; check that it is served whole, that the page " +
        "allows 'wasm-unsafe-eval' and that the runtime has WebAssembly SIMD",
      { cause },
    );
  }
}

function invalid(message: string): CrossrankError {
  return new CrossrankError("invalid-argument", message);
}
