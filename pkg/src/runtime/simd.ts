// Which of the package's small WebAssembly files this engine should run.

import type { FileStorage, WasmVariant } from "../core/platform.js";
import { engineVersion } from "../core/version.js";

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
 * Some engines lack the relaxed dot product, and some baseline compilers get it wrong. Code that
 * has never run before shows both.
 */
function isRelaxedCorrect(): boolean {
  try {
    const module = new WebAssembly.Module(Uint8Array.from(atob(PROBE), (c) => c.charCodeAt(0)));
    const { ok } = new WebAssembly.Instance(module).exports as { ok(): number };
    return ok() === 1;
  } catch {
    return false;
  }
}

/** Where the storage records a failure. */
const failureRecord = () => ["no-relaxed-simd", engineVersion()] as const;

/** The variant for this engine. */
export async function chooseVariant(storage: FileStorage): Promise<WasmVariant> {
  const isUsable = isRelaxedCorrect() && !(await storage.has(...failureRecord()));
  return isUsable ? "relaxed-simd" : "simd128";
}

/** Records that the relaxed variant's own test of its whole kernel has failed. */
export async function recordRelaxedFailure(storage: FileStorage): Promise<void> {
  await storage.write(...failureRecord(), "");
}
