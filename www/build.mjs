// Puts the demo together in www/dist: the site, the corpus, and the parts of the installed packages
// that pages load. The result consists of static files for any host and any path.

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const here = import.meta.dirname;
const dist = join(here, "dist");

const MODEL = /^(index\.js|model\.crossrank|MODEL_CARD\.md|LICENSE|NOTICE)$/;

/** The files that are copied from each package. */
const PACKAGES = {
  crossrank: /^(dist\/(?!edge|crossrank-edge).*|LICENSE.*)$/,
  "crossrank-minilm-l6-en": MODEL,
  "crossrank-all-minilm-l6-v2": MODEL,
  "@orama/orama": /^(dist\/browser\/.*\.js|LICENSE.*)$/,
  "@orama/stopwords": /^(dist\/en\.js|LICENSE.*)$/,
  "@huggingface/transformers": /^(dist\/transformers\.web\.min\.js|LICENSE.*)$/,
  "onnxruntime-common": /^dist\/esm\/.*\.js$/,
  "onnxruntime-web": /^dist\/(ort\.webgpu\.bundle\.min\.mjs|ort-wasm-simd-threaded\.asyncify\.(mjs|wasm))$/,
};

/** The model whose scoring the bench times, as an int8 graph that both libraries read. */
const TIMED = join(here, "../benches/model/minilm-l6-en");

/**
 * The files that the service worker does not keep. The package itself keeps the models' files and the
 * general module, and the bench needs the network anyway. The small modules are kept, because they have
 * to fit the scripts.
 */
const NOT_KEPT =
  /^sw\.js$|(?<!\/crossrank|\/crossrank-relaxed-simd)\.wasm$|\.(crossrank|md)$|LICENSE|NOTICE$|^models\/|^packages\/(@huggingface|onnxruntime)/;

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();

rmSync(dist, { recursive: true, force: true });
cpSync(join(here, "site"), dist, { recursive: true });
cpSync(TIMED, join(dist, "models/minilm-l6-en"), { recursive: true });
for (const name of ["rust.json", "rust.vectors", "NOTICE.md"])
  cpSync(join(here, "corpus", name), join(dist, "corpus", name));
for (const [name, wanted] of Object.entries(PACKAGES)) {
  const from = join(here, "node_modules", name);
  for (const file of filesIn(from).filter((file) => wanted.test(file))) {
    const to = join(dist, "packages", name, file);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(from, file), to);
  }
}

// --- The pages' head: their policy, and the addresses of packages ---------------------------------

const sha256 = (content) => createHash("sha256").update(content);
const map = readFileSync(join(here, "importmap.json"), "utf8").trim();
for (const file of Object.values(JSON.parse(map).imports)) statSync(join(dist, file));
const policy = [
  "default-src 'none'",
  // WebAssembly may be compiled. The import map is the only inline script.
  `script-src 'self' 'wasm-unsafe-eval' 'sha256-${sha256(map).digest("base64")}'`,
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
const head = `<meta http-equiv="Content-Security-Policy" content="${policy}">
    <script type="importmap">${map}</script>`;
for (const name of filesIn(dist).filter((name) => /^[^/]+\.html$/.test(name))) {
  const page = readFileSync(join(dist, name), "utf8");
  if (!page.includes("<!-- build.mjs: head -->")) throw new Error(`${name} has no place for its head`);
  writeFileSync(
    join(dist, name),
    page.replace("<!-- build.mjs: head -->", () => head),
  );
}

// --- What the service worker keeps ---------------------------------------------------------------

const kept = filesIn(dist).filter((name) => !NOT_KEPT.test(name));
const version = sha256("");
for (const name of kept) version.update(name).update(readFileSync(join(dist, name)));
const shell = { version: version.digest("hex").slice(0, 16), files: ["./", ...kept] };
writeFileSync(join(dist, "shell.js"), `self.SHELL = ${JSON.stringify(shell, null, 1)};\n`);

const bytes = (names) => names.reduce((sum, name) => sum + statSync(join(dist, name)).size, 0);
const megabytes = (names) => `${names.length} files, ${(bytes(names) / 1e6).toFixed(1)} MB`;
console.log(`www/dist: ${megabytes(filesIn(dist))}; of these for offline: ${megabytes(kept)}`);
