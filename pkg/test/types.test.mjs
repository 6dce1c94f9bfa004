// The types of the packed packages: whether programs (types/) compile with them, and whether every kind of
// module resolution finds them. Runs on the test project (CROSSRANK_PROJECT), in which the tarballs
// (CROSSRANK_TARBALLS) are installed.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync } from "node:fs";
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

for (const [module, resolution] of [
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
]) {
  test(`strict programs compile with ${resolution} resolution`, () => {
    const options = [
      "--noEmit",
      "--strict",
      "--target",
      "es2022",
      "--types",
      "",
      "--ignoreConfig",
      "--lib",
      "es2022,dom,dom.asynciterable,esnext.disposable",
      "--module",
      module,
      "--moduleResolution",
      resolution,
    ];
    const files = readdirSync(here("types")).map((name) => join("types", name));
    try {
      const settings = { cwd: project, stdio: "pipe", encoding: "utf8" };
      execFileSync(here("../node_modules/.bin/tsc"), [...options, ...files], settings);
    } catch (error) {
      assert.fail(error.stdout || error);
    }
  });
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
