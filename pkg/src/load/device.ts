// The device of a reranker: the CPU, a GPU, or the faster of the two.

import { Fallback } from "../backends/fallback.js";
import { Lazy } from "../backends/lazy.js";
import type { Pool } from "../backends/pool.js";
import { withTimeout } from "../core/abort.js";
import type { Backend } from "../core/backend.js";
import { toError } from "../core/errors.js";
import type { FileStorage } from "../core/platform.js";
import type { Reranking, Task } from "../core/task.js";
import { engineVersion } from "../core/version.js";
import { compareDevices, type DeviceChoice } from "./device-benchmark.js";

/** The backends that one load can make. */
export interface DeviceBackends<T extends Task> {
  /** Gives the same backend in each call. */
  cpu(): Promise<Pool<T>>;
  gpu(adapter: string): Promise<Pool<T>>;
  /** Loads another one on the CPU, after this load has ended. */
  reloadOnCpu(): Promise<Pool<T>>;
  /** Identifies a measurement, together with the GPU: the model and the number of workers. */
  measurementKey(): Promise<string>;
  storage: FileStorage;
  signal: AbortSignal | undefined;
}

/** How long the browser may take to name its GPU. */
const ADAPTER_TIMEOUT_MS = 10_000;

const SOFTWARE_REASON = "WebGPU computes in software here, which is slower than WebAssembly";

/**
 * Loads a reranker on the GPU if that is wanted or faster, and otherwise on the CPU. If the caller
 * asked for a GPU and there is none, one warning says why.
 */
export async function chooseDevice(
  device: "gpu" | "auto",
  backends: DeviceBackends<Reranking>,
): Promise<Backend> {
  const { storage, signal } = backends;
  let reason: string;
  try {
    const { info } = await findAdapter(signal);
    const adapter = [info.vendor, info.architecture, info.device, info.description].join(" ");
    if (device === "gpu") return withCpuFallback(await backends.gpu(adapter), backends);
    if (info.isFallbackAdapter) throw new Error(SOFTWARE_REASON);
    const slot = `device for ${await backends.measurementKey()} beside ${adapter}`;
    const gpu = await loadFasterGpu(adapter, slot, backends);
    // After a failure the measurement may no longer hold: the driver may be another one.
    return withCpuFallback(gpu, backends, () => storage.remove(slot));
  } catch (error) {
    signal?.throwIfAborted();
    reason = toError(error).message;
  }
  const cpu = await backends.cpu();
  cpu.deviceReason = reason;
  if (device === "gpu") warn(reason);
  return cpu;
}

/** If the GPU fails, the CPU takes over the call in which it fails, and all later ones. */
function withCpuFallback(
  gpu: Pool<Reranking>,
  { reloadOnCpu }: DeviceBackends<Reranking>,
  onFailure?: () => Promise<void>,
): Backend {
  let reason: string;
  const cpu = new Lazy(async () => {
    const backend = await reloadOnCpu();
    backend.deviceReason = reason;
    return backend;
  });
  return new Fallback(gpu, cpu, ({ message }) => {
    reason = message;
    warn(reason);
    gpu.abandon();
    void onFailure?.();
  });
}

function warn(reason: string): void {
  console.warn(`crossrank computes on the CPU: ${reason}`);
}

/** Rejects with the reason if there is no adapter. */
async function findAdapter(signal: AbortSignal | undefined): Promise<GPUAdapter> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (!gpu) {
    throw new Error("there is no WebGPU here, which browsers have on secure origins only");
  }
  // They cannot import modules, and the GPU's bindings are one.
  if ("ServiceWorkerGlobalScope" in globalThis) throw new Error("service workers compute on the CPU");
  const timeoutError = new Error("WebGPU does not answer");
  const request = () => gpu.requestAdapter();
  const adapter = await withTimeout(ADAPTER_TIMEOUT_MS, timeoutError, signal, request);
  if (!adapter) throw new Error("WebGPU finds no GPU that it may use");
  if (!adapter.info) throw new Error("this browser's WebGPU does not name its GPU; update it");
  return adapter;
}

/** Loads on the GPU if that is faster. Otherwise rejects with the reason for the CPU. */
async function loadFasterGpu(
  adapter: string,
  slot: string,
  backends: DeviceBackends<Reranking>,
): Promise<Pool<Reranking>> {
  const { storage, signal } = backends;
  const recorded = await readChoice(storage, slot);
  if (recorded?.device === "cpu") throw new Error(recorded.reason);
  const gpu = await backends.gpu(adapter);
  try {
    gpu.deviceReason = recorded?.reason ?? (await measure());
    return gpu;
  } catch (error) {
    void gpu.dispose();
    throw error;
  }

  async function measure(): Promise<string> {
    if ((await gpu.info()).gpu?.software) throw new Error(SOFTWARE_REASON);
    const cpu = await backends.cpu();
    await cpu.settled();
    const choice = await compareDevices(cpu, gpu, signal);
    const record = new TextEncoder().encode(JSON.stringify(choice));
    await storage.write(slot, engineVersion(), record);
    if (choice.device === "cpu") throw new Error(choice.reason);
    void cpu.dispose();
    return choice.reason;
  }
}

/** The choice of an earlier load. */
async function readChoice(storage: FileStorage, slot: string): Promise<DeviceChoice | undefined> {
  const record = await storage.read(slot, engineVersion());
  try {
    return record && (JSON.parse(new TextDecoder().decode(record)) as DeviceChoice);
  } catch {
    return undefined;
  }
}
