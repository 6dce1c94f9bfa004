// What the site changes in Markdown, which also has to read well on its own.

import { existsSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { REPOSITORY, ROOT } from "./package.mjs";

const DOCS = join(ROOT, "docs");

/** Pages whose text stands in another file, which their links start from. */
const SOURCES = { "project/architecture.md": "ARCHITECTURE.md" };

export function configureMarkdown(md) {
  md.core.ruler.push("crossrank", ({ tokens, env }) => {
    for (const [i, token] of tokens.entries()) {
      // A heading without a text is none.
      if (token.type === "th_open" && tokens[i + 1].content === "") token.tag = tokens[i + 2].tag = "td";
      if (token.type === "fence" && /^rust\b/.test(token.info)) token.content = visibleRust(token.content);
      for (const child of token.children ?? []) {
        if (child.type === "link_open") child.attrSet("href", siteLink(child.attrGet("href"), env));
      }
    }
  });
}

/** Leaves out the lines that rustdoc compiles and does not show. */
export function visibleRust(code) {
  return code
    .split("\n")
    .filter((line) => !/^\s*#( |$)/.test(line))
    .map((line) => line.replace(/^(\s*)##/, "$1#"))
    .join("\n");
}

/** Turns a link to a file outside of the site into one to the repository. */
function siteLink(href, { relativePath }) {
  if (/^([a-z]+:|#|\/)/i.test(href)) return href;
  const page = join(DOCS, relativePath);
  const source = SOURCES[relativePath] ? join(ROOT, SOURCES[relativePath]) : page;
  const [, path, hash] = /^([^#]*)(.*)$/.exec(href);
  const target = resolve(dirname(source), decodeURI(path));
  // VitePress checks links between its own pages.
  if (target.startsWith(`${DOCS}/`)) {
    const link = relative(dirname(page), target);
    return source === page ? href : (link.startsWith(".") ? link : `./${link}`) + hash;
  }
  if (!target.startsWith(`${ROOT}/`) || !existsSync(target)) {
    throw new Error(`${relative(ROOT, source)} links to ${href}, which does not exist`);
  }
  const kind = statSync(target).isDirectory() ? "tree" : "blob";
  return `${REPOSITORY}/${kind}/main/${relative(ROOT, target)}${hash}`;
}
