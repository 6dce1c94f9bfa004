// Plays tricks on WebGPU, on a page or in a worker.

/** Changes a getter of a class, if there is WebGPU. */
function changeGetter(name, key, change) {
  const { prototype } = globalThis[name] ?? { prototype: {} };
  const { get } = Object.getOwnPropertyDescriptor(prototype, key) ?? {};
  if (!get) throw new Error(`${name}.${key} is no getter`);
  Object.defineProperty(prototype, key, {
    get() {
      return change(get.call(this));
    },
  });
}

const devices = new Map();

export const tricks = {
  /** The device is lost with the submission of this number, from now. */
  lose(count) {
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      const device = await requestDevice.apply(this, given);
      devices.set(device.queue, device);
      return device;
    };
    const { submit } = GPUQueue.prototype;
    GPUQueue.prototype.submit = function (...given) {
      submit.apply(this, given);
      if (--count === 0) devices.get(this).destroy();
    };
  },

  /** The adapter has no room for the model. */
  shrink() {
    changeGetter("GPUAdapter", "limits", (limits) => {
      const small = { maxBufferSize: 1 << 20, maxStorageBufferBindingSize: 1 << 20 };
      return new Proxy(limits, { get: (_, key) => small[key] ?? limits[key] });
    });
  },

  /** An adapter in software says that it is none. */
  disguise() {
    changeGetter("GPUAdapterInfo", "isFallbackAdapter", () => false);
  },

  /** What the GPU computes is wrong. */
  garble() {
    const { getMappedRange } = GPUBuffer.prototype;
    GPUBuffer.prototype.getMappedRange = function (...given) {
      const range = getMappedRange.apply(this, given);
      new Float32Array(range).fill(-3);
      return range;
    };
  },
};

/** Plays those that a list names: `["lose", 3]`. */
export function play(list) {
  for (const [name, ...given] of list) tricks[name](...given);
}
