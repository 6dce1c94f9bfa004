import module from "./crossrank-edge-relaxed-simd.wasm";
import { define } from "./edge.js";

/**
 * workerd compiles no WebAssembly from bytes: the file is imported as a module. It has relaxed
 * SIMD, which not every other runtime has.
 */
export const createHandler = define(async () => module);
