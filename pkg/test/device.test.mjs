// The choice of a device, with fake backends and a fake GPU. Runs on the test project
// (CROSSRANK_PROJECT).

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";

const dist = (name) =>
  import(pathToFileURL(join(process.env.CROSSRANK_PROJECT, `node_modules/crossrank/dist/${name}.js`)));
const { Reranker } = await dist("node");
const { chooseDevice } = await dist("load/device");
const { CrossrankError } = await dist("core/errors");
const { Instance } = await dist("runtime/instance");

const { warn } = console;
let warnings;
beforeEach(() => {
  warnings = [];
  console.warn = (...given) => void warnings.push(given.join(" "));
  setAdapter({ vendor: "v", architecture: "a", device: "", description: "", isFallbackAdapter: false });
});

after(() => (console.warn = warn));

function setAdapter(info) {
  const requestAdapter = async () => info && { info };
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { gpu: { requestAdapter } } });
}

/** A backend that gives all documents the same logit. Each call takes some milliseconds. */
function backendOf(ms, logit) {
  const backend = {
    calls: 0,
    failure: undefined,
    disposed: false,
    async run({ documents }, { onResult, signal }) {
      backend.calls++;
      documents.forEach((list, i) => list.slice(0, 1).forEach((_, index) => onResult(i, index, { logit })));
      await new Promise((resolve) => setTimeout(resolve, ms));
      signal.throwIfAborted();
      if (backend.disposed) throw new CrossrankError("disposed", "gone");
      if (backend.failure) throw backend.failure;
      documents.forEach((list, i) => list.forEach((_, index) => onResult(i, index, { logit })));
    },
    info: async () => ({ deviceReason: backend.deviceReason }),
    settled: async () => {},
    dispose: async () => void (backend.disposed = true),
    abandon: () => void (backend.disposed = true),
  };
  return backend;
}

/** The backends of a load, which records the ones that it makes. */
function backendsOf({ cpu, gpu, reloadOnCpu = cpu, storage = storageOf(), signal }) {
  const loaded = [];
  const load = (name, backend) => async () => {
    loaded.push(name);
    if (backend instanceof Error) throw backend;
    return backend;
  };
  const backends = {
    cpu: load("cpu", cpu),
    gpu: load("gpu", gpu),
    reloadOnCpu: load("reloadOnCpu", reloadOnCpu),
  };
  return { ...backends, measurementKey: async () => "model", storage, signal, loaded };
}

function storageOf() {
  const records = new Map();
  return {
    records,
    read: async (slot, version) => records.get(`${slot} ${version}`),
    remove: async (slot) => void records.forEach((_, key) => key.startsWith(slot) && records.delete(key)),
    write: async (slot, version, content) => void records.set(`${slot} ${version}`, Buffer.from(content)),
  };
}

/** The logits of a call, and why it restarted. */
async function logitsOf(backend, documents = ["a", "b"], signal = new AbortController().signal) {
  const logits = [];
  let reason;
  const onResult = (_list, index, { logit }) => void (logits[index] = logit);
  const onRestart = (error) => {
    reason = error.code;
    logits.length = 0;
  };
  const control = { options: {}, skipCache: false, signal, onResult, onRestart };
  await backend.run({ queries: ["q"], documents: [documents], describe: String }, control);
  return { logits, reason };
}

test("auto takes the GPU if it is clearly faster and right, and records that", async () => {
  const [cpu, gpu, storage] = [backendOf(40, 1), backendOf(1, 1.3), storageOf()];
  const first = backendsOf({ cpu, gpu, storage });
  const backend = await chooseDevice("auto", first);
  assert.deepEqual((await logitsOf(backend)).logits, [1.3, 1.3]);
  const { deviceReason } = await backend.info();
  assert.match(
    deviceReason,
    /^32 passages take the CPU \d+ ms and the GPU \d+ ms, and logits differ by at most 0\.30$/,
  );
  assert.ok(cpu.disposed && !gpu.disposed);

  const second = backendsOf({ cpu, gpu: backendOf(1, 1.3), storage });
  assert.equal((await (await chooseDevice("auto", second)).info()).deviceReason, deviceReason);
  assert.deepEqual(second.loaded, ["gpu"]);

  // Another GPU has a measurement of its own.
  setAdapter({ vendor: "v", architecture: "b", device: "", description: "", isFallbackAdapter: false });
  const third = backendsOf({ cpu: backendOf(10, 1), gpu: backendOf(200, 1), storage });
  await chooseDevice("auto", third);
  assert.deepEqual(third.loaded.sort(), ["cpu", "cpu", "gpu"]);
  assert.deepEqual(warnings, []);
});

