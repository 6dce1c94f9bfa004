// The kernels' own unit tests, compiled for WebAssembly with and without relaxed SIMD, in node and in browsers. A failing test
// panics, and a panic traps: the test program returns only if all tests passed.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ENGINES, launch } from "./browsers.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs the program that its argument names. */
const program = `
  const { readFileSync } = await import("node:fs");
  const module = new WebAssembly.Module(readFileSync(process.argv[1]));
  const { exports } = new WebAssembly.Instance(module);
  exports.main(0, 0);
`;

/** The program, compiled with these features. */
function compile(name, features) {
  const target = `${root}target/wasm-kernels/${name}`;
  const manifest = `${root}pkg/test/kernels/Cargo.toml`;
  execFileSync(
    `${root}pkg/scripts/wasm-cargo.sh`,
    [features, target, "test", "--no-run", "--quiet", "--manifest-path", manifest],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const folder = `${target}/wasm32-unknown-unknown/debug/deps`;
  const [wasm] = readdirSync(folder).filter((file) => file.endsWith(".wasm"));
  return `${folder}/${wasm}`;
}

const runInNode = (wasm, ...flags) =>
  execFileSync(process.execPath, [...flags, "--input-type=module", "-e", program, wasm], {
    stdio: ["ignore", "ignore", "inherit"],
  });

/** Says whether the browser knows the program's instructions, and runs it then. */
async function runInBrowser(name, wasm) {
  const browser = await launch(name);
  try {
    const page = await browser.newPage();
    await page.goto("about:blank");
    return await page.evaluate(async (base64) => {
      const bytes = await (await fetch(`data:application/wasm;base64,${base64}`)).arrayBuffer();
      if (!WebAssembly.validate(bytes)) return false;
      const { instance } = await WebAssembly.instantiate(bytes);
      instance.exports.main(0, 0);
      return true;
    }, readFileSync(wasm).toString("base64"));
  } finally {
    await browser.close();
  }
}

for (const [name, features, flags] of [
  ["simd128", "+simd128", []],
  // Some versions of V8 have a baseline compiler that computes the relaxed dot products wrongly. The
  // kernels' self-test would then reject the kernels, and nothing would be tested.
  ["relaxed-simd", "+simd128,+relaxed-simd", ["--experimental-wasm-relaxed-simd", "--no-liftoff"]],
]) {
  test(`kernels, ${name}`, async (t) => {
    const wasm = compile(name, features);
    await t.test("node", () => runInNode(wasm, ...flags));
    for (const engine of ENGINES) {
      await t.test(engine, async (t) => {
        if (!(await runInBrowser(engine, wasm))) t.skip(`this ${engine} has no relaxed SIMD`);
      });
    }
  });
}
