// Which of the package's WebAssembly files this engine should run.

import type { Storage } from "./storage.js";
import { versionHere } from "./version.js";

/** The instructions that a file needs. The relaxed ones have an 8-bit dot product. */
export type Build = "simd128" | "relaxed-simd";

/**
 * A module whose function `ok` multiplies two vectors of extreme and mixed bytes with the relaxed
 * dot product, and compares the sums. As text:
 *
 * ```wat
 * (func (export "ok") (result i32)
 *   (i32x4.all_true (i32x4.eq
 *     (i32x4.relaxed_dot_i8x16_i7x16_add_s
 *       (v128.const i8x16 -128 127 -1 1 85 -45 0 -111 -128 -128 -128 -128 127 127 127 127)
 *       (v128.const i8x16 127 127 0 64 1 99 127 126 127 127 127 127 127 127 127 127)
 *       (i32x4.splat (i32.const 7)))
 *     (v128.const i32x4 -56 -18349 -65017 64523))))
 * ```
 */
const PROBE =
  "AGFzbQEAAAABBQFgAAF/AwIBAAcGAQJvawAACkYBRAD9DIB//wFV0wCRgICAgH9/f3/9DH9/AEABY39+f39/f39/" +
  "f39BB/0R/ZMC/QzI////U7j//wcC//8L/AAA/Tf9owEL";

/**
 * Some engines lack the relaxed dot product, and some baseline compilers get it wrong; the answer
 * of code that has never run before tells all.
 */
function isRelaxedRight(): boolean {
  try {
    const module = new WebAssembly.Module(Uint8Array.from(atob(PROBE), (c) => c.charCodeAt(0)));
    const { ok } = new WebAssembly.Instance(module).exports as { ok(): number };
    return ok() === 1;
  } catch {
    return false;
  }
}

/** What the note of a failure is about. */
const note = () => ["no-relaxed-simd", versionHere()] as const;

/** The build for this engine. */
export async function chooseBuild(storage: Storage): Promise<Build> {
  return isRelaxedRight() && !(await storage.has(...note())) ? "relaxed-simd" : "simd128";
}

/** Notes that the relaxed build's own test, of its whole kernel, has failed. */
export async function refuseRelaxed(storage: Storage): Promise<void> {
  await storage.write(...note(), "");
}
