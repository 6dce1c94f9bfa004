// What loading a reranker and loading an embedder have not in common.

import type { EmbedderLoadOptions, LoadOptions, ModelPackage } from "../types/index.js";
import { defaultEmbedder, defaultReranker } from "./default-model.js";
import { chooseDevice, type Homes } from "./device.js";
import type { Home } from "./home.js";
import { check, invalid, isObject, isWhole, show, textOf } from "./input.js";
import type { Keeper } from "./pool.js";
import type { Storage } from "./storage.js";
import { VERSION } from "./version.js";
import type { Embedding, GpuSetup, Reranking, Work } from "./work.js";

/** The memory of a score cache, in bytes: some 24,000 scores. */
const CACHE_BYTES = 4 << 20;

/** How one kind of model is loaded. */
export interface Kind<W extends Work> {
  name: W["setup"]["kind"];
  defaultModel(): Promise<ModelPackage>;
  /** `fingerprint` tells the model from others. */
  setup(
    fingerprint: () => Promise<{ fingerprint?: string }>,
    gpu: GpuSetup | undefined,
  ): Promise<W["setup"]>;
  /** The setup of workers after the first. */
  others(setup: W["setup"]): W["setup"];
  /** The first seat has a cache. */
  cached: boolean;
  keeper(setup: W["setup"], storage: Storage): Keeper | undefined;
  /** Chooses between the CPU and a GPU. Without, it is the CPU. */
  choose?: ((homes: Homes<W>) => Promise<Home<W>>) | undefined;
}

export function reranking(options: LoadOptions): Kind<Reranking> {
  const { bytes, persistent } = cacheOf(options.scoreCache);
  const cached = bytes > 0;
  const { device = "cpu" } = options;
  const devices: unknown[] = ["cpu", "gpu", "auto"];
  check("device", device, '"cpu", "gpu" or "auto"', devices.includes(device));
  return {
    name: "reranker",
    defaultModel: defaultReranker,
    setup: async (fingerprint, gpu) => ({
      kind: "reranker",
      cache: cached ? { bytes, ...(await fingerprint()) } : undefined,
      ...(gpu && { gpu }),
    }),
    // One cache serves all.
    others: (setup) => ({ ...setup, cache: undefined }),
    cached,
    // A GPU's scores have other keys, and would go with the first that are saved beside them.
    keeper: ({ cache, gpu }, storage) =>
      persistent && cache
        ? keeperOf(storage, `scores ${cache.fingerprint}${gpu ? ` of GPU ${gpu.adapter}` : ""}`)
        : undefined,
    choose: device === "cpu" ? undefined : (homes) => chooseDevice(device, homes),
  };
}

export function embedding(options: EmbedderLoadOptions): Kind<Embedding> {
  const { maxLength, queryPrefix, documentPrefix } = options;
  const { device } = options as LoadOptions;
  check("device", device, '"cpu", or leave it out: embedders compute there', device === "cpu");
  check("maxLength", maxLength, "a whole number of tokens", isWhole(maxLength));
  const given = {
    // The core counts in 32 bits.
    ...(maxLength !== undefined && { maxLength: Math.min(maxLength, 0xffff_ffff) }),
    ...(queryPrefix !== undefined && {
      queryPrefix: textOf(queryPrefix, "options.queryPrefix"),
    }),
    ...(documentPrefix !== undefined && {
      documentPrefix: textOf(documentPrefix, "options.documentPrefix"),
    }),
  };
  return {
    name: "embedder",
    defaultModel: defaultEmbedder,
    setup: async (fingerprint) => ({
      kind: "embedder",
      options: { ...given, ...(await fingerprint()) },
    }),
    others: (setup) => setup,
    cached: false,
    keeper: () => undefined,
  };
}

function cacheOf(given: LoadOptions["scoreCache"] = {}): { bytes: number; persistent: boolean } {
  if (given === false) return { bytes: 0, persistent: false };
  if (!isObject(given)) {
    throw invalid(`scoreCache is ${show(given)}; give false or { bytes, persistent }`);
  }
  const { bytes = CACHE_BYTES, persistent = false } = given;
  if (!Number.isInteger(bytes) || bytes < 0) {
    throw invalid(`scoreCache.bytes is ${show(bytes)}; give a number of bytes`);
  }
  check("scoreCache.persistent", persistent, "true or false", typeof persistent === "boolean");
  return { bytes: Math.min(bytes, 1 << 30), persistent };
}

function keeperOf(storage: Storage, slot: string): Keeper {
  return {
    load: () => storage.read(slot, VERSION),
    save: (scores) => storage.write(slot, VERSION, scores as Uint8Array<ArrayBuffer>),
  };
}
