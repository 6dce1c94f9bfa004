// The device of a reranker: the CPU, a GPU, or the faster of the two.

import { unlessLate } from "./abort.js";
import { Fallback, Lazy } from "./fallback.js";
import type { Control, Home } from "./home.js";
import type { Pool } from "./pool.js";
import type { Storage } from "./storage.js";
import { TRIAL } from "./trial.js";
import { versionHere } from "./version.js";
import type { Reranking, Work } from "./work.js";

/** The homes that one load may give. */
export interface Homes<W extends Work> {
  /** The same one again in a later call. */
  cpu(): Promise<Pool<W>>;
  gpu(adapter: string): Promise<Pool<W>>;
  /** Another one on the CPU, when the load is over. */
  later(): Promise<Pool<W>>;
  /** What a measurement holds for, beside the GPU. */
  about(): Promise<string>;
  storage: Storage;
  signal: AbortSignal | undefined;
}

interface Choice {
  device: "cpu" | "gpu";
  reason: string;
}

/** Counted runs of each device. */
const RUNS = 3;
/** The most that two devices' logits may differ by. */
const MOST_DIFFERENCE = 0.35;
/** A GPU that is faster by less is not worth other scores. */
const LEAST_GAIN = 1.25;
/**
 * How long a GPU may take, in milliseconds: to be named, and to be measured, for which it gets so
 * many times what the CPU took too.
 */
const LONGEST = { answer: 10_000, starting: 5000, times: 10 };

const SOFTWARE = "WebGPU computes in software here, which is slower than WebAssembly";

/**
 * Loads a reranker on the GPU where that is wanted or is faster, and else on the CPU. Where a GPU
 * that was asked for by its name is not to be had, one warning says why.
 */
export async function chooseDevice(
  device: "gpu" | "auto",
  homes: Homes<Reranking>,
): Promise<Home> {
  let reason;
  try {
    const { info } = await findAdapter(homes.signal);
    const adapter = [info.vendor, info.architecture, info.device, info.description].join(" ");
    if (device === "gpu") return whileItLives(await homes.gpu(adapter), homes);
    if (info.isFallbackAdapter) throw new Error(SOFTWARE);
    const slot = `device for ${await homes.about()} beside ${adapter}`;
    const gpu = await fasterGpu(adapter, slot, homes);
    // What was measured held for another driver.
    return whileItLives(gpu, homes, () => homes.storage.remove(slot));
  } catch (error) {
    homes.signal?.throwIfAborted();
    reason = error instanceof Error ? error.message : String(error);
  }
  const cpu = await homes.cpu();
  cpu.deviceReason = reason;
  if (device === "gpu") warn(reason);
  return cpu;
}

/** A GPU that fails takes the call that it fails in, and all later ones, to the CPU. */
function whileItLives(
  gpu: Pool<Reranking>,
  { later }: Homes<Reranking>,
  failed?: () => Promise<void>,
): Home {
  let reason: string;
  const cpu = new Lazy(async () => {
    const home = await later();
    home.deviceReason = reason;
    return home;
  });
  return new Fallback(gpu, cpu, ({ message }) => {
    reason = message;
    warn(reason);
    gpu.abandon();
    void failed?.();
  });
}

function warn(reason: string): void {
  console.warn(`crossrank computes on the CPU: ${reason}`);
}

/** Rejects with the reason where there is none. */
async function findAdapter(signal: AbortSignal | undefined): Promise<GPUAdapter> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (!gpu) throw new Error("there is no WebGPU here, which browsers have on secure origins alone");
  // Imports are not theirs, and the GPU's bindings are imported.
  if ("ServiceWorkerGlobalScope" in globalThis) throw new Error("service workers compute on the CPU");
  const late = new Error("WebGPU does not answer");
  const adapter = await unlessLate(LONGEST.answer, late, signal, () => gpu.requestAdapter());
  if (!adapter) throw new Error("WebGPU finds no GPU that it may use");
  if (!adapter.info) throw new Error("this browser's WebGPU does not name its GPU; update it");
  return adapter;
}

