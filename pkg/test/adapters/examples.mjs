// Extracts the examples of docs/guides/adapters.md, in the folder `examples`: as TypeScript for the compiler and as
// modules to run.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const here = (path) => new URL(path, import.meta.url);

/** What an example may use without making it. */
const PRELUDE_NAMES = [
  "Reranker",
  "algolia",
  "articles",
  "embedder",
  "fetchText",
  "folder",
  "meilisearch",
  "pagefind",
  "query",
  "reranker",
  "signal",
  "typesense",
];
/** What an example declares. */
const DECLARED = /^(?:export )?(?:async )?(?:const|function)\s+(?:\{([^}]*)\}|(\w+))/gm;

function extract(markdown) {
  const examples = {};
  const counts = {};
  let section = "";
  for (const [, heading, language, code] of markdown.matchAll(/^## (.*)$|^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (heading) section = heading;
    else if (language) {
      counts[section] = (counts[section] ?? 0) + 1;
      examples[`${section} ${counts[section]}`] = { language, code };
    }
  }
  return examples;
}

/** The module of an example, with imports of what it does not make itself and exports of the rest. */
function moduleOf(code) {
  const declared = [...code.matchAll(DECLARED)].flatMap(([, names, name]) => names?.split(",") ?? [name]);
  const names = declared.map((name) => name.trim()).filter(Boolean);
  const imported = [...code.matchAll(/^import (.*?) from/gms)].map(([, what]) => what).join();
  const own = (name) => names.includes(name) || new RegExp(`\\b${name}\\b`).test(imported);
  const used = PRELUDE_NAMES.filter((name) => !own(name) && new RegExp(`\\b${name}\\b`).test(code));
  const exported = names.filter((name) => !new RegExp(`^export .*\\b${name}\\b`, "m").test(code));
  return `import { ${used.join(", ")} } from "../prelude.mjs";\n${code}\nexport { ${exported.join(", ")} };\n`;
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
  await compile(readFileSync(here("prelude.mts"), "utf8"), "prelude.mjs", "ts");
  const examples = extract(readFileSync(here("adapters.md"), "utf8"));
  for (const [name, example] of Object.entries(examples)) {
    const { language, code } = example;
    if (language === "html") continue;
    const path = `examples/${name.replaceAll(/\W+/g, "-")}`;
    const source = moduleOf(code);
    writeFileSync(here(`${path}.${language === "tsx" ? "tsx" : "mts"}`), source);
    await compile(source, `${path}.mjs`, language);
    example.file = here(`${path}.mjs`).href;
  }
  return examples;
}
