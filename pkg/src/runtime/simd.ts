// Which of the package's small WebAssembly files this engine should run.

import type { FileStorage, WasmVariant } from "../core/platform.js";
import { engineVersion } from "../core/version.js";
import { SIMD_PROBE } from "./simd-probe.js";
import { nextTask } from "./yield.js";

/**
 * The functions of scripts/simd-probe.mjs. Three are loops like those of the kernels. They multiply as
 * many tiles as they are told to, and return the sum.
 */
export interface SimdProbe {
  memory: WebAssembly.Memory;
  /** 1 if the relaxed dot product of extreme bytes is right. */
  isCorrect(): number;
  /** 1 if the kernel of the relaxed variant computes as in `maddubs`, 0 if as in `dot`. */
  isMaddubs(): number;
  simd128(tiles: number): number;
  dot(tiles: number): number;
  maddubs(tiles: number): number;
}

/** The milliseconds that each variant's loop took, or undefined if the relaxed one's sum is wrong. */
export type SimdTimes = Record<WasmVariant, number> | undefined;

/**
 * In the first turn, V8 finds each loop to be hot and optimizes it. Later turns take some tenths of a
 * millisecond, a few steps of the coarsest clock of V8's browsers.
 */
const TURNS = 6;
const TILES = 4000;

/** Where the storage records the choice. */
const record = () => ["webassembly variant", engineVersion()] as const;

/**
 * The variant for this engine: that of the faster loop. Some engines lack the relaxed dot product, and
 * some baseline compilers get it wrong. Code that has never run before shows both.
 */
export async function chooseVariant(storage: FileStorage, probe = openProbe()): Promise<WasmVariant> {
  if (probe?.isCorrect() !== 1) return "simd128";
  const recorded = await storage.read(...record());
  const known = recorded && new TextDecoder().decode(recorded);
  if (known === "simd128" || known === "relaxed-simd") return known;
  const times = await timeLoops(probe);
  const isSlower = !times || times["relaxed-simd"] > times.simd128;
  const variant = isSlower ? "simd128" : "relaxed-simd";
  void writeRecord(storage, variant);
  return variant;
}

/** Records that the relaxed variant's own test of its whole kernel has failed. */
export async function recordRelaxedFailure(storage: FileStorage): Promise<void> {
  await writeRecord(storage, "simd128");
}

function writeRecord(storage: FileStorage, variant: WasmVariant): Promise<void> {
  return storage.write(...record(), new TextEncoder().encode(variant));
}

/** The probe in this engine, unless it lacks the instructions. */
export function openProbe(): SimdProbe | undefined {
  try {
    const bytes = Uint8Array.from(atob(SIMD_PROBE), (c) => c.charCodeAt(0));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return exports as unknown as SimdProbe;
  } catch {
    return undefined;
  }
}

/** Runs the loops in turn, and takes the fastest turn of each. */
export async function timeLoops(probe: SimdProbe): Promise<SimdTimes> {
  writeFactors(probe.memory);
  const { simd128, dot, maddubs } = probe;
  const loops = { simd128, "relaxed-simd": probe.isMaddubs() === 1 ? maddubs : dot };
  const times = { simd128: Infinity, "relaxed-simd": Infinity };
  const run = (variant: WasmVariant) => {
    const start = performance.now();
    const sum = loops[variant](TILES);
    times[variant] = Math.min(times[variant], performance.now() - start);
    return sum;
  };
  for (let turn = 0; turn < TURNS; turn++) {
    if (run("simd128") !== run("relaxed-simd")) return undefined;
    await nextTask();
  }
  return times;
}

/** Writes the same activations of `0..=127` and weights of `-64..=63` in bytes and in 16 bits. */
function writeFactors({ buffer }: WebAssembly.Memory): void {
  const bytes = new Int8Array(buffer);
  const words = new Int16Array(buffer);
  for (let i = 0; i < 512; i++) words[0x2000 + i] = bytes[i] = (i * 37) % 128;
  // All inputs of a column have the same weight, so that sums do not depend on their order.
  for (let i = 0; i < 1024; i++) bytes[0x1000 + i] = ((i % 32) >> 2) * 18 - 64;
  for (let i = 0; i < 1024; i++) words[0x1000 + i] = ((i % 16) >> 1) * 18 - 64;
}
