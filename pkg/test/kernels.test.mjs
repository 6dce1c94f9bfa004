// The kernels' own unit tests, compiled for WebAssembly with and without relaxed SIMD. A failing test
// panics, and a panic traps: the test program returns only if all tests passed.

import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs the program that its argument names. */
const program = `
  const { readFileSync } = await import("node:fs");
  const module = new WebAssembly.Module(readFileSync(process.argv[1]));
  const { exports } = new WebAssembly.Instance(module);
  exports.main(0, 0);
`;

const variants = [
  { name: "simd128", features: "+simd128", node: [] },
  // V8's baseline compiler computes the relaxed dot product wrongly. The kernel's self-test would then
  // reject the kernel, and nothing would be tested.
  {
    name: "relaxed-simd",
    features: "+simd128,+relaxed-simd",
    node: ["--experimental-wasm-relaxed-simd", "--no-liftoff"],
  },
];

for (const { name, features, node } of variants) {
  test(`kernels, ${name}`, () => {
    const target = `${root}target/wasm-kernels/${name}`;
    const manifest = `${root}pkg/test/kernels/Cargo.toml`;
    execFileSync(
      `${root}pkg/scripts/wasm-cargo.sh`,
      [features, target, "test", "--no-run", "--quiet", "--manifest-path", manifest],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    const folder = `${target}/wasm32-unknown-unknown/debug/deps`;
    const [wasm] = readdirSync(folder).filter((file) => file.endsWith(".wasm"));
    execFileSync(process.execPath, [...node, "--input-type=module", "-e", program, `${folder}/${wasm}`], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  });
}
