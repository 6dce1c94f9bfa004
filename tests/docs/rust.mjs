// Compiles blocks of Rust as documentation tests, all at once. Each page becomes a module whose lines are
// those of the page.

import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { textOf } from "./blocks.mjs";

/** The problems of blocks, as `{ block, line, message }`. */
export async function checkRust(blocks, { root, scratch }) {
  if (blocks.length === 0) return [];
  const folder = join(scratch, "rust");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const pages = [...new Set(blocks.map(({ page }) => page))];
  for (const page of pages) {
    const file = join(folder, moduleOf(page));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, documentationOf(blocks.filter((block) => block.page === page)));
  }
  const modules = pages.map((page, i) => `#[path = "${moduleOf(page)}"]\nmod page${i};\n`);
  writeFileSync(join(folder, "pages.rs"), modules.join(""));

  const externs = await libraries(root);
  const given = ["--test", "--edition", "2024", "--crate-name", "pages", join(folder, "pages.rs")];
  for (const path of new Set([...externs.values()].map(dirname))) given.push("-L", `dependency=${path}`);
  for (const [name, path] of externs) given.push("--extern", `${name}=${path}`);
  const options = { cwd: folder, maxBuffer: 1 << 26 };
  const output = await promisify(execFile)("rustdoc", given, options).catch((error) => error);
  const problems = problemsOf(output.stdout, blocks, folder);
  if (output.code && problems.length === 0) throw new Error(output.stdout + output.stderr);
  return problems;
}

const moduleOf = ({ file }) => `${file}.rs`;

/** A module that documents itself with blocks, each of which stays in its lines. */
function documentationOf(blocks) {
  const lines = [];
  const put = (line, text) => {
    lines[line - 1] = `//! ${text}`;
  };
  for (const { source } of blocks.filter((block) => !isContinued(block, blocks))) {
    put(source[0].line - 1, "```no_run");
    for (const { text, line } of source) put(line, text);
    const result = needsResult(textOf(source)) ? ["Ok::<(), Box<dyn std::error::Error>>(())"] : [];
    for (const [index, text] of [...result, "```"].entries()) put(source.at(-1).line + 1 + index, text);
  }
  return `${Array.from(lines, (line) => line ?? "//!").join("\n")}\n`;
}

/** Whether `?` stands outside of a function, and the block leaves out what makes it a function for that. */
const needsResult = (code) => /\?[;.\s]/.test(code) && !/\bfn main\b|\(\(\)\)\s*$/.test(code);

const isContinued = (block, blocks) =>
  blocks.some((other) => other !== block && block.source.every((line) => other.source.includes(line)));

/** The files of the library and of what the workspace depends on, as `cargo build` compiles them, by name. */
async function libraries(root) {
  const given = ["build", "--release", "--workspace", "--all-features", "--message-format=json"];
  const options = { cwd: root, maxBuffer: 1 << 28 };
  const { stdout } = await promisify(execFile)("cargo", given, options);
  const messages = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const externs = new Map();
  for (const { reason, target, filenames } of messages) {
    if (reason !== "compiler-artifact" || !target.kind.some((kind) => /lib|proc-macro/.test(kind))) continue;
    const file = filenames.find((name) => /\.(rlib|so|dylib|dll)$/.test(name));
    if (file) externs.set(target.name.replaceAll("-", "_"), file);
  }
  return externs;
}

/** Reads the errors of rustc, such as `error[E0425]: cannot find value...\n --> README.md.rs:7:5`. */
function problemsOf(stdout, blocks, folder) {
  const found = [];
  for (const [, message, file, line] of stdout.matchAll(/^error(?:\[E\d+\])?: (.*)\n *--> (.*?):(\d+):/gm)) {
    const path = relative(folder, resolve(folder, file));
    const block = blocks.findLast((block) => moduleOf(block.page) === path && block.line <= line);
    if (block) found.push({ block, line: Number(line), message });
  }
  return found;
}
