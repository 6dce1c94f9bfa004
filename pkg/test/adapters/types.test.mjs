// The adapters' types with those of their frameworks: programs, the examples of the documentation, and the
// declarations themselves, under --strict. Errors inside of other packages do not count.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeExamples } from "./examples.mjs";

const cwd = fileURLToPath(new URL(".", import.meta.url));
before(writeExamples);

const OPTIONS = [
  ...["--noEmit", "--strict", "--ignoreConfig", "--jsx", "react-jsx", "--target", "es2022"],
  ...["--lib", "es2024,dom,dom.iterable,dom.asynciterable,esnext.disposable", "--types", "node"],
];

for (const [module, moduleResolution] of [
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
]) {
  test(`programs compile with ${moduleResolution} resolution`, () => {
    const folders = ["types", "examples"];
    const files = folders.flatMap((folder) =>
      readdirSync(join(cwd, folder)).map((name) => join(folder, name)),
    );
    const programs = files.filter((name) => /\.m?tsx?$/.test(name));
    const resolution = ["--module", module, "--moduleResolution", moduleResolution];
    const settings = { cwd, encoding: "utf8", maxBuffer: 1 << 26 };
    const arguments_ = [...OPTIONS, ...resolution, ...programs];
    const { stdout, status } = spawnSync(process.env.CROSSRANK_TSC, arguments_, settings);
    assert.ok(status === 0 || stdout.includes("error TS"), stdout);
    assert.ok(programs.length > 20);
    const ours = stdout
      .split("\n")
      .filter((line) => /^(types|examples|node_modules\/crossrank)\b.*error/.test(line));
    assert.equal(ours.join("\n"), "");
  });
}
