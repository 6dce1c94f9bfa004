// The choice of a device, on homes and a GPU of the test's own. Runs on the test project
// (CROSSRANK_PROJECT).

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";

const dist = (name) =>
  import(pathToFileURL(join(process.env.CROSSRANK_PROJECT, `node_modules/crossrank/dist/${name}.js`)));
const { Reranker } = await dist("node");
const { chooseDevice } = await dist("device");
const { CrossrankError } = await dist("errors");
const { Instance } = await dist("instance");

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

/** A home that gives all documents one logit, after some milliseconds a call. */
function homeOf(ms, logit) {
  const home = {
    calls: 0,
    failure: undefined,
    disposed: false,
    async run({ documents }, { found, signal }) {
      home.calls++;
      documents.forEach((list, i) => list.slice(0, 1).forEach((_, index) => found(i, index, { logit })));
      await new Promise((resolve) => setTimeout(resolve, ms));
      signal.throwIfAborted();
      if (home.disposed) throw new CrossrankError("disposed", "gone");
      if (home.failure) throw home.failure;
      documents.forEach((list, i) => list.forEach((_, index) => found(i, index, { logit })));
    },
    info: async () => ({ deviceReason: home.deviceReason }),
    settled: async () => {},
    dispose: async () => void (home.disposed = true),
    abandon: () => void (home.disposed = true),
  };
  return home;
}

/** The homes of a load, which counts them. */
function homesOf({ cpu, gpu, later = cpu, storage = storageOf(), signal }) {
  const loaded = [];
  const load = (name, home) => async () => {
    loaded.push(name);
    if (home instanceof Error) throw home;
    return home;
  };
  const homes = { cpu: load("cpu", cpu), gpu: load("gpu", gpu), later: load("later", later) };
  return { ...homes, about: async () => "model", storage, signal, loaded };
}

function storageOf() {
  const notes = new Map();
  return {
    notes,
    read: async (slot, version) => notes.get(`${slot} ${version}`),
    remove: async (slot) => void notes.forEach((_, key) => key.startsWith(slot) && notes.delete(key)),
    write: async (slot, version, content) => void notes.set(`${slot} ${version}`, Buffer.from(content)),
  };
}

/** What a call gives: its logits, and why it began again. */
async function logitsOf(home, documents = ["a", "b"], signal = new AbortController().signal) {
  const logits = [];
  let reason;
  const found = (_list, index, { logit }) => void (logits[index] = logit);
  const restarted = (error) => {
    reason = error.code;
    logits.length = 0;
  };
  const control = { options: {}, skipCache: false, signal, found, restarted };
  await home.run({ queries: ["q"], documents: [documents], place: String }, control);
  return { logits, reason };
}

test("auto takes the GPU where it is clearly faster and right, and remembers that", async () => {
  const [cpu, gpu, storage] = [homeOf(40, 1), homeOf(1, 1.3), storageOf()];
  const first = homesOf({ cpu, gpu, storage });
  const home = await chooseDevice("auto", first);
  assert.deepEqual((await logitsOf(home)).logits, [1.3, 1.3]);
  const { deviceReason } = await home.info();
  assert.match(deviceReason, /^32 passages take the CPU \d+ ms and the GPU \d+ ms, and logits differ by at most 0\.30$/);
  assert.ok(cpu.disposed && !gpu.disposed);

  const second = homesOf({ cpu, gpu: homeOf(1, 1.3), storage });
  assert.equal((await (await chooseDevice("auto", second)).info()).deviceReason, deviceReason);
  assert.deepEqual(second.loaded, ["gpu"]);

  // Another GPU is measured by itself.
  setAdapter({ vendor: "v", architecture: "b", device: "", description: "", isFallbackAdapter: false });
  const third = homesOf({ cpu: homeOf(10, 1), gpu: homeOf(200, 1), storage });
  await chooseDevice("auto", third);
  assert.deepEqual(third.loaded.sort(), ["cpu", "cpu", "gpu"]);
  assert.deepEqual(warnings, []);
});

for (const [what, gpu, reason] of [
  ["slower than the CPU", homeOf(300, 1), /the GPU \d+ ms, and logits differ by at most 0\.00$/],
  ["wrong", homeOf(1, 1.4), /differ by at most 0\.40 of 0\.35 allowed$/],
  ["giving no numbers", homeOf(1, NaN), /differ by at most NaN of 0\.35 allowed$/],
]) {
  test(`auto takes the CPU where the GPU is ${what}, and remembers that`, async () => {
    const [cpu, storage] = [homeOf(40, 1), storageOf()];
    const home = await chooseDevice("auto", homesOf({ cpu, gpu, storage }));
    assert.equal(home, cpu);
    assert.match(cpu.deviceReason, reason);
    assert.ok(gpu.disposed && !cpu.disposed);
    const again = homesOf({ cpu: homeOf(1, 1), gpu, storage });
    assert.equal((await chooseDevice("auto", again)).deviceReason, cpu.deviceReason);
    assert.deepEqual(again.loaded, ["cpu"]);
    assert.deepEqual(warnings, []);
  });
}

