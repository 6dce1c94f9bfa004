import module from "./crossrank-edge.wasm";
import { define } from "./edge.js";

/** workerd compiles no WebAssembly from bytes: the file is imported as a module. */
export const createHandler = define(async () => module);
