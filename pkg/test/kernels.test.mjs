// The kernels' own unit tests, compiled for WebAssembly with and without relaxed SIMD. A failing test
// panics, and a panic traps: the test program returns only if all tests passed.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch } from "./browsers.mjs";

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

test("kernels, simd128", () => {
  runInNode(compile("simd128", "+simd128"));
});

test("kernels, relaxed-simd", async (t) => {
  const wasm = compile("relaxed-simd", "+simd128,+relaxed-simd");
  // Some versions of V8 have a baseline compiler that computes the relaxed dot products wrongly. The
  // kernels' self-test would then reject the kernels, and nothing would be tested.
  await t.test("node", () => runInNode(wasm, "--experimental-wasm-relaxed-simd", "--no-liftoff"));
  // It knows AVX-VNNI, which older versions of node do not.
  await t.test("chromium", async (t) => {
    const browser = await launch("chromium");
    t.after(() => browser.close());
    const page = await browser.newPage();
    const run = async (base64) => {
      const response = await fetch(`data:application/wasm;base64,${base64}`);
      const { instance } = await WebAssembly.instantiateStreaming(response);
      instance.exports.main(0, 0);
    };
    await page.evaluate(run, readFileSync(wasm).toString("base64"));
  });
});