test("auto forgets what went wrong by chance", async () => {
  const [failed, cpu, storage] = [new CrossrankError("gpu-failed", "out of memory"), homeOf(1, 1), storageOf()];
  for (const gpu of [failed, Object.assign(homeOf(1, 1), { failure: failed })]) {
    assert.equal(await chooseDevice("auto", homesOf({ cpu, gpu, storage })), cpu);
    assert.equal(cpu.deviceReason, "out of memory");
  }
  assert.equal(storage.notes.size, 0);
  assert.deepEqual(warnings, []);
});

test("auto forgets a GPU that fails later", async () => {
  const [cpu, gpu, storage] = [homeOf(40, 1), homeOf(1, 1), storageOf()];
  const home = await chooseDevice("auto", homesOf({ cpu, gpu, later: homeOf(1, 1), storage }));
  assert.equal(storage.notes.size, 1);
  gpu.failure = new CrossrankError("gpu-failed", "lost");
  assert.equal((await logitsOf(home)).reason, "gpu-failed");
  assert.equal(storage.notes.size, 0);
  assert.deepEqual(warnings, ["crossrank computes on the CPU: lost"]);
});

test("a GPU that cannot be had leaves the work to the CPU, with the reason", async (t) => {
  const chosen = async () => {
    const cpu = homeOf(1, 1);
    const homes = homesOf({ cpu, gpu: homeOf(1, 1) });
    assert.equal(await chooseDevice("gpu", homes), cpu);
    assert.deepEqual(homes.loaded, ["cpu"]);
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
  const homes = homesOf({ cpu: homeOf(40, 1), gpu: homeOf(1, 1), signal: stop.signal });
  await assert.rejects(chooseDevice("auto", homes), reason);
});

test("a GPU that fails in two calls at once leaves both to the CPU, with one warning", async () => {
  const [cpu, gpu] = [homeOf(1, 1), homeOf(5, 2)];
  const homes = homesOf({ cpu, gpu });
  const home = await chooseDevice("gpu", homes);
  gpu.failure = new CrossrankError("gpu-failed", "lost");
  const both = await Promise.all([logitsOf(home), logitsOf(home)]);
  for (const call of both) assert.deepEqual(call, { logits: [1, 1], reason: "gpu-failed" });
  assert.deepEqual(await logitsOf(home), { logits: [1, 1], reason: undefined });
  assert.deepEqual([gpu.calls, gpu.disposed, homes.loaded], [2, true, ["gpu", "later"]]);
  assert.deepEqual((await home.info()).deviceReason, "lost");
  assert.deepEqual(warnings, ["crossrank computes on the CPU: lost"]);
});

test("what the caller does in a call on the GPU is no failure of it", async () => {
  const gpu = homeOf(20, 2);
  const home = await chooseDevice("gpu", homesOf({ cpu: homeOf(1, 1), gpu }));
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 5);
  await assert.rejects(logitsOf(home, ["a"], stop.signal), { name: "AbortError" });
  gpu.failure = new CrossrankError("input-too-large", "long");
  await assert.rejects(logitsOf(home), gpu.failure);
  gpu.failure = undefined;
  const late = logitsOf(home);
  await home.dispose();
  await assert.rejects(late, { code: "disposed" });
  assert.deepEqual(warnings, []);
});

for (const [what, place, milliseconds, reason] of [
  ["a panic", '"src/gpu/mod.rs:1:2"', 1_000, /crashed \(src\/gpu\/mod\.rs:1:2\)/],
  ["an exception or a driver that hangs", "undefined", 60_000, /the GPU does not answer/],
]) {
  test(`${what} in the core's promise is seen`, async (t) => {
    // Bindings whose promises settle for loading alone.
    const script = `
      class Model {
        static loadOnGpu = async () => new Model();
        start = () => ({ done: false, stepOnGpu: () => new Promise(() => {}), free() { throw 1; } });
      }
      export const bind = () => Object.assign(async () => {}, { Files: Object, Model, lastPanic: () => ${place} });`;
    const setup = { kind: "reranker", gpu: { bindings: `data:text/javascript,${encodeURIComponent(script)}` } };
    const instance = new Instance({ modules: { load: (use) => use() }, files: async () => ({}), setup });
    await instance.ready();
    t.mock.timers.enable({ apis: ["setInterval"] });
    const { signal } = new AbortController();
    const failed = assert.rejects(instance.run({ queries: [], documents: [] }, {}, signal, () => {}), reason);
    await new Promise(setImmediate);
    t.mock.timers.tick(milliseconds);
    await failed;
  });
}

for (const [device, warned] of [["gpu", 1], ["auto", 0]]) {
  test(`node takes ${device} for the CPU`, async () => {
    // Whatever others may have put there: the package's bindings are for browsers.
    for (const info of [{}, undefined]) {
      warnings = [];
      if (!info) Object.defineProperty(globalThis, "navigator", { configurable: true, value: undefined });
      const reranker = await Reranker.load({ device });
      const { home, device: chosen, deviceReason } = await reranker.info();
      assert.deepEqual([home, chosen], ["in-thread", "cpu"]);
      assert.match(deviceReason, /no WebGPU/);
      await reranker.dispose();
      assert.deepEqual(warnings, Array(warned).fill(`crossrank computes on the CPU: ${deviceReason}`));
    }
  });
}
