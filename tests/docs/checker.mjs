// Checks the code blocks of Markdown pages by their languages.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { blocksOf, pageOption } from "./blocks.mjs";
import { checkData } from "./data.mjs";
import { checkPython } from "./python.mjs";
import { checkRust } from "./rust.mjs";
import { checkShell } from "./shell.mjs";
import { checkTypes } from "./typescript.mjs";

/** The languages of each check. Nothing checks output and comparisons, which come last. */
const CHECKS = [
  [
    ["js", "ts", "jsx", "tsx", "html", "vue"],
    (blocks, { scratch }) => checkTypes(blocks, join(scratch, "modules")),
  ],
  [["json", "jsonc", "yaml", "toml"], checkData],
  [["sh"], checkShell],
  [["python"], checkPython],
  [["rust"], checkRust],
  [["text", "csv", "diff", ""], () => []],
];
const LANGUAGES = CHECKS.flatMap(([languages]) => languages);

/**
 * Checks pages, which are paths below `root`. `scratch` is a folder for files, and `program` the command
 * crossrank. Gives the blocks, and the problems as `{ file, line, message, block }`.
 */
export async function checkPages(files, { root, scratch, program }) {
  mkdirSync(scratch, { recursive: true });
  const problems = [];
  const blocks = files.flatMap((file) => {
    const markdown = readFileSync(join(root, file), "utf8");
    const isRun = pageOption(markdown, "run") === "SERVER";
    const page = { file, isRun, prelude: pageOption(markdown, "prelude") };
    try {
      return blocksOf(markdown).map((block) => ({ ...block, page }));
    } catch ({ line, message }) {
      problems.push({ line, message, block: { page, line, language: "" } });
      return [];
    }
  });
  for (const block of blocks.filter(({ language }) => !LANGUAGES.includes(language))) {
    const message = `no check is known for ${block.language}; there are some for ${LANGUAGES.filter(Boolean).join(", ")}`;
    problems.push({ block, line: block.line, message });
  }
  const server = new Server(program, join(scratch, "documents.idx"), join(root, "examples/passages.txt"));
  try {
    const context = { root, scratch, startServer: () => server.start() };
    for (const [languages, check] of CHECKS) {
      const own = blocks.filter(({ language }) => languages.includes(language));
      problems.push(...(await check(own, context)));
    }
  } finally {
    server.stop();
  }
  return { blocks, problems: distinct(problems) };
}

/** A block that another one continues is checked twice. */
function distinct(problems) {
  const byText = new Map();
  for (const { block, line, message } of problems) {
    const text = `${block.page.file}:${line}: ${message}`;
    if (!byText.has(text)) byText.set(text, { file: block.page.file, line, message, block });
  }
  return [...byText.values()].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}

/** `crossrank serve` with an index, from the first request on. */
class Server {
  #address;
  #process;

  constructor(program, index, documents) {
    this.start = () => (this.#address ??= this.#start(program, index, documents));
  }

  async #start(program, index, documents) {
    const [code] = await once(spawn(program, ["index", documents, "-o", index], { stdio: "ignore" }), "exit");
    if (code !== 0) throw new Error(`${program} index has failed`);
    const given = ["serve", "--port", "0", "--index", index];
    this.#process = spawn(program, given, { stdio: ["ignore", "pipe", "ignore"] });
    for await (const line of createInterface({ input: this.#process.stdout })) {
      const address = /http:\S+/.exec(line)?.[0];
      if (address) return address;
    }
    throw new Error(`${program} serve has ended`);
  }

  stop() {
    this.#process?.kill();
  }
}
