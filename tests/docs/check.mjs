// Checks the code blocks of the documentation, or of the pages that are named: `node check.mjs [PAGE...]`.
// CROSSRANK names the command.

import { readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPages } from "./checker.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** Pages that are generated. */
const GENERATED = /^docs\/reference\/(api\/|http\.md$|command\.md$)/;

function filesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return entry.name === "node_modules" || entry.name.startsWith(".") ? [] : filesBelow(path);
  });
}

function documentation() {
  const docs = filesBelow("docs").filter((path) => path.endsWith(".md") && !GENERATED.test(path));
  const models = filesBelow("models").filter((path) => path.endsWith("README.md"));
  return ["README.md", "pkg/README.md", ...docs, ...models];
}

const named = process.argv.slice(2).map((path) => relative(root, resolve(path)));
const { blocks, problems } = await checkPages(named.length > 0 ? named : documentation(), {
  root,
  scratch: join(root, "target/docs"),
  program: process.env.CROSSRANK ?? join(root, "target/release/crossrank"),
});
for (const { file, line, message, block } of problems) {
  console.error(
    `${file}:${line}: ${message} (in the block at line ${block.line}: ${block.language || "plain"})`,
  );
}
const counts = {};
for (const { language } of blocks) counts[language || "plain"] = (counts[language || "plain"] ?? 0) + 1;
const list = Object.entries(counts).map(([language, count]) => `${count} ${language}`);
const pages = new Set(blocks.map(({ page }) => page.file));
console.log(
  `Checked ${blocks.length} blocks in ${pages.size} files: ${list.join(", ")}. Problems: ${problems.length}.`,
);
process.exitCode = problems.length > 0 ? 1 : 0;
