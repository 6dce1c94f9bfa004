// Writes the pages that are made from the code: reference/http.md and reference/api/.

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { Application } from "typedoc";
import { ROOT } from "../package.mjs";
import { renderHttp } from "./http.mjs";

const REFERENCE = join(ROOT, "docs/reference");
const TYPES = join(ROOT, "pkg/types");

const ENTRY = `# TypeScript API

What each module of the npm package exports, from its type declarations. [JavaScript](../javascript.md) shows
how the parts are used, [Options](../options.md) lists what every option does, and [Errors](../errors.md) what
can go wrong.

| Module | Contents |
|---|---|
`;

mkdirSync(REFERENCE, { recursive: true });
const description = JSON.parse(readFileSync(join(ROOT, "src/server/openapi.json"), "utf8"));
writeFileSync(join(REFERENCE, "http.md"), renderHttp(description));

const api = join(REFERENCE, "api");
rmSync(api, { recursive: true, force: true });
const scratch = mkdtempSync(join(import.meta.dirname, "types-"));
try {
  const modules = declareModules(scratch);
  await generateApi(
    modules.map(({ file }) => file),
    scratch,
  );
  const rows = modules.map(({ name, summary }) => `| [\`${name}\`](./${name}.md) | ${summary} |\n`);
  writeFileSync(join(api, "index.md"), ENTRY + rows.join(""));
} finally {
  rmSync(scratch, { recursive: true });
}

/** Copies the declarations into a folder, where the first comment of each module says that it is the module's. */
function declareModules(folder) {
  for (const file of readdirSync(TYPES)) copyFileSync(join(TYPES, file), join(folder, file));
  const { exports } = JSON.parse(readFileSync(join(ROOT, "pkg/package.json"), "utf8"));
  return Object.entries(exports)
    .filter(([, { types }]) => types)
    .map(([path, { types }]) => {
      const name = path.replace(".", "crossrank");
      const file = join(folder, basename(types));
      const source = readFileSync(file, "utf8");
      writeFileSync(file, source.replace("\n */", `\n *\n * @module ${name}\n */`));
      const summary = /^\/\*\*\s*\* ([\s\S]*?\.)\s/.exec(source)[1].replace(/\n \* /g, " ");
      return { name, file, summary };
    });
}

async function generateApi(entryPoints, folder) {
  const tsconfig = join(folder, "tsconfig.json");
  const lib = ["es2022", "dom", "dom.iterable", "esnext.disposable"];
  const compilerOptions = {
    target: "es2022",
    module: "nodenext",
    lib,
    types: [],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  };
  writeFileSync(tsconfig, JSON.stringify({ compilerOptions, include: ["."] }));
  const application = await Application.bootstrapWithPlugins({
    plugin: ["typedoc-plugin-markdown"],
    entryPoints,
    tsconfig,
    readme: "none",
    router: "module",
    disableSources: true,
    excludePrivate: true,
    excludeExternals: true,
    // Types that are described where they are used.
    validation: { notExported: false },
    entryFileName: "index",
    hideBreadcrumbs: true,
    hidePageHeader: true,
    hideGroupHeadings: true,
    useHTMLAnchors: true,
    useHTMLEncodedBrackets: true,
    sanitizeComments: true,
    parametersFormat: "table",
    interfacePropertiesFormat: "table",
    logLevel: "Warn",
  });
  const project = await application.convert();
  if (!project) throw new Error("typedoc could not read the declarations in pkg/types");
  application.validate(project);
  await application.outputs.writeOutput({ name: "markdown", path: api }, project);
  const { logger } = application;
  if (logger.hasErrors() || logger.hasWarnings()) throw new Error("typedoc is not content, see above");
}
