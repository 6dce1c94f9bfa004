// The WebAssembly modules that models are loaded with.

import type { LoadOptions } from "../../types/index.js";
import { CrossrankError } from "../core/errors.js";
import { packageUrl } from "../core/package-url.js";
import type { FileStorage, Platform, WasmKind, WasmVariant } from "../core/platform.js";
import { isBytes, isLocation, toUint8Array } from "../core/realm.js";
import { resolveUrl } from "../core/validate.js";
import { chooseVariant } from "./simd.js";

type GivenWasm = Exclude<LoadOptions["wasm"], undefined>;

/**
 * The modules that one model is loaded with. The package's small module runs encoders of BERT's
 * family with BERT's tokenizer. Other models need the general module, which is ten times as large
 * and is fetched only then.
 */
export interface WasmModules {
  /** Compiles the module that is tried first, while the model is still being read. */
  compile(): Promise<unknown>;
  /** Calls `use` with a module, and again with the general one if the model turns out to need it. */
  load<R>(use: (module: WebAssembly.Module) => Promise<R>): Promise<R>;
  /** Which of the package's small modules is in use, if one is. */
  readonly variant: WasmVariant | undefined;
}

/** Gives the modules of a load. Those of the package are compiled once for all loads. */
export function wasmModulesOf(
  platform: Platform,
): (wasm: GivenWasm | undefined, storage: FileStorage) => WasmModules {
  const small = retryable(async (storage) => {
    const compile = async (variant: WasmVariant) => {
      const url = packageUrl(platform.wasmFiles[variant]);
      return { variant, module: await compileFrom(url, platform, storage) };
    };
    const variant = await chooseVariant(storage);
    // If one file is missing, on the server and in the storage, the other may not be.
    const other = variant === "simd128" ? "relaxed-simd" : "simd128";
    return compile(variant).catch((error) => compile(other).catch(() => Promise.reject(error)));
  });
  const general = retryable(async (storage) =>
    compileFrom(packageUrl(platform.wasmFiles.general), platform, storage, "general"),
  );

  function packageModules(storage: FileStorage): WasmModules {
    let variant: WasmVariant | undefined;
    /** Why the model needs the general module, once that is known. */
    let reason: CrossrankError | undefined;

    async function generalModule(reason: CrossrankError): Promise<WebAssembly.Module> {
      return general(storage).catch((error: CrossrankError) => {
        throw new CrossrankError(
          error.code,
          `${error.message}; this model needs it (${reason.message}): serve that file beside ` +
            "the package's others, or use a BERT cross-encoder",
          { cause: error },
        );
      });
    }

    return {
      compile: () => small(storage),
      async load(use) {
        if (!reason) {
          const chosen = await small(storage);
          variant = chosen.variant;
          try {
            return await use(chosen.module);
          } catch (error) {
            if (!needsGeneral(error)) throw error;
            reason = error;
          }
        }
        variant = undefined;
        return use(await generalModule(reason));
      },
      get variant() {
        return variant;
      },
    };
  }

  function givenModule(wasm: GivenWasm, storage: FileStorage): WasmModules {
    const compile = retryable(() => compileFrom(wasm, platform, storage));
    return {
      compile: () => compile(storage),
      async load(use) {
        return use(await compile(storage)).catch((error) => {
          if (!needsGeneral(error)) throw error;
          const advice = "name crossrank-general.wasm as the WebAssembly file, or none";
          throw new CrossrankError(error.code, `${error.message}; ${advice}`);
        });
      },
      variant: undefined,
    };
  }

  return (wasm, storage) => (wasm === undefined ? packageModules(storage) : givenModule(wasm, storage));
}

/** The module that computes on a GPU. */
export function gpuModuleOf(wasm: URL, platform: Platform, storage: FileStorage): WasmModules {
  const compile = retryable(() => compileFrom(wasm, platform, storage, "gpu"));
  return {
    compile: () => compile(storage),
    load: async (use) => use(await compile(storage)),
    variant: undefined,
  };
}

function needsGeneral(error: unknown): error is CrossrankError {
  return error instanceof CrossrankError && error.code === "needs-general";
}

/** Keeps the result of the first call that succeeds. */
function retryable<R>(call: (storage: FileStorage) => Promise<R>): (storage: FileStorage) => Promise<R> {
  let result: Promise<R> | undefined;
  return (storage) =>
    (result ??= call(storage).catch((error) => {
      result = undefined;
      throw error;
    }));
}

async function compileFrom(
  wasm: GivenWasm,
  platform: Platform,
  storage: FileStorage,
  kind?: WasmKind,
): Promise<WebAssembly.Module> {
  try {
    if (isBytes(wasm)) return await WebAssembly.compile(toUint8Array(wasm));
    if (!isLocation(wasm)) return wasm as WebAssembly.Module;
    return await platform.compileWasm(resolveUrl(platform, wasm, "wasm"), storage, kind);
  } catch (cause) {
    if (cause instanceof CrossrankError) throw cause;
    throw new CrossrankError(
      "runtime-failed",
      "the WebAssembly file could not be compiled; check that the server sends all of it, that the " +
        "page allows 'wasm-unsafe-eval', and that the runtime has WebAssembly SIMD",
      { cause },
    );
  }
}
