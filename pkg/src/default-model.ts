import type { ModelPackage } from "../types/index.js";
import { CrossrankError } from "./errors.js";

/**
 * The model package that is installed beside this one.
 *
 * Both are optional peer dependencies. Bundlers take a missing one for an error, unless the import
 * is a plain `import()` inside `try`, as here.
 */
export async function defaultReranker(): Promise<ModelPackage> {
  try {
    return await import("crossrank-minilm-l6-en");
  } catch (cause) {
    throw missing("crossrank-minilm-l6-en", "Reranker", cause);
  }
}

export async function defaultEmbedder(): Promise<ModelPackage> {
  try {
    return await import("crossrank-all-minilm-l6-v2");
  } catch (cause) {
    throw missing("crossrank-all-minilm-l6-v2", "Embedder", cause);
  }
}

function missing(name: string, of: string, cause: unknown): CrossrankError {
  return new CrossrankError(
    "model-not-installed",
    `no model is installed; run \`npm install ${name}\`, or name a model with ${of}.load({ model })`,
    { cause },
  );
}
