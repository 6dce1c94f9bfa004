// Prints the table of docs/project/sizes.md, what a page downloads for a reranker: the code and the
// WebAssembly of this package, of onnxruntime-web and of transformers.js. Run `make build` first. The other packages are
// fetched from the npm registry into a temporary folder.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

// The files that each loads for its CPU backend in a current Chromium. The runtime of transformers.js is
// the version of onnxruntime-web that it pins.
const OTHERS = [
  {
    package: "onnxruntime-web@1.30.0",
    files: ["dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm"],
  },
  {
    package: "@huggingface/transformers@4.3.1",
    files: ["dist/transformers.web.min.js"],
    runtime: ["dist/ort.webgpu.bundle.min.mjs", "dist/ort-wasm-simd-threaded.asyncify.wasm"],
  },
];

function sizes(content) {
  const params = { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  const gzip = gzipSync(content, { level: 9 });
  return [content, gzip, brotliCompressSync(content, { params })].map((bytes) => bytes.length);
}

function row(name, file, content) {
  const shown = sizes(content).map((bytes) =>
    bytes < 1e6 ? `${(bytes / 1e3).toFixed(bytes < 1e5 ? 1 : 0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`,
  );
  console.log(`| ${name} | ${file} | ${shown.join(" | ")} |`);
}

console.log("| package | file | raw | gzip -9 | brotli -11 |\n|---|---|---|---|---|");

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
async function bundled(entry) {
  const options = { bundle: true, minify: true, format: "esm", write: false };
  const external = ["crossrank-all-minilm-l6-v2", "crossrank-minilm-l6-en"];
  const { outputFiles } = await build({ ...options, external, entryPoints: [join(dist, entry)] });
  return outputFiles[0].contents;
}
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url)));
row(`crossrank ${version}`, "JavaScript, bundled and minified", await bundled("web.js"));
row("", "JavaScript of the worker", await bundled("worker.js"));
row("", "crossrank-relaxed-simd.wasm, or", readFileSync(join(dist, "crossrank-relaxed-simd.wasm")));
row("", "crossrank.wasm", readFileSync(join(dist, "crossrank.wasm")));
row("", "for other models: crossrank-general.wasm", readFileSync(join(dist, "crossrank-general.wasm")));
row("", "on a GPU instead: crossrank-gpu.wasm, and", readFileSync(join(dist, "crossrank-gpu.wasm")));
row("", "gpu-bindings.js", readFileSync(join(dist, "gpu-bindings.js")));

const folder = mkdtempSync(join(tmpdir(), "crossrank-sizes-"));
try {
  for (const { package: name, files, runtime } of OTHERS) {
    const root = unpack(name);
    show(name, root, files);
    if (!runtime) continue;
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json")));
    const its = `onnxruntime-web@${dependencies["onnxruntime-web"]}`;
    show(`its ${its}`, unpack(its), runtime);
  }
} finally {
  rmSync(folder, { recursive: true });
}

function show(name, root, files) {
  for (const file of files) {
    row(name.replace(/@(?=\d)/, " "), basename(file), readFileSync(join(root, file)));
  }
}

/** Unpacks a package from the registry, and gives the folder with its files. */
function unpack(name) {
  const options = { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
  const tarball = execFileSync("npm", ["pack", "--silent", name], options).trim().split("\n").pop();
  const target = tarball.replace(/\.tgz$/, "");
  execFileSync("mkdir", [target], options);
  execFileSync("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"], options);
  return join(folder, target);
}
