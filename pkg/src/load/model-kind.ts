// What differs between loading a reranker and loading an embedder.

import type { EmbedderLoadOptions, LoadOptions, ModelPackage } from "../../types/index.js";
import type { ScorePersistence } from "../backends/pool.js";
import type { Backend } from "../core/backend.js";
import type { FileStorage } from "../core/platform.js";
import type { Embedding, GpuSetup, Reranking, Task } from "../core/task.js";
import { checkOptions, checkText, FLAG, MAX_UINT32, type OptionRules } from "../core/validate.js";
import { VERSION } from "../core/version.js";
import { defaultEmbedder, defaultReranker } from "../model/default.js";
import { chooseDevice, type DeviceBackends } from "./device.js";

/** The default memory of a score cache, which holds about 24,000 scores. */
const DEFAULT_CACHE_BYTES = 4 << 20;
const MAX_CACHE_BYTES = 1 << 30;

/** How a kind of model is loaded. */
export interface ModelKind<T extends Task> {
  name: T["setup"]["kind"];
  defaultModel(): Promise<ModelPackage>;
  /** `fingerprint` identifies the model. */
  setup(fingerprint: () => Promise<{ fingerprint?: string }>, gpu: GpuSetup | undefined): Promise<T["setup"]>;
  /** The setup of all workers but the first. */
  setupOfOthers(setup: T["setup"]): T["setup"];
  /** Whether the first executor has a cache. */
  hasCache: boolean;
  persistence(setup: T["setup"], storage: FileStorage): ScorePersistence | undefined;
  /** Chooses between the CPU and a GPU. Without it, the CPU computes. */
  chooseDevice?: ((backends: DeviceBackends<T>) => Promise<Backend<T>>) | undefined;
}

export function rerankerKind(options: LoadOptions): ModelKind<Reranking> {
  const { bytes, persistent } = scoreCacheOf(options);
  const hasCache = bytes > 0;
  const { device = "cpu", keepFloats = false } = options;
  return {
    name: "reranker",
    defaultModel: defaultReranker,
    setup: async (fingerprint, gpu) => ({
      kind: "reranker",
      cache: hasCache ? { bytes, ...(await fingerprint()) } : undefined,
      keepFloats,
      ...(gpu && { gpu }),
    }),
    // One cache serves all executors.
    setupOfOthers: (setup) => ({ ...setup, cache: undefined }),
    hasCache,
    // A GPU's scores have other keys. In the same slot, each device would overwrite the other's.
    persistence: ({ cache, gpu }, storage) => {
      const device = gpu ? ` of GPU ${gpu.adapter}` : keepFloats ? " in floats" : "";
      return persistent && cache ? persistIn(storage, `scores ${cache.fingerprint}${device}`) : undefined;
    },
    chooseDevice: device === "cpu" ? undefined : (backends) => chooseDevice(device, backends),
  };
}

export function embedderKind(options: EmbedderLoadOptions): ModelKind<Embedding> {
  const { maxLength, queryPrefix, documentPrefix, keepFloats } = options;
  const given = {
    ...(keepFloats !== undefined && { keepFloats }),
    ...(maxLength !== undefined && { maxLength: Math.min(maxLength, MAX_UINT32) }),
    ...(queryPrefix !== undefined && {
      queryPrefix: checkText(queryPrefix, "options.queryPrefix"),
    }),
    ...(documentPrefix !== undefined && {
      documentPrefix: checkText(documentPrefix, "options.documentPrefix"),
    }),
  };
  return {
    name: "embedder",
    defaultModel: defaultEmbedder,
    setup: async (fingerprint) => ({
      kind: "embedder",
      options: { ...given, ...(await fingerprint()) },
    }),
    setupOfOthers: (setup) => setup,
    hasCache: false,
    persistence: () => undefined,
  };
}

const CACHE_RULES: OptionRules<Exclude<LoadOptions["scoreCache"], false | undefined>> = {
  bytes: ["a number of bytes", (value) => Number.isInteger(value) && (value as number) >= 0],
  persistent: FLAG,
};

function scoreCacheOf({ scoreCache = {} }: LoadOptions): { bytes: number; persistent: boolean } {
  if (scoreCache === false) return { bytes: 0, persistent: false };
  const { bytes = DEFAULT_CACHE_BYTES, persistent = false } = checkOptions(
    scoreCache,
    CACHE_RULES,
    "scoreCache",
  );
  return { bytes: Math.min(bytes, MAX_CACHE_BYTES), persistent };
}

function persistIn(storage: FileStorage, slot: string): ScorePersistence {
  return {
    load: () => storage.read(slot, VERSION),
    save: (scores) => storage.write(slot, VERSION, scores),
  };
}
