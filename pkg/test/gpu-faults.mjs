// Injects faults into WebGPU, on a page or in a worker.

/** Changes the result of a getter of a class. */
function changeGetter({ prototype }, key, change) {
  const { get } = Object.getOwnPropertyDescriptor(prototype, key);
  Object.defineProperty(prototype, key, {
    get() {
      return change(get.call(this));
    },
  });
}

const faults = {
  /** The device is lost with its next submission after {@link loseNext}. */
  lose() {
    const devices = new Map();
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      const device = await requestDevice.apply(this, given);
      devices.set(device.queue, device);
      return device;
    };
    let armed = false;
    const channel = new BroadcastChannel("lose");
    channel.onmessage = () => {
      // If a worker computes, the page has no device.
      if (devices.size === 0) return;
      armed = true;
      channel.postMessage("armed");
    };
    const { submit } = GPUQueue.prototype;
    GPUQueue.prototype.submit = function (...given) {
      submit.apply(this, given);
      if (armed) devices.get(this).destroy();
    };
  },

  /** The adapter is too small for the model. */
  shrink() {
    const small = { maxBufferSize: 1 << 20, maxStorageBufferBindingSize: 1 << 20 };
    const shrunk = (limits) => new Proxy(limits, { get: (_, key) => small[key] ?? limits[key] });
    changeGetter(GPUAdapter, "limits", shrunk);
  },

  /** The browser throws an exception in the core's code. */
  throw() {
    changeGetter(GPUAdapter, "limits", () => {
      throw new TypeError("there are none");
    });
  },

  /** An adapter in software does not report that it is one. */
  disguise() {
    changeGetter(GPUAdapterInfo, "isFallbackAdapter", () => false);
  },
};

export function inject(names) {
  for (const name of names) faults[name]();
}

/** Makes the next submission lose the device, on this page or in its worker. */
export function loseNext() {
  const channel = new BroadcastChannel("lose");
  return new Promise((resolve) => {
    channel.onmessage = resolve;
    channel.postMessage("arm");
  }).finally(() => channel.close());
}
