// The types of the packed packages: whether programs (types/) compile with them, and whether every kind of
// module resolution finds them. Runs on the test project (CROSSRANK_PROJECT), in which the tarballs
// (CROSSRANK_TARBALLS) are installed.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const project = process.env.CROSSRANK_PROJECT;
const tarballs = process.env.CROSSRANK_TARBALLS;

before(() => {
  cpSync(here("types"), join(project, "types"), { recursive: true });
  const library = "node_modules/expect-type";
  cpSync(here(`../${library}`), join(project, "types", library), { recursive: true });
});

const compilers = {
  7: here("../node_modules/.bin/tsc"),
  // The one that are-the-types-wrong brings along.
  5: here("../node_modules/@arethetypeswrong/core/node_modules/typescript/bin/tsc"),
};
const nodenext = { module: "nodenext", moduleResolution: "nodenext" };
const bundler = { module: "esnext", moduleResolution: "bundler" };
const dom = ["es2022", "dom", "dom.iterable"];
const disposable = ["es2022", "dom", "dom.asynciterable", "esnext.disposable"];

/** Projects: the compiler options beside strictness, and the programs that compile with them. */
const PROJECTS = {
  "nodenext resolution": [{ ...nodenext, lib: disposable }, ["index.ts", "edge.ts", "site.ts", "element.ts"]],
  "bundler resolution": [{ ...bundler, lib: disposable }, ["index.ts", "edge.ts"]],
  "exact optional properties": [
    { ...nodenext, lib: disposable, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ["index.ts", "edge.ts", "optional.ts", "site.ts", "element.ts"],
  ],
  "a page": [{ ...bundler, lib: dom }, ["plain.ts", "site.ts", "element.ts"]],
  "no lib": [bundler, ["plain.ts"]],
  "the newest lib": [{ ...bundler, target: "esnext" }, ["plain.ts", "edge.ts"]],
  "an old lib": [{ ...bundler, target: "es2018", lib: ["es2018", "dom"] }, ["plain.ts"]],
  "a worker": [{ ...bundler, lib: ["es2022", "webworker"] }, ["plain.ts"]],
  "node without the DOM": [{ ...nodenext, lib: ["es2023"], types: ["node"] }, ["plain.ts", "edge.ts"]],
  "node and the DOM": [{ ...nodenext, lib: ["es2023", "dom"], types: ["node"] }, ["plain.ts", "edge.ts"]],
  "Cloudflare's types": [
    { ...bundler, lib: ["es2022"], types: ["workers-types"] },
    ["plain.ts", "cloudflare.ts"],
  ],
  "a CommonJS module": [{ ...nodenext, lib: dom }, ["commonjs.cts"]],
};
/** The old compiler is ten times as slow, and does not let CommonJS modules import ES modules. */
const OF_TYPESCRIPT_5 = ["bundler resolution", "a page", "node without the DOM", "Cloudflare's types"];
for (const [version, compiler] of Object.entries(compilers)) {
  const names = version === "5" ? OF_TYPESCRIPT_5 : Object.keys(PROJECTS);
  for (const name of names) {
    const [options, files] = PROJECTS[name];
    test(`TypeScript ${version}: strict programs compile with ${name}`, () => {
      const compilerOptions = { noEmit: true, strict: true, target: "es2022", types: [], ...options };
      const typeRoots = ["@types", "@cloudflare"].map((folder) => here(`../node_modules/${folder}`));
      const settings = { compilerOptions: { skipLibCheck: false, typeRoots, ...compilerOptions }, files };
      writeFileSync(join(project, "types/tsconfig.json"), JSON.stringify(settings));
      try {
        const given = [compiler, "-p", join(project, "types")];
        execFileSync(process.execPath, given, { stdio: "pipe", encoding: "utf8" });
      } catch (error) {
        assert.fail(error.stdout || error);
      }
    });
  }
}

/**
 * These are intended: the packages are ES modules only, which `require` accepts since node 20.19, and the
 * resolution of node 10 ignores `exports`, so that it finds only the main entry.
 */
const isIntended = ({ kind, resolutionKind }) =>
  kind === "CJSResolvesToESM" || (kind === "NoResolution" && resolutionKind === "node10");

for (const name of readdirSync(tarballs).filter((name) => name.endsWith(".tgz"))) {
  test(`${name}: the types pass are-the-types-wrong`, async () => {
    const content = createPackageFromTarballData(readFileSync(join(tarballs, name)));
    // A script and files, which have no types.
    const { problems } = await checkPackage(content, { excludeEntrypoints: ["./worker", /\.wasm$/] });
    assert.deepEqual(
      problems.filter((problem) => !isIntended(problem)),
      [],
    );
  });
}
