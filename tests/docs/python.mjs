// Parses blocks of Python, and runs those of pages with `<!-- run: SERVER -->` against a server.

import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { textOf } from "./blocks.mjs";
import { SERVER } from "./shell.mjs";

const PARSER = `
import ast, json, sys
def error(code):
    try:
        ast.parse(code)
    except SyntaxError as error:
        return [error.lineno or 1, error.msg]
print(json.dumps([error(code) for code in json.load(sys.stdin)]))
`;

/** The problems of blocks, as `{ block, line, message }`. `startServer()` gives the address of a server. */
export async function checkPython(blocks, { root, scratch, startServer }) {
  const input = JSON.stringify(blocks.map(({ source }) => textOf(source)));
  const { stdout, stderr, status } = spawnSync("python3", ["-c", PARSER], { input, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  const problems = [];
  for (const [index, error] of JSON.parse(stdout).entries()) {
    const block = blocks[index];
    const found =
      error ?? (block.page.isRun ? await failure(block, { root, scratch, startServer }) : undefined);
    if (found) problems.push({ block, line: lineOf(block, found[0]), message: found[1] });
  }
  return problems;
}

const lineOf = ({ source }, line) => source[Math.min(line, source.length) - 1].line;

/** `[line, message]`, if a block fails. */
async function failure({ source }, { root, scratch, startServer }) {
  const file = join(scratch, "block.py");
  writeFileSync(file, textOf(source).replaceAll(SERVER, await startServer()));
  try {
    await promisify(execFile)(await python(root), [file], { cwd: scratch, timeout: 120_000 });
  } catch ({ stderr, message }) {
    const places = [...stderr.matchAll(/File "(.*)", line (\d+)/g)].filter(([, path]) => path === file);
    return [Number(places.at(-1)?.[2] ?? 1), stderr.trim().split("\n").at(-1) || message];
  }
}

/** A Python with the clients of `tests/clients`. */
async function python(root) {
  const venv = join(root, "target/clients-venv");
  const requirements = join(root, "tests/clients/requirements.txt");
  await promisify(execFile)(join(root, "tests/venv.sh"), [venv, requirements]);
  return join(venv, "bin/python");
}
