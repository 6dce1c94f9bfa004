// The arguments of `load`, checked.

import type { EmbedderLoadOptions, HubOptions, LoadOptions } from "../../types/index.js";
import type { GpuFiles, Platform } from "../core/platform.js";
import { checkOption, describeValue, invalidArgument, isObject, resolveUrl } from "../core/validate.js";
import type { ModelSource } from "../model/files.js";
import { findModel } from "../model/hub.js";
import { GRAPH_EXTENSION } from "../model/layout.js";
import type { RegisteredModel } from "../model/registry.js";

/** More workers than this take more memory than most pages can spare. */
const MAX_AUTO_WORKERS = 4;
/** More than this are a mistake. */
const MAX_WORKERS = 64;

/** The options of any kind of model. */
export type CommonLoadOptions = LoadOptions | EmbedderLoadOptions;

export interface LoadArguments<O extends CommonLoadOptions> {
  options: O;
  /** The default model if undefined. */
  model: ModelSource | undefined;
}

/** Both forms of the arguments: `load(options)`, and `load(name, options)`. */
export function parseLoadArguments<O extends CommonLoadOptions>(
  task: RegisteredModel["task"],
  nameOrOptions: string | O,
  namedOptions: (O & HubOptions) | undefined,
): LoadArguments<O> {
  if (typeof nameOrOptions !== "string") {
    const options = checkLoadOptions(nameOrOptions);
    return { options, model: options.model };
  }
  checkOption("", namedOptions, "an object", isObject(namedOptions));
  const options = namedOptions ?? ({} as O & HubOptions);
  if (options.model !== undefined) {
    const name = describeValue(nameOrOptions);
    throw invalidArgument(`options.model and ${name} both name a model; leave one out`);
  }
  const model = findModel(task, nameOrOptions, options);
  return { options: checkLoadOptions(options), model };
}

/** Checks that these are options, and not a model by mistake. */
function checkLoadOptions<O extends CommonLoadOptions>(options: O): O {
  const isBytes = options instanceof ArrayBuffer || ArrayBuffer.isView(options);
  const isModel = isBytes || options instanceof URL;
  if (!isObject(options) || isModel || "files" in options || "onnx" in options) {
    const given = describeValue(options);
    throw invalidArgument(`load() was given ${given}; give options, as in load({ model })`);
  }
  const { signal, onProgress, graph } = options;
  const isGraph = typeof graph === "string" && graph.endsWith(GRAPH_EXTENSION);
  checkOption("graph", graph, 'the path of a graph, such as "onnx/model_fp16.onnx"', isGraph);
  checkOption("signal", signal, "an AbortSignal", signal instanceof AbortSignal);
  checkOption("onProgress", onProgress, "a function", typeof onProgress === "function");
  return options;
}

/** The script of the workers; undefined for the package's own. */
export function workerScriptOf({ worker }: CommonLoadOptions, platform: Platform): URL | undefined {
  const isUrl = worker instanceof URL || typeof worker === "string";
  checkOption("worker", worker, "a URL", isUrl);
  return typeof worker === "string" ? resolveUrl(platform, worker, "worker") : worker;
}

/** The platform's files, or those in the folder that the options name. */
export function gpuFilesOf({ gpuFiles }: LoadOptions, platform: Platform): GpuFiles | undefined {
  const isUrl = gpuFiles instanceof URL || typeof gpuFiles === "string";
  checkOption("gpuFiles", gpuFiles, "a URL", isUrl);
  if (gpuFiles === undefined) return platform.gpuFiles;
  const folder = resolveUrl(platform, gpuFiles, "gpuFiles");
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return {
    wasm: () => new URL("crossrank-gpu.wasm", folder),
    bindings: () => new URL("gpu-bindings.js", folder),
  };
}

/** A number of workers. With `isAuto`, this thread computes if they cannot be started. */
export interface WorkerCount {
  count: number;
  isAuto: boolean;
}

export function workerCountOf(options: CommonLoadOptions, platform: Platform): WorkerCount {
  const workers = options.workers ?? platform.defaultWorkers;
  if (workers === "auto") {
    // One core is left to the page.
    const count = Math.max(1, Math.min(platform.cores() - 1, MAX_AUTO_WORKERS));
    return { count, isAuto: true };
  }
  if (!Number.isInteger(workers) || workers < 0 || workers > MAX_WORKERS) {
    const expected = `"auto" or a whole number up to ${MAX_WORKERS}, 0 for this thread`;
    throw invalidArgument(`workers is ${describeValue(options.workers)}; give ${expected}`);
  }
  return { count: workers, isAuto: false };
}
