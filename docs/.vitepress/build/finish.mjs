// Completes the built pages: checks their links, makes the index of the search, and writes the pages'
// Content-Security-Policy and the service worker.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import MiniSearch from "minisearch";
import { parse } from "node-html-parser";
import { OPTIONS } from "../theme/search/options.js";
import { deadLinks } from "./links.mjs";
import { passagesOf } from "./passages.mjs";
import { policyOf } from "./policy.mjs";

/** Files that are not kept for offline use: the package keeps models, and few readers need the others. */
const NOT_KEPT = /\.crossrank$|^(404\.html|sw\.js)$|crossrank-(general|gpu)|gpu-bindings/;

/** Pages that only lead to others. */
const UNSEARCHED = /^(404|index)\.html$/;

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

  const index = searchIndex(pages);
  const indexFile = `assets/search.${hashOf(index)}.json`;
  writeFileSync(join(outDir, indexFile), index);
  for (const [name, root] of pages) {
    const scripts = root.querySelectorAll("script:not([src])").map(({ rawText }) => rawText);
    const head = [
      '<meta charset="utf-8">',
      `<meta http-equiv="Content-Security-Policy" content="${policyOf(scripts)}">`,
      `<meta name="crossrank-search" content="${base}${indexFile}">`,
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

function searchIndex(pages) {
  const passages = [...pages].flatMap(([name, root]) => {
    const content = root.querySelector(".vp-doc > div");
    if (!content || UNSEARCHED.test(name)) return [];
    // A component's own texts, such as the playground's documents, are not those of the page.
    for (const component of content.querySelectorAll(".playground")) component.remove();
    const page = name.replace(/(^|\/)index\.html$/, "$1");
    return passagesOf(content).map(({ anchor, ...passage }) => ({
      ...passage,
      url: anchor ? `${page}#${anchor}` : page,
    }));
  });
  const index = new MiniSearch(OPTIONS);
  index.addAll(passages.map((passage, id) => ({ id, ...passage })));
  return JSON.stringify(index);
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