/** The home on the GPU, if it is the faster one; otherwise rejects with what speaks for the CPU. */
async function fasterGpu(
  adapter: string,
  slot: string,
  homes: Homes<Reranking>,
): Promise<Pool<Reranking>> {
  const { storage, signal } = homes;
  const known = await noted(storage, slot);
  if (known?.device === "cpu") throw new Error(known.reason);
  const gpu = await homes.gpu(adapter);
  try {
    gpu.deviceReason = known?.reason ?? (await compared());
    return gpu;
  } catch (error) {
    void gpu.dispose();
    throw error;
  }

  async function compared(): Promise<string> {
    if ((await gpu.info()).gpu?.software) throw new Error(SOFTWARE);
    const cpu = await homes.cpu();
    await cpu.settled();
    const choice = await compare(cpu, gpu, signal);
    await storage.write(slot, versionHere(), JSON.stringify(choice));
    if (choice.device === "cpu") throw new Error(choice.reason);
    void cpu.dispose();
    return choice.reason;
  }
}

/** What an earlier load has measured. */
async function noted(storage: Storage, slot: string): Promise<Choice | undefined> {
  const note = await storage.read(slot, versionHere());
  try {
    return note && (JSON.parse(new TextDecoder().decode(note)) as Choice);
  } catch {
    return undefined;
  }
}

/** Measures both homes on the same texts; the GPU has to be right, and clearly faster. */
export async function compare(cpu: Home, gpu: Home, signal?: AbortSignal): Promise<Choice> {
  const slow = await measure(cpu, signal);
  const most = LONGEST.starting + LONGEST.times * slow.ms;
  const quick = await measure(gpu, signal, most);
  const passages = TRIAL.documents[0]!.length;
  const onCpu = `${passages} passages take the CPU ${slow.ms.toFixed(0)} ms`;
  if (quick.ms === Infinity) {
    const late = `the GPU was not done with ${RUNS + 1} rounds after ${most.toFixed(0)} ms`;
    return { device: "cpu", reason: `${onCpu}, and ${late}` };
  }
  const differences = slow.logits.map((logit, i) => Math.abs(logit - quick.logits[i]!));
  const difference = Math.max(...differences);
  const apart = `logits differ by at most ${difference.toFixed(2)}`;
  const reason = `${onCpu} and the GPU ${quick.ms.toFixed(0)} ms, and ${apart}`;
  // NaN is not right either.
  if (!(difference <= MOST_DIFFERENCE)) {
    return { device: "cpu", reason: `${reason} of ${MOST_DIFFERENCE} allowed` };
  }
  return { device: slow.ms >= LEAST_GAIN * quick.ms ? "gpu" : "cpu", reason };
}

interface Measured {
  /** The median of the counted runs. */
  ms: number;
  logits: number[];
}

/** Runs once to warm up, and then to be counted; where that takes too long, its time is infinite. */
async function measure(
  home: Home,
  signal: AbortSignal | undefined,
  most?: number,
): Promise<Measured> {
  const logits: number[] = [];
  const times: number[] = [];
  const late = new Error("it takes too long");
  try {
    await unlessLate(most, late, signal, async (signal) => {
      const control: Control = {
        options: {},
        skipCache: true,
        signal,
        found: (_list, index, { logit }) => void (logits[index] = logit),
        restarted() {},
      };
      for (let run = 0; run <= RUNS; run++) {
        const begun = performance.now();
        await home.run(TRIAL, control);
        times.push(performance.now() - begun);
      }
    });
  } catch (error) {
    if (error !== late) throw error;
    return { ms: Infinity, logits };
  }
  const counted = times.slice(1).sort((a, b) => a - b);
  return { ms: counted[Math.floor(RUNS / 2)]!, logits };
}
