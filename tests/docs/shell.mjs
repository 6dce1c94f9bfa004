// Checks blocks of shell commands. Nothing is run but requests by curl to a server of this machine.

import { execFile, spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { parse } from "shell-quote";
import { textOf } from "./blocks.mjs";

/** The addresses of `crossrank serve` in the documentation. */
export const SERVER = /\bhttp:\/\/(?:127\.0\.0\.1|localhost):(?:8080|8787)\b/g;

/**
 * The problems of blocks, as `{ block, line, message }`. `startServer()` gives the address of a server.
 */
export async function checkShell(blocks, { root, scratch, startServer }) {
  const problems = [];
  const crossrank = [];
  const targets = makeTargets(join(root, "Makefile"));
  for (const block of blocks) {
    const error = syntaxError(block);
    if (error) {
      problems.push({ block, ...error });
      continue;
    }
    for (const { line, words } of commandsOf(block)) {
      const [program, ...given] = words;
      const own = crossrankArguments(program, given);
      if (own) crossrank.push({ block, line, given: own });
      if (program === "make") {
        for (const target of given.filter((word) => /^[\w-]+$/.test(word) && !targets.has(word))) {
          problems.push({ block, line, message: `the Makefile has no target ${target}` });
        }
      }
      if (program === "curl" && given.some((word) => word.search(SERVER) >= 0)) {
        const message = await failureOfRequest(given, await startServer(), root);
        if (message) problems.push({ block, line, message });
      }
    }
  }
  return [...problems, ...(await refused(crossrank, root, scratch))];
}

function syntaxError({ source }) {
  const { status, stderr } = spawnSync("bash", ["-n"], { input: textOf(source), encoding: "utf8" });
  if (status === 0) return;
  const [, line, message] = /line (\d+): (.*)/.exec(stderr);
  return { line: source[Math.min(line, source.length) - 1].line, message };
}

/** The simple commands of a block, `{ line, words }`, without assignments and redirections. */
function* commandsOf({ source }) {
  let text = "";
  let first;
  let terminator;
  for (const { text: part, line } of source) {
    if (terminator) {
      if (part.trim() === terminator) terminator = undefined;
      continue;
    }
    first ??= line;
    text += part;
    if (/\\$/.test(part)) {
      text = text.replace(/\\$/, " ");
      continue;
    }
    if (isInQuotes(text)) {
      text += "\n";
      continue;
    }
    terminator = /<<-?\s*["']?(\w+)["']?/.exec(text)?.[1];
    for (const words of simpleCommands(text)) yield { line: first, words };
    [text, first] = ["", undefined];
  }
}

/** Whether a quotation is open at the end of a text. */
const isInQuotes = (text) =>
  /['"]/.test(text.replaceAll(/(?<=^|\s)#[^\n]*|\\[\s\S]|'[^']*'|"(?:\\[\s\S]|[^"\\])*"/g, ""));

function* simpleCommands(line) {
  // The parser takes the number of a file in `2> log` for a word.
  const text = line.replaceAll(/(?<=\s)\d(?=[<>])/g, "");
  let words = [];
  let isTarget = false;
  for (const token of [...parse(text, (name) => `$${name}`), { op: ";" }]) {
    if (token.comment !== undefined) continue;
    const word = typeof token === "string" ? token : token.pattern;
    if (word !== undefined) {
      const isAssignment = words.length === 0 && /^\w+=/.test(word);
      if (!isTarget && !isAssignment) words.push(word);
      isTarget = false;
    } else if (/^[<>]|^>&$/.test(token.op)) {
      isTarget = true;
    } else {
      if (words.length > 0) yield words;
      words = [];
    }
  }
}

/** The arguments of a command line that runs crossrank, perhaps through cargo. */
function crossrankArguments(program, given) {
  if (basename(program) === "crossrank") return given;
  const isOther = given.some((word) => ["--example", "--manifest-path", "--package", "-p"].includes(word));
  if (program === "cargo" && given[0] === "run" && given.includes("--") && !isOther) {
    return given.slice(given.indexOf("--") + 1);
  }
}

function makeTargets(makefile) {
  const names = readFileSync(makefile, "utf8").matchAll(/^([\w-]+(?: [\w-]+)*) *:(?!=)/gm);
  return new Set([...names].flatMap(([, list]) => list.split(" ")));
}

async function failureOfRequest(given, origin, root) {
  const words = given.map((word) => word.replaceAll(SERVER, origin));
  const options = ["--silent", "--show-error", "--fail-with-body", "--max-time", "60"];
  try {
    await promisify(execFile)("curl", [...options, ...words], { cwd: root });
  } catch (error) {
    return [error.stderr.trim(), error.stdout.trim()].filter(Boolean).join(": ");
  }
}

/** The command lines that the command's own parser of arguments refuses, which a test of it calls. */
async function refused(lines, root, scratch) {
  if (lines.length === 0) return [];
  const file = join(scratch, "command-lines.json");
  const answers = join(scratch, "command-lines.answers.json");
  rmSync(answers, { force: true });
  writeFileSync(file, JSON.stringify(lines.map(({ given }) => ["crossrank", ...given])));
  const workspace = ["--release", "--workspace", "--all-features", "--bin", "crossrank"];
  const test = ["tests::command_lines_of_the_documentation", "--exact", "--ignored"];
  await promisify(execFile)("cargo", ["test", "--quiet", ...workspace, "--", ...test], {
    cwd: root,
    env: { ...process.env, CROSSRANK_COMMAND_LINES: file, CROSSRANK_ANSWERS: answers },
  });
  const errors = JSON.parse(readFileSync(answers, "utf8"));
  return lines.flatMap(({ block, line }, i) => {
    if (errors[i] === null) return [];
    return [{ block, line, message: `crossrank: ${errors[i].split("\n")[0]}` }];
  });
}