for (const [what, gpu, reason] of [
  ["slower than the CPU", backendOf(300, 1), /the GPU \d+ ms, and logits differ by at most 0\.00$/],
  ["wrong", backendOf(1, 1.4), /differ by at most 0\.40 of 0\.35 allowed$/],
  ["giving no numbers", backendOf(1, NaN), /differ by at most NaN of 0\.35 allowed$/],
]) {
  test(`auto takes the CPU if the GPU is ${what}, and records that`, async () => {
    const [cpu, storage] = [backendOf(40, 1), storageOf()];
    const backend = await chooseDevice("auto", backendsOf({ cpu, gpu, storage }));
    assert.equal(backend, cpu);
    assert.match(cpu.deviceReason, reason);
    assert.ok(gpu.disposed && !cpu.disposed);
    const again = backendsOf({ cpu: backendOf(1, 1), gpu, storage });
    assert.equal((await chooseDevice("auto", again)).deviceReason, cpu.deviceReason);
    assert.deepEqual(again.loaded, ["cpu"]);
    assert.deepEqual(warnings, []);
  });
}

test("auto does not record a failure that may pass", async () => {
  const [failed, cpu, storage] = [
    new CrossrankError("gpu-failed", "out of memory"),
    backendOf(1, 1),
    storageOf(),
  ];
  for (const gpu of [failed, Object.assign(backendOf(1, 1), { failure: failed })]) {
    assert.equal(await chooseDevice("auto", backendsOf({ cpu, gpu, storage })), cpu);
    assert.equal(cpu.deviceReason, "out of memory");
  }
  assert.equal(storage.records.size, 0);
  assert.deepEqual(warnings, []);
});

test("auto forgets a GPU that fails later", async () => {
  const [cpu, gpu, storage] = [backendOf(40, 1), backendOf(1, 1), storageOf()];
  const backend = await chooseDevice("auto", backendsOf({ cpu, gpu, reloadOnCpu: backendOf(1, 1), storage }));
  assert.equal(storage.records.size, 1);
  gpu.failure = new CrossrankError("gpu-failed", "lost");
  assert.equal((await logitsOf(backend)).reason, "gpu-failed");
  assert.equal(storage.records.size, 0);
  assert.deepEqual(warnings, ["crossrank computes on the CPU: lost"]);
});

test("if a GPU cannot be had, the CPU computes and gives the reason", async (t) => {
  const chosen = async () => {
    const cpu = backendOf(1, 1);
    const backends = backendsOf({ cpu, gpu: backendOf(1, 1) });
    assert.equal(await chooseDevice("gpu", backends), cpu);
    assert.deepEqual(backends.loaded, ["cpu"]);
    assert.deepEqual(warnings.splice(0), [`crossrank computes on the CPU: ${cpu.deviceReason}`]);
    return cpu.deviceReason;
  };
  setAdapter(undefined);
  assert.match(await chosen(), /finds no GPU/);
  navigator.gpu.requestAdapter = async () => ({});
  assert.match(await chosen(), /does not name its GPU/);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  navigator.gpu.requestAdapter = () => new Promise(() => setImmediate(() => t.mock.timers.tick(10_000)));
  assert.match(await chosen(), /does not answer/);
  globalThis.ServiceWorkerGlobalScope = Object;
  t.after(() => delete globalThis.ServiceWorkerGlobalScope);
  assert.match(await chosen(), /service workers/);
});

