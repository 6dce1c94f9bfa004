// Extracts the examples of docs/guides/adapters.md, in the folder `examples`: as TypeScript for the compiler and as
// modules to run.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { blocksOf } from "./docs/blocks.mjs";
import { declaredBy, importFromPrelude } from "./docs/prelude.mjs";

const here = (path) => new URL(path, import.meta.url);

function extract(markdown) {
  const examples = {};
  const counts = {};
  for (const { section, language, code } of blocksOf(markdown)) {
    counts[section] = (counts[section] ?? 0) + 1;
    examples[`${section} ${counts[section]}`] = { language, code };
  }
  return examples;
}

/** The module of an example, with imports of what it does not make itself and exports of the rest. */
function moduleOf(code, prelude) {
  const isExported = (name) => new RegExp(`^export .*\\b${name}\\b`, "m").test(code);
  const exported = declaredBy(code).filter((name) => !isExported(name));
  return `${importFromPrelude(code, prelude, "../prelude.mjs")}\n${code}\nexport { ${exported.join(", ")} };\n`;
}

/** Gives `{ language, code, file }` by section and number. `file` is the URL of a module. */
export async function writeExamples() {
  const { transform } = await import(process.env.CROSSRANK_ESBUILD);
  const compile = async (source, target, loader) => {
    const { code } = await transform(source, { loader, jsx: "automatic", format: "esm", target: "es2022" });
    writeFileSync(here(target), code);
  };
  rmSync(here("examples"), { recursive: true, force: true });
  mkdirSync(here("examples"));
  const prelude = readFileSync(here("prelude.mts"), "utf8");
  await compile(prelude, "prelude.mjs", "ts");
  const examples = extract(readFileSync(here("adapters.md"), "utf8"));
  for (const [name, example] of Object.entries(examples)) {
    const { language, code } = example;
    if (language === "html") continue;
    const path = `examples/${name.replaceAll(/\W+/g, "-")}`;
    const source = moduleOf(code, prelude);
    writeFileSync(here(`${path}.${language === "tsx" ? "tsx" : "mts"}`), source);
    await compile(source, `${path}.mjs`, language);
    example.file = here(`${path}.mjs`).href;
  }
  return examples;
}
