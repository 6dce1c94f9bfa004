// Whether the checker of code blocks finds mistakes in blocks of each language, and names their lines.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { blocksOf } from "./blocks.mjs";
import { checkPages } from "./checker.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path) => readFileSync(join(root, path), "utf8");
const page = (name) => `tests/docs/pages/${name}.md`;

/** The numbers of the lines with the word "wrong" in a page's blocks. */
const wrongLines = (markdown) =>
  markdown.split("\n").flatMap((text, index) => (/\bwrong\b/.test(text) && index > 3 ? [index + 1] : []));

test("a mistake in a block of each language is found in its line", async () => {
  const files = ["broken", "python", "right"].map(page);
  const program = process.env.CROSSRANK ?? join(root, "target/release/crossrank");
  const { blocks, problems } = await checkPages(files, {
    root,
    scratch: join(root, "target/docs-test"),
    program,
  });
  assert.equal(blocks.length, files.flatMap((file) => blocksOf(read(file))).length);
  const found = (file) => problems.filter((problem) => problem.file === file);
  for (const name of ["broken", "python", "right"]) {
    const own = found(page(name));
    const lines = [...new Set(own.map(({ line }) => line))];
    const messages = own.map(({ line, message }) => `${line}: ${message}`);
    assert.deepEqual(lines, name === "right" ? [] : wrongLines(read(page(name))), messages.join("\n"));
  }
});

test("a block that is empty, is not closed or continues none is a mistake", () => {
  assert.throws(() => blocksOf("text\n```js\n```\n"), { line: 2 });
  assert.throws(() => blocksOf("text\n```js\n1;\n"), { line: 2 });
  assert.throws(() => blocksOf("text\n```js continues\n1;\n```\n"), { line: 2 });
});

test("pages are checked with the packages that the adapters are tested with", () => {
  const { dependencies } = JSON.parse(read("tests/docs/package.json"));
  for (const [name, version] of Object.entries(
    JSON.parse(read("pkg/test/adapters/package.json")).dependencies,
  )) {
    assert.equal(dependencies[name] ?? version, version, name);
  }
});
