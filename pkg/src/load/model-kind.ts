// What differs between loading a reranker and loading an embedder.

import type { EmbedderLoadOptions, LoadOptions, ModelPackage } from "../../types/index.js";
import type { ScorePersistence } from "../backends/pool.js";
import type { Backend } from "../core/backend.js";
import type { FileStorage } from "../core/platform.js";
import type { Embedding, GpuSetup, Reranking, Task } from "../core/task.js";
import {
  checkOption,
  checkText,
  describeValue,
  invalidArgument,
  isObject,
  isPositiveInteger,
  MAX_UINT32,
} from "../core/validate.js";
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
  const { device = "cpu" } = options;
  const devices: unknown[] = ["cpu", "gpu", "auto"];
  checkOption("device", device, '"cpu", "gpu" or "auto"', devices.includes(device));
  return {
    name: "reranker",
    defaultModel: defaultReranker,
    setup: async (fingerprint, gpu) => ({
      kind: "reranker",
      cache: hasCache ? { bytes, ...(await fingerprint()) } : undefined,
      ...(gpu && { gpu }),
    }),
    // One cache serves all executors.
    setupOfOthers: (setup) => ({ ...setup, cache: undefined }),
    hasCache,
    // A GPU's scores have other keys. In the same slot, each device would overwrite the other's.
    persistence: ({ cache, gpu }, storage) =>
      persistent && cache
        ? persistIn(storage, `scores ${cache.fingerprint}${gpu ? ` of GPU ${gpu.adapter}` : ""}`)
        : undefined,
    chooseDevice: device === "cpu" ? undefined : (backends) => chooseDevice(device, backends),
  };
}

export function embedderKind(options: EmbedderLoadOptions): ModelKind<Embedding> {
  const { maxLength, queryPrefix, documentPrefix } = options;
  const { device } = options as LoadOptions;
  const devices = '"cpu", or leave it out: embedders compute on the CPU';
  checkOption("device", device, devices, device === "cpu");
  checkOption("maxLength", maxLength, "a whole number of tokens", isPositiveInteger(maxLength));
  const given = {
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

function scoreCacheOf({ scoreCache = {} }: LoadOptions): { bytes: number; persistent: boolean } {
  if (scoreCache === false) return { bytes: 0, persistent: false };
  if (!isObject(scoreCache)) {
    const given = describeValue(scoreCache);
    throw invalidArgument(`scoreCache is ${given}; give false or { bytes, persistent }`);
  }
  const { bytes = DEFAULT_CACHE_BYTES, persistent = false } = scoreCache;
  if (!Number.isInteger(bytes) || bytes < 0) {
    throw invalidArgument(`scoreCache.bytes is ${describeValue(bytes)}; give a number of bytes`);
  }
  checkOption("scoreCache.persistent", persistent, "true or false", typeof persistent === "boolean");
  return { bytes: Math.min(bytes, MAX_CACHE_BYTES), persistent };
}

function persistIn(storage: FileStorage, slot: string): ScorePersistence {
  return {
    load: () => storage.read(slot, VERSION),
    save: (scores) => storage.write(slot, VERSION, scores as Uint8Array<ArrayBuffer>),
  };
}
