// The built files, and the parts of the build.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "node-html-parser";
import { renderHttp } from "../.vitepress/build/http.mjs";
import { deadLinks } from "../.vitepress/build/links.mjs";
import { visibleRust } from "../.vitepress/markdown.mjs";
import { ROOT, VERSION } from "../.vitepress/package.mjs";
import { sidebar } from "../.vitepress/sidebar.mjs";
import { newestRecord, ratioOf } from "../.vitepress/theme/benchmarks/record.mjs";
import { BASE, DIST } from "./site.mjs";

const read = (name) => readFileSync(join(DIST, name), "utf8");
const pages = readdirSync(DIST, { recursive: true }).filter((name) => name.endsWith(".html"));

test("every page of the sidebar exists, and names the version and a policy without inline scripts", () => {
  const links = (items) => items.flatMap(({ link, items = [] }) => [link, ...links(items)]).filter(Boolean);
  for (const link of links(sidebar)) {
    assert.ok(existsSync(join(DIST, link.endsWith("/") ? `${link}index.html` : `${link}.html`)), link);
  }
  for (const name of pages) {
    const page = read(name);
    const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page);
    assert.match(policy, /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'sha256-/);
    assert.ok(!/script-src[^;]*'unsafe-/.test(policy.replace("'wasm-unsafe-eval'", "")), policy);
    if (name !== "404.html") assert.ok(page.includes(`v${VERSION}`), name);
  }
});

test("pages and styles load nothing from other hosts", () => {
  for (const name of pages) {
    for (const element of parse(read(name)).querySelectorAll("script, link, img, source, iframe")) {
      const address = element.getAttribute("src") ?? element.getAttribute("href") ?? BASE;
      assert.ok(address.startsWith(BASE), `${name}: ${address}`);
    }
  }
  for (const name of readdirSync(join(DIST, "assets")).filter((name) => name.endsWith(".css"))) {
    assert.doesNotMatch(read(`assets/${name}`), /url\(["']?(https?:)?\/\//);
  }
});

test("links to pages and anchors that do not exist are found", () => {
  const page = (html) => parse(html);
  const site = new Map([
    [
      "a.html",
      page('<h1 id="top">A</h1><a href="./b.html#there">1</a><a href="#not">2</a><a href="/x/c.html">3</a>'),
    ],
    ["b.html", page('<h1 id="there">B</h1><a href="https://example.org/">4</a><a href="./#state=1">5</a>')],
    ["index.html", page('<a href="../outside">6</a><a href="icon.svg">7</a>')],
  ]);
  const dead = deadLinks(site, "/x/", (path) => path === "icon.svg");
  assert.deepEqual(dead, [
    "a.html: #not (the page has no such anchor)",
    "a.html: /x/c.html",
    "index.html: ../outside",
  ]);
});

test("lines that rustdoc hides are not shown", () => {
  const code =
    '# fn main() {\n#[derive(Debug)]\nlet a = 1;\n#\n    # hidden();\n## shown\n# }\nprintln!("#");\n';
  assert.equal(visibleRust(code), '#[derive(Debug)]\nlet a = 1;\n# shown\nprintln!("#");\n');
});

test("the HTTP page has every route, schema and field of the description", () => {
  const description = JSON.parse(readFileSync(join(ROOT, "src/server/openapi.json"), "utf8"));
  const page = renderHttp(description);
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const method of Object.keys(methods))
      assert.ok(page.includes(`### \`${method.toUpperCase()} ${path}\``));
  }
  for (const [name, { properties = {} }] of Object.entries(description.components.schemas)) {
    const [section] = page.split(`\n### ${name}\n`)[1].split("\n### ");
    for (const field of Object.keys(properties))
      assert.ok(section.includes(`\`${field}\``), `${name}.${field}`);
  }
  assert.doesNotMatch(page, /undefined|\[object/);
  assert.ok(
    read("reference/http.html").includes('id="cohererequest"') ||
      read("reference/http.html").includes("coherev2request"),
  );
});

test("the plots show the newest record, with a table beside each", () => {
  const { file, commit, sections, ...record } = newestRecord();
  assert.match(file, new RegExp(`${commit}\\.md$`));
  const source = readFileSync(join(ROOT, "benches/record", file), "utf8");
  const root = parse(read("project/benchmarks.html"));
  assert.ok(root.textContent.includes(commit) && root.textContent.includes("AMD EPYC"));
  const workloads = root.querySelectorAll("figure.workload");
  assert.equal(workloads.length, sections.length);
  const plots = workloads.filter((figure) => figure.querySelector("svg"));
  assert.ok(plots.length >= 3);
  for (const figure of workloads) assert.ok(figure.querySelectorAll("tbody tr").length >= 3);
  for (const plot of plots) {
    const svg = plot.querySelector("svg");
    const named = svg.getAttribute("aria-labelledby").split(" ");
    for (const [i, tag] of ["title", "desc"].entries()) assert.equal(svg.querySelector(tag).id, named[i]);
    // Each bar has the length of its time in the record.
    const times = svg.querySelectorAll("text").map(({ textContent }) => textContent);
    const widths = svg.querySelectorAll("rect").map((bar) => Number.parseFloat(bar.getAttribute("width")));
    const totals = times.map((text) => Number(/: ([\d,.]+) ms/.exec(text)[1].replaceAll(",", "")));
    const longest = Math.max(...totals);
    assert.ok(totals.length >= 2);
    totals.forEach((total, i) => assert.ok(Math.abs(widths[i] - (total / longest) * 100) < 0.5, times[i]));
    for (const total of totals) assert.ok(source.includes(`| ${total} |`), `${total} is in the record`);
  }
  const ratio = ratioOf(record, "Chromium, the build that is chosen", "transformers.js");
  assert.ok(read("index.html").includes(`${Math.round(ratio * 100)}\u00a0%`));
});
