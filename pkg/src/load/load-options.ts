// The arguments of `load`, checked.

import type { EmbedderLoadOptions, HubOptions, LoadOptions } from "../../types/index.js";
import type { GpuFiles, Platform } from "../core/platform.js";
import { isBytes, isCompiledModule, isLocation } from "../core/realm.js";
import {
  ANY,
  checkOptions,
  describeValue,
  FLAG,
  FUNCTION,
  invalidArgument,
  isObject,
  isPositiveInteger,
  LOCATION,
  type OptionRule,
  type OptionRules,
  oneOf,
  resolveUrl,
  SIGNAL,
} from "../core/validate.js";
import type { ModelSource } from "../model/files.js";
import { findModel } from "../model/hub.js";
import { isGraph } from "../model/layout.js";
import type { RegisteredModel } from "../model/registry.js";

/** More workers than this take more memory than most pages can spare. */
const MAX_AUTO_WORKERS = 4;
/** More than this are a mistake. */
const MAX_WORKERS = 64;

/** The options of any kind of model. */
export type CommonLoadOptions = LoadOptions | EmbedderLoadOptions;

const COMMON_RULES: OptionRules<Pick<LoadOptions, keyof LoadOptions & keyof EmbedderLoadOptions>> = {
  // These two are checked when they are read.
  model: ANY,
  workers: ANY,
  wasm: [
    "a URL, bytes or a WebAssembly.Module",
    (value) => isLocation(value) || isBytes(value) || isCompiledModule(value),
  ],
  storage: oneOf("cache", "none"),
  worker: LOCATION,
  onProgress: FUNCTION,
  signal: SIGNAL,
  graph: [
    'the path of a graph, such as "onnx/model_fp16.onnx", or "model.safetensors"',
    (value) => typeof value === "string" && isGraph(value),
  ],
  keepFloats: FLAG,
};

const RULES: Record<RegisteredModel["task"], Record<string, OptionRule>> = {
  rerank: {
    ...COMMON_RULES,
    device: oneOf("cpu", "gpu", "auto"),
    gpuFiles: LOCATION,
    scoreCache: ["false or { bytes, persistent }", (value) => value === false || isObject(value)],
  } satisfies OptionRules<LoadOptions>,
  embed: {
    ...COMMON_RULES,
    device: ['"cpu", or leave it out: embedders compute on the CPU', (value) => value === "cpu"],
    maxLength: ["a whole number of tokens", isPositiveInteger],
    // Their text is checked when they are used.
    queryPrefix: ANY,
    documentPrefix: ANY,
  } satisfies OptionRules<EmbedderLoadOptions & Pick<LoadOptions, "device">>,
};

/** These are checked with the name that they go with. */
const HUB_RULES: OptionRules<HubOptions> = { baseUrl: ANY, revision: ANY, token: ANY };

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
    refuseModel(nameOrOptions);
    const options = checkOptions<O>(nameOrOptions, RULES[task]);
    return { options, model: options.model };
  }
  const options = checkOptions(namedOptions, { ...RULES[task], ...HUB_RULES });
  if (options.model !== undefined) {
    const name = describeValue(nameOrOptions);
    throw invalidArgument(`options.model and ${name} both name a model; leave one out`);
  }
  return { options, model: findModel(task, nameOrOptions, options) };
}

/** Refuses a model in place of the options. */
function refuseModel(given: object): void {
  const isModel = isBytes(given) || isLocation(given);
  if (!isObject(given) || isModel || "files" in given || "onnx" in given) {
    throw invalidArgument(`load() was given ${describeValue(given)}; give options, as in load({ model })`);
  }
}

/** The script of the workers; undefined for the package's own. */
export function workerScriptOf({ worker }: CommonLoadOptions, platform: Platform): URL | undefined {
  return worker === undefined ? undefined : resolveUrl(platform, worker, "worker");
}

/** The platform's files, or those in the folder that the options name. */
export function gpuFilesOf({ gpuFiles }: LoadOptions, platform: Platform): GpuFiles | undefined {
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
  /** Why it is this number. */
  reason: string;
}

export function workerCountOf(options: CommonLoadOptions, platform: Platform): WorkerCount {
  const { workers = platform.defaultWorkers } = options;
  const reason = `workers is ${describeValue(workers)}${options.workers === undefined ? " by default here" : ""}`;
  if (workers === "auto") {
    const cores = platform.cores();
    // One core is left to the page.
    const count = Math.max(1, Math.min(cores - 1, MAX_AUTO_WORKERS));
    return { count, isAuto: true, reason: `${reason}, which is ${count} on ${cores} cores` };
  }
  if (!Number.isInteger(workers) || workers < 0 || workers > MAX_WORKERS) {
    const expected = `"auto" or a whole number up to ${MAX_WORKERS}, 0 for this thread`;
    throw invalidArgument(`workers is ${describeValue(options.workers)}; give ${expected}`);
  }
  return { count: workers, isAuto: false, reason };
}
