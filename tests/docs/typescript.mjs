// Type-checks blocks of JavaScript and TypeScript, and the scripts in HTML and Vue components. Each block is
// a module of its own. A block that begins with a comment such as `// src/search.ts` is the module of that
// name for the other blocks of its page.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, parseFragment } from "parse5";
import { parse as parseVue } from "vue/compiler-sfc";
import { textOf } from "./blocks.mjs";
import { jsonErrors } from "./data.mjs";
import { importFromPrelude } from "./prelude.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TSC = here("../../pkg/node_modules/.bin/tsc");
const NAME = /^(?:\/\/|\/\*)\s*([\w./[\]()-]+\.[cm]?[jt]sx?)\b/;

const STRICT = {
  noEmit: true,
  strict: true,
  target: "es2022",
  module: "esnext",
  moduleResolution: "bundler",
  moduleDetection: "force",
  resolveJsonModule: true,
  jsx: "react-jsx",
  lib: ["es2024", "dom", "dom.iterable", "dom.asynciterable", "esnext.disposable"],
  types: ["node"],
  skipLibCheck: true,
};
/** JavaScript is checked as strictly, except that its parameters have no types. */
const PROGRAMS = {
  typescript: { options: STRICT, ambient: ["ambient.d.ts"] },
  javascript: { options: { ...STRICT, noImplicitAny: false }, ambient: ["ambient.d.ts", "ambient-js.d.ts"] },
};

/** The problems of blocks, as `{ block, line, message }`. `folder` is for the modules that are compiled. */
export function checkTypes(blocks, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(here("node_modules"), join(folder, "node_modules"));
  for (const name of ["ambient.d.ts", "ambient-js.d.ts"]) cpSync(here(name), join(folder, name));

  const problems = [];
  const modules = new Map();
  for (const block of blocks) {
    const { scripts, errors } = scriptsOf(block);
    problems.push(...errors.map((error) => ({ block, ...error })));
    for (const script of scripts) {
      const path = pathOf(block, script, modules);
      const source = withPrelude(script.source, block.page, folder, path);
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), textOf(source));
      modules.set(path, { block, source, program: script.isTyped ? "typescript" : "javascript" });
    }
  }
  for (const name of Object.keys(PROGRAMS)) {
    const own = new Map([...modules].filter(([, { program }]) => program === name));
    const found = compile(folder, name, own);
    problems.push(...found);
    // The compiler looks for nothing else where a module cannot be parsed.
    for (const { path, message } of found) if (isSyntaxError(message)) own.delete(path);
    if (found.some(({ message }) => isSyntaxError(message))) problems.push(...compile(folder, name, own));
  }
  return problems;
}

const isSyntaxError = (message) => /^TS1\d{3}:/.test(message);

/** The modules of a block, `{ source, isTyped, isJsx }`, and its errors outside of them. */
function scriptsOf(block) {
  const { language, source } = block;
  if (language === "html") return scriptsOfHtml(source);
  if (language === "vue") return scriptsOfVue(source);
  const isJsx = language.endsWith("x");
  return { scripts: [{ source, isTyped: language.startsWith("ts"), isJsx }], errors: [] };
}

/** The lines of a part of a source that begins in line `first`, counted from 1. */
const partOf = (source, first, text) =>
  text.split("\n").map((text, index) => ({ text, line: source[first - 1 + index].line }));

function scriptsOfHtml(source) {
  const text = textOf(source);
  const errors = [];
  const onParseError = ({ code, startLine }) =>
    errors.push({ line: source[startLine - 1].line, message: code });
  const options = { sourceCodeLocationInfo: true, onParseError };
  const isDocument = /^\s*<!doctype/i.test(text);
  const root = isDocument ? parse(text, options) : parseFragment(text, options);
  const scripts = [];
  for (const { attrs, childNodes } of elements(root, "script")) {
    const [content] = childNodes;
    if (!content) continue;
    const type = attrs.find(({ name }) => name === "type")?.value ?? "module";
    const part = partOf(source, content.sourceCodeLocation.startLine, content.value);
    if (type === "module" || type === "text/javascript") {
      scripts.push({ source: part, isTyped: false, isJsx: false });
    } else {
      const found = jsonErrors(content.value, { disallowComments: true });
      errors.push(...found.map(([line, message]) => ({ line: part[line - 1].line, message })));
    }
  }
  return { scripts, errors };
}

function elements(node, name) {
  const own = node.nodeName === name ? [node] : [];
  return [...own, ...(node.childNodes ?? []).flatMap((child) => elements(child, name))];
}

function scriptsOfVue(source) {
  const { descriptor, errors } = parseVue(textOf(source), { sourceMap: false });
  const scripts = [descriptor.script, descriptor.scriptSetup].filter(Boolean);
  return {
    scripts: scripts.map(({ content, loc, lang = "js" }) => ({
      source: partOf(source, loc.start.line, content),
      isTyped: lang.startsWith("ts"),
      isJsx: lang.endsWith("x"),
    })),
    errors: errors.map(({ message, loc }) => ({ line: source[(loc?.start.line ?? 1) - 1].line, message })),
  };
}

/** The path of a module below the folder, which no other one of `modules` has. */
function pathOf({ page, line, code }, { isJsx }, modules) {
  const folder = page.file.replace(/\.md$/, "");
  const typed = (name) => name.replace(/\.([cm]?)js(x?)$/, ".$1ts$2");
  const named = NAME.exec(code)?.[1];
  const own = join(folder, dirname(named ?? ""), `line-${line}-${modules.size}.${isJsx ? "tsx" : "ts"}`);
  const path = named ? join(folder, typed(named)) : own;
  return modules.has(path) ? own : path;
}

function withPrelude(source, { prelude }, folder, path) {
  if (!prelude) return source;
  const from = join(here("../.."), prelude);
  const copy = join(folder, "preludes", basename(from));
  mkdirSync(dirname(copy), { recursive: true });
  cpSync(from, copy);
  const specifier = relative(dirname(join(folder, path)), copy).replace(/\.mts$/, ".mjs");
  const text = importFromPrelude(textOf(source), readFileSync(from, "utf8"), specifier);
  return [{ text, line: source[0].line }, ...source];
}

/** Compiles modules as a program. Errors inside of other packages do not count. */
function compile(folder, name, modules) {
  if (modules.size === 0) return [];
  const { options: compilerOptions, ambient } = PROGRAMS[name];
  const settings = { compilerOptions, files: [...ambient, ...modules.keys()] };
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(settings));
  const options = { cwd: folder, encoding: "utf8", maxBuffer: 1 << 26 };
  const { stdout, stderr, status } = spawnSync(TSC, ["-p", `${name}.json`, "--pretty", "false"], options);
  if (status !== 0 && !/error TS\d/.test(stdout)) throw new Error(stdout + stderr);
  const problems = [];
  for (const error of stdout.split(/\n(?! )/)) {
    const [, path, line, message] = /^(\S+)\((\d+),\d+\): error (TS[\s\S]*)$/.exec(error) ?? [];
    const found = modules.get(path);
    if (found) {
      const { block, source } = found;
      problems.push({ block, path, line: source[line - 1].line, message: message.trimEnd() });
    } else if (/error TS\d/.test(error) && !/^\S*node_modules\//.test(error)) {
      throw new Error(error);
    }
  }
  return problems;
}
