// The model packages that are installed beside this one. Both are optional peer dependencies.

import type { ModelPackage } from "../../types/index.js";
import { CrossrankError } from "../core/errors.js";

// Bundlers report a missing package as an error unless the import is a plain `import()` inside
// `try`, as here.

export async function defaultReranker(): Promise<ModelPackage> {
  try {
    return await import("crossrank-minilm-l6-en");
  } catch (cause) {
    throw notInstalledError("crossrank-minilm-l6-en", "Reranker", cause);
  }
}

export async function defaultEmbedder(): Promise<ModelPackage> {
  try {
    return await import("crossrank-all-minilm-l6-v2");
  } catch (cause) {
    throw notInstalledError("crossrank-all-minilm-l6-v2", "Embedder", cause);
  }
}

function notInstalledError(name: string, className: string, cause: unknown): CrossrankError {
  const message =
    `no model is installed; run \`npm install ${name}\`, ` +
    `or name a model with ${className}.load({ model })`;
  return new CrossrankError("model-not-installed", message, { cause });
}