test("a load that is aborted while it measures rejects with the reason", async () => {
  const stop = new AbortController();
  const reason = new Error("enough");
  setTimeout(() => stop.abort(reason), 20);
  const backends = backendsOf({ cpu: backendOf(40, 1), gpu: backendOf(1, 1), signal: stop.signal });
  await assert.rejects(chooseDevice("auto", backends), reason);
});

test("if a GPU fails in two calls at once, the CPU takes both over with one warning", async () => {
  const [cpu, gpu] = [backendOf(1, 1), backendOf(5, 2)];
  const backends = backendsOf({ cpu, gpu });
  const backend = await chooseDevice("gpu", backends);
  gpu.failure = new CrossrankError("gpu-failed", "lost");
  const both = await Promise.all([logitsOf(backend), logitsOf(backend)]);
  for (const call of both) assert.deepEqual(call, { logits: [1, 1], reason: "gpu-failed" });
  assert.deepEqual(await logitsOf(backend), { logits: [1, 1], reason: undefined });
  assert.deepEqual([gpu.calls, gpu.disposed, backends.loaded], [2, true, ["gpu", "reloadOnCpu"]]);
  assert.deepEqual((await backend.info()).deviceReason, "lost");
  assert.deepEqual(warnings, ["crossrank computes on the CPU: lost"]);
});

test("an abort or a mistake of the caller is not a failure of the GPU", async () => {
  const gpu = backendOf(20, 2);
  const backend = await chooseDevice("gpu", backendsOf({ cpu: backendOf(1, 1), gpu }));
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 5);
  await assert.rejects(logitsOf(backend, ["a"], stop.signal), { name: "AbortError" });
  gpu.failure = new CrossrankError("input-too-large", "long");
  await assert.rejects(logitsOf(backend), gpu.failure);
  gpu.failure = undefined;
  const late = logitsOf(backend);
  await backend.dispose();
  await assert.rejects(late, { code: "disposed" });
  assert.deepEqual(warnings, []);
});

for (const [what, place, milliseconds, reason] of [
  ["a panic", '"src/gpu/mod.rs:1:2"', 1_000, /crashed \(src\/gpu\/mod\.rs:1:2\)/],
  ["an exception or a driver that hangs", "undefined", 60_000, /the GPU does not answer/],
]) {
  test(`${what} in the core's asynchronous code is noticed`, async (t) => {
    // The promises of these bindings settle only while the model loads.
    const script = `
      class Model {
        static loadOnGpu = async () => new Model();
        start = () => ({ done: false, stepOnGpu: () => new Promise(() => {}), free() { throw 1; } });
      }
      export const bind = () => Object.assign(async () => {}, { Files: Object, Model, lastPanic: () => ${place} });`;
    const setup = {
      kind: "reranker",
      gpu: { bindings: `data:text/javascript,${encodeURIComponent(script)}` },
    };
    const instance = new Instance({ modules: { load: (use) => use() }, files: async () => ({}), setup });
    await instance.ready();
    t.mock.timers.enable({ apis: ["setInterval"] });
    const { signal } = new AbortController();
    const failed = assert.rejects(
      instance.run({ queries: [], documents: [] }, {}, signal, () => {}),
      reason,
    );
    await new Promise(setImmediate);
    t.mock.timers.tick(milliseconds);
    await failed;
  });
}

for (const [device, warned] of [
  ["gpu", 1],
  ["auto", 0],
]) {
  test(`in node, ${device} means the CPU`, async () => {
    // Whatever others may have put into `navigator`: the package's GPU bindings are for browsers.
    for (const info of [{}, undefined]) {
      warnings = [];
      if (!info) Object.defineProperty(globalThis, "navigator", { configurable: true, value: undefined });
      const reranker = await Reranker.load({ device });
      const { backend, device: chosen, deviceReason } = await reranker.info();
      assert.deepEqual([backend, chosen], ["in-thread", "cpu"]);
      assert.match(deviceReason, /no WebGPU/);
      await reranker.dispose();
      assert.deepEqual(warnings, Array(warned).fill(`crossrank computes on the CPU: ${deviceReason}`));
    }
  });
}
