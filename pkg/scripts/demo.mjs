// Installs the packed packages in www/node_modules and serves the demo page on loopback. Run
// `make build` first.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../test/server.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "crossrank-demo-"));
const npm = (...arguments_) => execFileSync("npm", ["--silent", ...arguments_], { cwd: root });

npm("pack", "--pack-destination", scratch, "./pkg", "./models/minilm-l6-en");
const tarballs = readdirSync(scratch).map((name) => join(scratch, name));
npm("install", "--offline", "--no-save", "--no-package-lock", "--prefix", "www", ...tarballs);
rmSync(scratch, { recursive: true });

const { origin } = await serve(join(root, "www"));
console.log(`${origin}/index.html`);
