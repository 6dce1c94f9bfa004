// The packed packages in programs for node: bundled, traced as serverless platforms do, required from
// CommonJS and tested by Vitest. Each scores golden pairs. Runs on the test project (CROSSRANK_PROJECT).

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { rspack } from "@rspack/core";
import { nodeFileTrace } from "@vercel/nft";
import * as esbuild from "esbuild";
import { assertRanks, pairs } from "./golden.mjs";
import { assertEdgeAnswers, assertEmbeds, assertTestRanks, rankOfProgram } from "./programs.mjs";

const webpack = createRequire(import.meta.url)("webpack");
const project = process.env.CROSSRANK_PROJECT;
const APPS = fileURLToPath(new URL("bundlers/", import.meta.url));
const PROGRAMS = ["rank.js", "program.js", "embed.js", "edge.js"];
const VITEST = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
const node = (...arguments_) => [process.execPath, ...arguments_];

/** A folder without node_modules above it. */
let scratch;
before(() => {
  scratch = mkdtempSync(join(tmpdir(), "crossrank-programs-"));
  for (const name of [...PROGRAMS, "runner"])
    cpSync(join(APPS, name), join(project, name), { recursive: true });
});
after(() => rmSync(scratch, { recursive: true, force: true }));

for (const [name, check] of [
  ["program.js", (command) => assertRanks(rankOfProgram(command))],
  ["embed.js", assertEmbeds],
  ["edge.js", assertEdgeAnswers],
]) {
  test(`@vercel/nft: a function runs with the files that it traces from ${name}`, async () => {
    const { fileList, warnings } = await nodeFileTrace([join(project, name)], { base: project });
    assert.deepEqual([...warnings], []);
    const folder = join(scratch, `traced-${name}`);
    for (const path of fileList) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      cpSync(join(project, path), join(folder, path));
    }
    await check(node(join(folder, name)));
    assert.ok(![...fileList].some((path) => path.endsWith("crossrank-gpu.wasm")), "node computes on no GPU");
  });
}

/** Bundles program.js, and gives the bundle's folder and its command. */
async function bundleWithEsbuild(format, options) {
  const folder = join(scratch, `esbuild-${format}-${readdirSync(scratch).length}`);
  const outfile = join(folder, format === "cjs" ? "program.cjs" : "program.mjs");
  const settings = { bundle: true, platform: "node", format, outfile, logLevel: "silent", ...options };
  const { warnings } = await esbuild.build({ entryPoints: [join(project, "program.js")], ...settings });
  return { folder, warnings, rank: rankOfProgram(node(outfile)) };
}

/** Copies the selected files of an installed package into a folder. */
function copy(path, folder, isWanted) {
  const source = join(project, "node_modules", path);
  for (const name of readdirSync(source).filter(isWanted)) {
    cpSync(join(source, name), join(folder, name), { recursive: true });
  }
}

test("esbuild: a program with the files beside it reranks", async () => {
  const { folder, warnings, rank } = await bundleWithEsbuild("esm");
  assert.deepEqual(warnings, []);
  await assert.rejects(rank(pairs, {}), { code: "io", message: /there is no .*left the file out/ });
  copy("crossrank-minilm-l6-en", folder, (name) => name === "model.crossrank");
  await assert.rejects(rank(pairs, {}), { code: "io", message: /\.wasm could not be read.*left it out/ });
  copy("crossrank/dist", folder, (name) => /(\.wasm|^worker-node\.js)$/.test(name));
  await assertRanks(rank);
});

test("esbuild: a program in CommonJS reranks with the files that it names, or says what to name", async () => {
  const { warnings, rank } = await bundleWithEsbuild("cjs");
  assert.deepEqual(warnings, []);
  const installed = join(project, "node_modules");
  const model = join(installed, "crossrank-minilm-l6-en/model.crossrank");
  const wasm = join(installed, "crossrank/dist/crossrank.wasm");
  const unknown = { code: "runtime-failed", message: /out of the bundle, or name the files/ };
  await assert.rejects(rank(pairs, {}), unknown);
  await assert.rejects(rank(pairs, { model }), unknown);
  const noWorker = { code: "runtime-failed", message: /worker-node\.js.*option `worker`/ };
  await assert.rejects(rank(pairs, { model, wasm, workers: 1 }), noWorker);
  const worker = `file://${join(installed, "crossrank/dist/worker-node.js")}`;
  await assertRanks((pairs, options) => rank(pairs, { model, wasm, worker, ...options }));
});

test("esbuild: a program in CommonJS leaves the packages out of its bundle, and reranks", async () => {
  const { warnings, folder, rank } = await bundleWithEsbuild("cjs", { packages: "external" });
  assert.deepEqual(warnings, []);
  cpSync(join(project, "node_modules"), join(folder, "node_modules"), { recursive: true });
  await assertRanks(rank);
});

for (const [name, bundler] of Object.entries({ webpack, rspack })) {
  test(`${name}: a program for node reranks`, async () => {
    const output = { path: join(scratch, name), filename: "program.cjs" };
    const entry = "./program.js";
    const rest = { optimization: { minimize: false }, performance: { hints: false } };
    const options = { mode: "production", target: "node", context: project, entry, output, ...rest };
    const stats = await new Promise((resolve, reject) =>
      bundler(options, (error, stats) => (error ? reject(error) : resolve(stats))),
    );
    const { errors, warnings } = stats.toJson();
    assert.deepEqual([...errors, ...warnings], []);
    await assertRanks(rankOfProgram(node(join(output.path, output.filename))));
  });
}

test("a model package that fails when it is imported is not called missing", async () => {
  const folder = join(scratch, "damaged");
  cpSync(join(project, "node_modules/crossrank"), join(folder, "node_modules/crossrank"), {
    recursive: true,
  });
  const rank = rankOfProgram(node("program.js"), { cwd: folder });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const name of PROGRAMS) cpSync(join(APPS, name), join(folder, name));
  await assert.rejects(rank(pairs, {}), { code: "model-not-installed" });
  const model = join(folder, "node_modules/crossrank-minilm-l6-en");
  mkdirSync(model);
  writeFileSync(join(model, "package.json"), '{ "type": "module", "exports": "./index.js" }');
  writeFileSync(join(model, "index.js"), 'throw new Error("no room");');
  const failed = { code: "runtime-failed", message: /could not be imported \(no room\)/ };
  await assert.rejects(rank(pairs, {}), failed);
});

test("a file with the address that Next.js gives it for pages: the error names the setting", async () => {
  const model = "/app/_next/static/media";
  const refused = { code: "io", message: /serverExternalPackages/ };
  await assert.rejects(rankOfProgram(node(join(project, "program.js")))(pairs, { model }), refused);
});

for (const environment of ["node", "jsdom", "happy-dom"]) {
  test(`vitest: a test in the environment ${environment} reranks`, async () => {
    const folder = join(project, "runner");
    const arguments_ = ["run", "--root", folder, "--globals", "--environment", environment];
    arguments_.push("--test-timeout", "0");
    const start = (env) => execFileSync(process.execPath, [VITEST, ...arguments_], { env });
    await assertTestRanks(folder, start, environment !== "node");
  });
}
