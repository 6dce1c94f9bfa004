import module from "./crossrank-edge-relaxed-simd.wasm";
import { createHandlerFactory, fetchFile } from "./edge/handler.js";

/**
 * For workerd, which does not compile WebAssembly from bytes: the file is imported as a module.
 * workerd has relaxed SIMD, which not every other runtime has.
 */
export const createHandler = createHandlerFactory({
  compile: async () => module,
  resolveUrl: (location) => new URL(location),
  openFile: fetchFile,
});
