// Makes an instance trap: it gets no memory when it needs some.

/** The memory of the instance that `load` makes, caught where the platform makes instances. */
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

/** Takes all the address space that the instance could still grow into; the pages stay unused. */
export function exhaust(memory) {
  for (let pages = 65_536; pages >= 1; ) {
    try {
      memory.grow(pages);
    } catch {
      pages >>= 1;
    }
  }
}
