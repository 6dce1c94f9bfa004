// Types of the module that scripts/simd-probe.mjs makes.

/** A WebAssembly module, encoded in base64. */
export declare const SIMD_PROBE: string;
