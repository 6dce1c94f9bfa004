// The search of sites that generators build: VitePress, Astro Starlight and Docusaurus, in the versions that generators/ pins.
// Runs on a copy of that folder with its packages (CROSSRANK_GENERATORS); CROSSRANK_SITE names the command, and
// CROSSRANK_PROJECT the project with the packed packages.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { serve } from "../../www/serve.mjs";
import { launch } from "./browsers.mjs";

const folder = process.env.CROSSRANK_GENERATORS;
const bin = (name) => join(folder, "node_modules/.bin", name);
const QUIET = { ...process.env, ASTRO_TELEMETRY_DISABLED: "1" };

const PAGES = {
  index: ["Welcome", "This site tells how to go back in Git."],
  reset: ["Reset", "## Undo a commit\n\nTake the last commit back and keep the changes in the index."],
  stash: ["Stash", "## Put work aside\n\nRecord the working directory, and go back to a clean one."],
};

/** Where each generator wants its pages, how it builds them, and the address that it gives to one. */
const GENERATORS = {
  vitepress: {
    pages: ".",
    content: (_, title, text) => `# ${title}\n\n${text}\n`,
    build: ["vitepress", "build", "--outDir", "out"],
    address: "/reset.html#undo-a-commit",
  },
  starlight: {
    pages: "src/content/docs",
    content: (_, title, text) => `---\ntitle: ${title}\n---\n\n${text}\n`,
    build: ["astro", "build", "--outDir", "out"],
    address: "/reset/#undo-a-commit",
  },
  docusaurus: {
    pages: "docs",
    content: (name, title, text) =>
      `---\ntitle: ${title}\n${name === "index" ? "slug: /\n" : ""}---\n\n${text}\n`,
    build: ["docusaurus", "build", "--out-dir", "out"],
    address: "/reset/#undo-a-commit",
  },
};

let browser;
before(async () => (browser = await launch("chromium")));
after(() => browser?.close());

for (const [name, { pages, content, build, address }] of Object.entries(GENERATORS)) {
  test(`${name}: a reader finds a section and follows it`, async (t) => {
    const site = join(folder, name);
    mkdirSync(join(site, pages), { recursive: true });
    for (const [page, [title, text]] of Object.entries(PAGES)) {
      writeFileSync(join(site, pages, `${page}.md`), content(page, title, text));
    }
    const [program, ...given] = build;
    await promisify(execFile)(bin(program), given, { cwd: site, env: QUIET });
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
    await page.goto(`${server.origin}/index.html`);
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
