// Completes the built pages: checks their links, makes the index of the search, and writes the pages'
// Content-Security-Policy and the service worker.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "node-html-parser";
import { ROOT } from "../package.mjs";
import { deadLinks } from "./links.mjs";
import { policyOf } from "./policy.mjs";

/** Files that are not kept for offline use: the package keeps models, and few readers need the others. */
const NOT_KEPT = /\.crossrank$|^(404\.html|sw\.js)$|crossrank-(general|gpu)|gpu-bindings/;

/** The command that makes the index of the search. */
const COMMAND = process.env.CROSSRANK ?? join(ROOT, "target/release/crossrank");

const hashOf = (content) => createHash("sha256").update(content).digest("hex").slice(0, 12);

/** The hook `buildEnd` of VitePress. */
export function finish({ outDir, site: { base } }) {
  const files = () =>
    readdirSync(outDir, { recursive: true })
      .map((name) => name.replaceAll("\\", "/"))
      .filter((name) => statSync(join(outDir, name)).isFile())
      .sort();
  const read = (name) => readFileSync(join(outDir, name), "utf8");
  const pages = new Map(
    files()
      .filter((name) => name.endsWith(".html"))
      .map((name) => [name, parse(read(name))]),
  );
  const dead = deadLinks(pages, base, (path) => existsSync(join(outDir, path)));
  if (dead.length > 0) throw new Error(`${dead.length} dead links:\n  ${dead.join("\n  ")}`);

  execFileSync(COMMAND, ["site", outDir, "--output", join(outDir, "crossrank")], { stdio: "inherit" });
  for (const [name, root] of pages) {
    const scripts = root.querySelectorAll("script:not([src])").map(({ rawText }) => rawText);
    const head = [
      '<meta charset="utf-8">',
      `<meta http-equiv="Content-Security-Policy" content="${policyOf(scripts)}">`,
    ];
    writeFileSync(
      join(outDir, name),
      read(name).replace(head[0], () => head.join("\n    ")),
    );
  }
  writeServiceWorker(
    outDir,
    files().filter((name) => !NOT_KEPT.test(name)),
  );
}

/** Lists in the service worker the files that it keeps, and their version. */
function writeServiceWorker(outDir, names) {
  const contents = names.map((name) => `${name} ${hashOf(readFileSync(join(outDir, name)))}`);
  const kept = {
    version: hashOf(contents.join("\n")),
    files: names.map((name) => name.replace(/(^|\/)index\.html$/, "$1") || "./"),
  };
  const file = join(outDir, "sw.js");
  const bytes = names.reduce((sum, name) => sum + statSync(join(outDir, name)).size, 0);
  console.log(`for offline use: ${names.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
  writeFileSync(file, `self.KEPT = ${JSON.stringify(kept)};\n${readFileSync(file, "utf8")}`);
}
