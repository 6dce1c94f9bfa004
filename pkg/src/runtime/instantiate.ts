// Creates an instance of a WebAssembly module, with a model in it.

import { copyToWasm, toPieces } from "../core/content.js";
import { CrossrankError } from "../core/errors.js";
import { errorOfCore, errorOfInstantiation } from "../core/panic.js";
import type { Embedding, GpuSetup, Reranking, Task } from "../core/task.js";
import { canHash } from "../io/hash.js";
import type { ModelFiles } from "../model/files.js";
import { wasmFileName } from "../model/layout.js";
import { type Bindings, bind, type GpuBindings, type WasmModel } from "./bindings.js";
import type { InstanceSource } from "./executor.js";
import { withGpuWatchdog } from "./gpu-watchdog.js";

export interface LoadedModel<T extends Task> {
  bindings: Bindings;
  model: WasmModel<T>;
}

export async function instantiate<T extends Task>(source: InstanceSource<T>): Promise<LoadedModel<T>> {
  const files = await source.files();
  return source.modules.load((module) => instantiateModule<T>(module, files, source.setup));
}

async function instantiateModule<T extends Task>(
  module: WebAssembly.Module,
  files: ModelFiles,
  setup: T["setup"],
): Promise<LoadedModel<T>> {
  const bindings = await bindingsFor(setup);
  try {
    await bindings({ module_or_path: module });
  } catch (cause) {
    throw errorOfInstantiation(cause);
  }
  try {
    const model = (await createModel(bindings, files, setup)) as WasmModel<T>;
    return { bindings, model };
  } catch (error) {
    throw toCrossrankError(error, bindings);
  }
}

export function gpuOf(setup: Task["setup"]): GpuSetup | undefined {
  return setup.kind === "reranker" ? setup.gpu : undefined;
}

async function bindingsFor(setup: Task["setup"]): Promise<Bindings> {
  const gpu = gpuOf(setup);
  if (!gpu) return bindHere();
  try {
    const { bind } = await import(/* webpackIgnore: true */ /* @vite-ignore */ gpu.bindings);
    return (bind as () => GpuBindings)();
  } catch (cause) {
    const message = `${gpu.bindings} could not be loaded; serve that file beside crossrank-gpu.wasm`;
    throw new CrossrankError("gpu-failed", message, { cause });
  }
}

function bindHere(): Bindings {
  try {
    return bind();
  } catch (cause) {
    const message =
      `this runtime lacks a part of the platform (${(cause as Error).message}); under jsdom, ` +
      "set TextDecoder and TextEncoder to those of node:util";
    throw new CrossrankError("runtime-failed", message, { cause });
  }
}

async function createModel(
  bindings: Bindings,
  files: ModelFiles,
  setup: Task["setup"],
): Promise<WasmModel<Reranking> | WasmModel<Embedding>> {
  const { Files, Model, Embedder } = bindings;
  const wasmFiles = new Files();
  for (const [key, content] of Object.entries(files)) {
    if (content) await copyToWasm(wasmFiles, wasmFileName(key), toPieces(content));
  }
  // `readModel` verifies a prepared model if the platform can hash. Otherwise the core does.
  const isVerified = canHash();
  if (setup.kind === "embedder") return new Embedder(wasmFiles, setup.options, isVerified);
  if (!setup.gpu) return new Model(wasmFiles, setup.cache, isVerified, setup.keepFloats);
  const loading = (Model as GpuBindings["Model"]).loadOnGpu(wasmFiles, setup.cache, isVerified);
  const model = withGpuWatchdog(bindings, loading);
  // If the watchdog gave up, nobody else frees a model that arrives later.
  model.catch(() => loading.then((late) => late.free()).catch(() => {}));
  return model;
}

export function toCrossrankError(error: unknown, bindings: Bindings): CrossrankError {
  return errorOfCore(error, bindings, "the next call");
}
