import type { ModelPackage } from "../types/index.js";
import { CrossrankError } from "./errors.js";

/**
 * The model package that is installed beside this one.
 *
 * It is an optional peer dependency. Bundlers take a missing one for an error, unless the import
 * is a plain `import()` inside `try`, as here.
 */
export async function defaultModel(): Promise<ModelPackage> {
  try {
    return await import("crossrank-minilm-l6-en");
  } catch (cause) {
    throw new CrossrankError(
      "model-not-installed",
      "no model is installed; run `npm install crossrank-minilm-l6-en`, " +
        "or name a model with Reranker.load({ model })",
      { cause },
    );
  }
}
