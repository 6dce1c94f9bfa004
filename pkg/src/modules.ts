// The WebAssembly modules that models are loaded with.

import type { LoadOptions } from "../types/index.js";
import { CrossrankError } from "./errors.js";
import { urlOf } from "./input.js";
import type { Platform, WasmKind } from "./platform.js";
import { chooseBuild, type Build } from "./simd.js";
import type { Storage } from "./storage.js";

/**
 * What one model is loaded with. The package's small module runs BERT's family and its
 * tokenizer; a model that is another asks for the general one, which is ten times as large and is fetched then.
 */
export interface Modules {
  /** Compiles the first module to try, while the model is still being read. */
  compile(): Promise<unknown>;
  /** Gives `use` a module, and where the model turns out to need it, the general one. */
  load<T>(use: (module: WebAssembly.Module) => Promise<T>): Promise<T>;
  /** Which of the package's small modules is in use, if one is. */
  readonly build: Build | undefined;
}

/** Gives the modules of a load. Those of the package are compiled once for all of them. */
export function modulesFor(
  platform: Platform,
): (wasm: LoadOptions["wasm"], storage: Storage) => Modules {
  const small = once(async (storage) => {
    const compiled = async (build: Build) => {
      return { build, module: await compileFrom(platform.wasm[build](), platform, storage) };
    };
    const build = await chooseBuild(storage);
    // The other file may be where this one is not: on the server, or in the storage.
    const other = build === "simd128" ? "relaxed-simd" : "simd128";
    return compiled(build).catch((error) =>
      compiled(other).catch(() => Promise.reject(error)),
    );
  });
  const general = once((storage) => {
    return compileFrom(platform.wasm.general(), platform, storage, "general");
  });

  return (wasm, storage) => (wasm === undefined ? own(storage) : named(wasm, storage));

  function own(storage: Storage): Modules {
    let build: Build | undefined;
    /** Why the general module is needed, once a model has said so. */
    let reason: CrossrankError | undefined;

    async function generalModule(reason: CrossrankError): Promise<WebAssembly.Module> {
      return general(storage).catch((error: CrossrankError) => {
        throw new CrossrankError(
          error.code,
          `${error.message}; this model needs it (${reason.message}): serve that file beside ` +
            "this package's others, or take a BERT cross-encoder",
          { cause: error },
        );
      });
    }

    return {
      compile: () => small(storage),
      async load(use) {
        if (!reason) {
          const chosen = await small(storage);
          build = chosen.build;
          try {
            return await use(chosen.module);
          } catch (error) {
            if (!needsGeneral(error)) throw error;
            reason = error;
          }
        }
        build = undefined;
        return use(await generalModule(reason));
      },
      get build() {
        return build;
      },
    };
  }

  function named(wasm: Exclude<LoadOptions["wasm"], undefined>, storage: Storage): Modules {
    const compiled = once(() => compileFrom(wasm, platform, storage));
    return {
      compile: () => compiled(storage),
      async load(use) {
        return use(await compiled(storage)).catch((error) => {
          if (!needsGeneral(error)) throw error;
          const advice = "name crossrank-general.wasm as the WebAssembly file, or none";
          throw new CrossrankError(error.code, `${error.message}; ${advice}`);
        });
      },
      build: undefined,
    };
  }
}

/** The module that computes on a GPU. */
export function gpuModules(wasm: URL, platform: Platform, storage: Storage): Modules {
  const compiled = once(() => compileFrom(wasm, platform, storage, "gpu"));
  return {
    compile: () => compiled(storage),
    load: async (use) => use(await compiled(storage)),
    build: undefined,
  };
}

function needsGeneral(error: unknown): error is CrossrankError {
  return error instanceof CrossrankError && error.code === "needs-general";
}

/** Calls again only after a failure. */
function once<T>(call: (storage: Storage) => Promise<T>): (storage: Storage) => Promise<T> {
  let result: Promise<T> | undefined;
  return (storage) =>
    (result ??= call(storage).catch((error) => {
      result = undefined;
      throw error;
    }));
}

async function compileFrom(
  wasm: Exclude<LoadOptions["wasm"], undefined>,
  platform: Platform,
  storage: Storage,
  kind?: WasmKind,
): Promise<WebAssembly.Module> {
  try {
    if (wasm instanceof WebAssembly.Module) return wasm;
    if (wasm instanceof URL || typeof wasm === "string") {
      return await platform.compile(urlOf(platform, wasm, "wasm"), storage, kind);
    }
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
