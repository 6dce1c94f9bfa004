import { CrossrankError } from "./errors.js";

/**
 * The URL of a file of this package or of a model package, which `locate` makes with
 * `import.meta.url`. That has no value in a bundle in the format of CommonJS or of a classic script.
 */
export function packageUrl<U>(locate: () => U): U {
  try {
    return locate();
  } catch (cause) {
    throw new CrossrankError(
      "runtime-failed",
      "this bundle does not know where its files are, because import.meta.url has no value in it; " +
        "leave crossrank and its model packages out of the bundle, or name the files with the " +
        "options model, wasm and worker",
      { cause },
    );
  }
}
