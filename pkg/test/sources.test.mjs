// The import rules of src, and that its declarations in types/ bind it: each rule fails on a copy of
// the sources that breaks it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const pkg = fileURLToPath(new URL("..", import.meta.url));
const PATHS = [
  "src",
  "types",
  "test/declarations",
  "package.json",
  "tsconfig.json",
  "tsconfig.check.json",
  "dependency-cruiser.config.mjs",
];

/** A copy of the sources, and what a script of package.json prints and whether it fails there. */
function copySources(t) {
  const folder = mkdtempSync(join(tmpdir(), "crossrank-sources-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const path of PATHS) cpSync(join(pkg, path), join(folder, path), { recursive: true });
  symlinkSync(join(pkg, "node_modules"), join(folder, "node_modules"));
  return {
    append(path, text) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      appendFileSync(join(folder, path), text);
    },
    replace(path, old, replacement) {
      const text = readFileSync(join(folder, path), "utf8");
      assert.ok(text.includes(old), `${path} has no ${old}`);
      writeFileSync(join(folder, path), text.replace(old, replacement));
    },
    run(script) {
      try {
        const options = { cwd: folder, encoding: "utf8", stdio: "pipe" };
        return { failed: false, output: execFileSync("npm", ["run", "--silent", script], options) };
      } catch (error) {
        return { failed: true, output: error.stdout };
      }
    },
  };
}

test("the sources keep the rules", (t) => {
  const { run } = copySources(t);
  const { failed, output } = run("check:imports");
  assert.ok(!failed, output);
  // Files that the parser could not read would be missing.
  const modules = Number(/(\d+) modules/.exec(output)[1]);
  assert.ok(modules >= 60, output);
});

for (const [what, path, text, rule] of [
  ["a circle of two files", "src/io/fetch.ts", 'import "./download.js";', "no-circle"],
  ["a circle of types", "src/core/task.ts", 'export type { Job } from "./backend.js";', "no-circle"],
  ["an import of a higher folder", "src/core/task.ts", 'import "../io/hash.js";', "core-imports-downwards"],
  [
    "an import of a type from a higher folder",
    "src/core/platform.ts",
    'import type { Pool } from "../backends/pool.js"; export type P = Pool<never>;',
    "core-imports-downwards",
  ],
  ["an import of an entry", "src/io/hash.ts", 'import "../web.js";', "no-import-of-entries"],
  ["node's modules in a file for browsers", "src/io/read.ts", 'import "node:fs";', "node-in-node-files"],
  [
    "an adapter in the main entry",
    "src/web.ts",
    'export { rerankHits } from "./adapters/hits.js";',
    "no-import-of-adapters",
  ],
  ["a framework outside of the adapters", "src/io/read.ts", 'import "react";', "frameworks-in-adapters"],
  [
    "the main entry by its name",
    "src/io/read.ts",
    'import "crossrank";',
    "main-entry-by-name-in-adapters-and-site",
  ],
  ["an import of nothing", "src/io/read.ts", 'import "./nowhere.js";', "imports-resolve"],
  ["a folder without a place in the order", "src/other/a.ts", 'import "../core/task.js";', "no-other-folder"],
]) {
  test(`${what} breaks ${rule}`, (t) => {
    const { append, run } = copySources(t);
    append(path, `\n${text}\n`);
    const { failed, output } = run("check:imports");
    assert.ok(failed && output.includes(`error ${rule}:`), output);
  });
}

for (const [what, path, old, replacement] of [
  [
    "another parameter",
    "src/api/reranker.ts",
    "encode(query: string, document: string)",
    "encode(query: number, document: string)",
  ],
  [
    "another result",
    "src/api/embedder.ts",
    "): Promise<Float32Array> {",
    "): Promise<Float32Array | undefined> {",
  ],
  [
    "another static method",
    "src/api/reranker.ts",
    "static remote(options: declared.RemoteOptions)",
    "static remote(options: string)",
  ],
  ["a missing method", "src/api/reranker.ts", "async score<", "async scores<"],
  ["a missing static method", "src/api/embedder.ts", "static async load(", "static async open("],
  [
    "another function",
    "src/api/reranker.ts",
    "async function rerank<D extends Document>(\n    query: string,",
    "async function rerank<D extends Document>(\n    query: number,",
  ],
  ["a missing export", "src/node.ts", "export const rerank =", "const rerank ="],
  ["an export that is not declared", "src/web.ts", "const api =", "export const api ="],
  ["another field of an error", "src/core/errors.ts", "readonly code: ErrorCode;", "readonly code: string;"],
  ["another handler", "src/edge/handler.ts", "return { fetch };", "return { handle: fetch };"],
  ["another adapter", "src/adapters/fuse.ts", "fuse: { search(query: string,", "fuse: { find(query: string,"],
]) {
  test(`${what} does not compile`, (t) => {
    const { replace, run } = copySources(t);
    replace(path, old, replacement);
    const { failed, output } = run("check:types");
    assert.ok(failed && /error TS/.test(output), output);
  });
}
