// Makes an instance trap, by leaving it no memory to allocate.

/** The memory of the instance that `load` creates, by a wrapper around WebAssembly.instantiate. */
export async function withMemory(load) {
  const { instantiate } = WebAssembly;
  let instance;
  WebAssembly.instantiate = async (...given) => {
    const made = await instantiate.apply(WebAssembly, given);
    instance = made.instance ?? made;
    return made;
  };
  try {
    const loaded = await load();
    return { loaded, memory: () => instance.exports.memory };
  } finally {
    WebAssembly.instantiate = instantiate;
  }
}

/** Takes all the address space that is left to the instance. The pages stay unused. */
export function exhaust(memory) {
  for (let pages = 65_536; pages >= 1; ) {
    try {
      memory.grow(pages);
    } catch {
      pages >>= 1;
    }
  }
}
