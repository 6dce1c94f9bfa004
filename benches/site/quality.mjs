// Measures how well searches find the right sections, in Chromium:
// `node quality.mjs --site FOLDER [--tools pagefind,crossrank] [--questions FILE] [--details]`. FOLDER is the site of
// corpus.sh, in which Pagefind has written `pagefind/`, `crossrank site` has written `crossrank/`, and with --embedder
// `embedder/`.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { launch } from "../../pkg/test/browsers.mjs";
import { serve } from "../../www/serve.mjs";
import { measure, summarize } from "./metrics.mjs";
import { SETTINGS, TOOLS } from "./tools.mjs";

const { values: given } = parseArgs({
  options: {
    site: { type: "string" },
    tools: { type: "string", default: "pagefind,crossrank" },
    questions: { type: "string", default: new URL("questions.json", import.meta.url).pathname },
    details: { type: "boolean", default: false },
  },
});
const questions = JSON.parse(readFileSync(given.questions, "utf8"));
const server = await serve(0, { root: given.site });
const browser = await launch("chromium");
const number = (value) => value.toFixed(3);

try {
  const page = await browser.newPage();
  // A page of the server that has no scripts: it says that there is none.
  await page.goto(`${server.origin}/nothing`);
  for (const tool of given.tools.split(",")) {
    const settings = { ...SETTINGS, base: `${server.origin}/${tool}/` };
    const stages = {};
    for (const { kind, query, answers } of questions) {
      const found = await page.evaluate(TOOLS[tool], query, settings);
      for (const [stage, list] of Object.entries(found)) {
        const ranking = list.map(({ url, sections }) => ({
          page: pathOf(url).page,
          sections: sections.map(sectionOf),
        }));
        stages[stage] ??= [];
        stages[stage].push({ kind, query, ranking, ...measure(ranking, answers) });
      }
    }
    for (const [stage, measured] of Object.entries(stages)) {
      console.log(`\n| ${stage} | questions | nDCG@10 | of pages | right section first | in ten |`);
      console.log("|---|---|---|---|---|---|");
      for (const { kind, questions, ...values } of summarize(measured)) {
        console.log(`| ${kind} | ${questions} | ${Object.values(values).map(number).join(" | ")} |`);
      }
      if (given.details) {
        for (const { kind, query, ndcg, first, ranking } of measured) {
          const top = ranking.slice(0, 3).map(({ page, sections }) => `${page} (${sections[0]?.heading})`);
          console.log(`  ${number(ndcg)} ${first ?? "-"} ${kind}: ${query} -> ${top.join("; ")}`);
        }
      }
    }
  }
} finally {
  await browser.close();
  server.close();
}

function pathOf(url) {
  const { pathname, hash } = new URL(url, server.origin);
  const path = decodeURIComponent(pathname.slice(1));
  const page = path === "" || path.endsWith("/") ? `${path}index.html` : path;
  return { page, anchor: decodeURIComponent(hash.slice(1)) };
}

function sectionOf({ url, heading }) {
  return { anchor: pathOf(url).anchor, heading };
}
