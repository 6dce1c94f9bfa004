// Compares a GPU with the CPU. src/devices uses the same job and the same limits.

import { withTimeout } from "../core/abort.js";
import type { Backend, Job, RunControl } from "../core/backend.js";

/** Each document consists of all of these sentences, in an order of its own. */
const SENTENCES = [
  "The moon pulls the water of the oceans, and the coast meets the bulge twice a day.",
  "A bay that narrows towards its end squeezes the incoming wave into less and less room.",
  "Bakers let the dough rest overnight, so that the loaf keeps its shape in the oven.",
  "Where the bay's own period is close to half a day, each tide pushes the next one higher.",
  "The ferry leaves at seven, and again at noon when the water over the bar is deep enough.",
  "Winter storms raise the level further and carry sand from the beach into the channel.",
  "A library of 40,000 volumes burned down with the town hall and was never rebuilt.",
  "Fishermen still read the height of the water from marks that their grandparents cut.",
];

const DOCUMENTS = 32;

function documentOf(i: number): string {
  const step = 1 + (i % 4) * 2;
  const sentences = SENTENCES.map((_, j) => SENTENCES[(i + j * step) % SENTENCES.length]!);
  return sentences.join(" ");
}

const BENCHMARK_JOB: Job = {
  queries: ["how do tides form in a narrow bay"],
  documents: [Array.from({ length: DOCUMENTS }, (_, i) => documentOf(i))],
  describe: (_list, index) => `document ${index}`,
};

/** The runs of each device that count. A run before them warms up. */
const TIMED_RUNS = 3;
/** The logits of the two devices may differ by this. */
const MAX_LOGIT_DIFFERENCE = 0.35;
/** A smaller gain is not worth other scores. */
const MIN_SPEEDUP = 1.25;
/** The GPU may take this long, and in addition a multiple of the CPU's time for one run. */
const GPU_START_MS = 5000;
const MAX_GPU_TIME_FACTOR = 10;

export interface DeviceChoice {
  device: "cpu" | "gpu";
  reason: string;
}

/** Runs both devices. The GPU is chosen if it is clearly faster and its logits are right. */
export async function compareDevices(
  cpu: Backend,
  gpu: Backend,
  signal?: AbortSignal,
): Promise<DeviceChoice> {
  const onCpu = await measure(cpu, signal);
  const timeout = GPU_START_MS + MAX_GPU_TIME_FACTOR * onCpu.ms;
  const onGpu = await measure(gpu, signal, timeout);
  const cpuTime = `${DOCUMENTS} passages take the CPU ${onCpu.ms.toFixed(0)} ms`;
  if (onGpu.ms === Infinity) {
    const runs = TIMED_RUNS + 1;
    const reason = `${cpuTime}, and the GPU did not finish ${runs} runs in ${timeout.toFixed(0)} ms`;
    return { device: "cpu", reason };
  }
  const differences = onCpu.logits.map((logit, i) => Math.abs(logit - onGpu.logits[i]!));
  const difference = Math.max(...differences);
  const gpuTime = `the GPU ${onGpu.ms.toFixed(0)} ms`;
  const reason = `${cpuTime} and ${gpuTime}, and logits differ by at most ${difference.toFixed(2)}`;
  // This also rejects NaN.
  if (!(difference <= MAX_LOGIT_DIFFERENCE)) {
    return { device: "cpu", reason: `${reason} of ${MAX_LOGIT_DIFFERENCE} allowed` };
  }
  return { device: onCpu.ms >= MIN_SPEEDUP * onGpu.ms ? "gpu" : "cpu", reason };
}

interface Measurement {
  /** The median of the timed runs; infinite if they took too long. */
  ms: number;
  logits: number[];
}

async function measure(
  backend: Backend,
  signal: AbortSignal | undefined,
  timeout?: number,
): Promise<Measurement> {
  const logits: number[] = [];
  const times: number[] = [];
  const timeoutError = new Error("it takes too long");
  try {
    await withTimeout(timeout, timeoutError, signal, async (signal) => {
      const control: RunControl = {
        options: {},
        skipCache: true,
        hasTimeLimit: false,
        signal,
        onResult: (_list, index, { logit }) => void (logits[index] = logit),
        onRestart() {},
      };
      for (let run = 0; run <= TIMED_RUNS; run++) {
        const start = performance.now();
        await backend.run(BENCHMARK_JOB, control);
        times.push(performance.now() - start);
      }
    });
  } catch (error) {
    if (error !== timeoutError) throw error;
    return { ms: Infinity, logits };
  }
  const timed = times.slice(1).sort((a, b) => a - b);
  return { ms: timed[Math.floor(TIMED_RUNS / 2)]!, logits };
}
