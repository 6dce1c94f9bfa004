// The model packages that are installed beside this one. Both are optional peer dependencies.

import type { ModelPackage } from "../../types/index.js";
import { CrossrankError } from "../core/errors.js";

// Bundlers report a missing package as an error unless the import is a plain `import()` inside
// `try`, as here.

export async function defaultReranker(): Promise<ModelPackage> {
  try {
    return await import("crossrank-minilm-l6-en");
  } catch (cause) {
    throw importError("crossrank-minilm-l6-en", "Reranker", cause);
  }
}

export async function defaultEmbedder(): Promise<ModelPackage> {
  try {
    return await import("crossrank-all-minilm-l6-v2");
  } catch (cause) {
    throw importError("crossrank-all-minilm-l6-v2", "Embedder", cause);
  }
}

/** The code of such an error in node, and in bundles of webpack and of tools that follow it. */
const NOT_FOUND_CODES: unknown[] = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"];

/** What the others say: browsers, where the package stayed out of a bundle, Vite's bundles, Bun and Deno. */
const NOT_FOUND = /specifier|could not resolve|cannot find|does not resolve|not a dependency/i;

/** A browser could not fetch a module, or webpack a part of its bundle. */
const NOT_FETCHED = /(fetch|load)(ing)? .*(module|chunk)|importing a module script failed/i;

function importError(name: string, className: string, cause: unknown): CrossrankError {
  const { code, message = String(cause) } = cause as { code?: unknown; message?: string };
  if (message.includes(name) && (NOT_FOUND_CODES.includes(code) || NOT_FOUND.test(message))) {
    const advice = `run \`npm install ${name}\`, or name a model with ${className}.load({ model })`;
    return new CrossrankError("model-not-installed", `no model is installed; ${advice}`, { cause });
  }
  if (NOT_FETCHED.test(message)) {
    const advice = "check the network and what the server answers there, and call again";
    const text = `the model package ${name} could not be fetched (${message}); ${advice}`;
    return new CrossrankError("fetch-failed", text, { cause });
  }
  const advice = `import it in your own code and pass it to ${className}.load({ model })`;
  const text = `the model package ${name} could not be imported (${message}); ${advice}`;
  return new CrossrankError("runtime-failed", text, { cause });
}
