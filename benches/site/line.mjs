// Measures what a first query and later ones fetch, and how long they take, in Chromium over an emulated line of 20 Mbit/s
// with a latency of 40 ms: `node line.mjs --site FOLDER [--tools pagefind,crossrank] [--queries 12]`. FOLDER is as for quality.mjs.
//
// A query is cold in a new profile, and warm where the same page has answered another query before. A repeated visit
// is another page with the browser's cache.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { launch } from "../../pkg/test/browsers.mjs";
import { host } from "./host.mjs";

const { values: given } = parseArgs({
  options: {
    site: { type: "string" },
    tools: { type: "string", default: "pagefind,crossrank" },
    queries: { type: "string", default: "12" },
    questions: { type: "string", default: new URL("questions.json", import.meta.url).pathname },
  },
});
const LINE = { bandwidth: 20e6, latency: 40 };
const all = JSON.parse(readFileSync(given.questions, "utf8"));
const step = Math.max(1, Math.floor(all.length / Number(given.queries)));
const queries = all.filter((_, i) => i % step === 0).map(({ query }) => query);

/** In the page: the milliseconds until each stage has results to show. */
const SEARCHES = {
  // Its own list shows five pages at first.
  async pagefind(query, base) {
    const start = performance.now();
    const pagefind = await import(`${base}pagefind.js`);
    const { results } = await pagefind.search(query);
    await Promise.all(results.slice(0, 5).map((result) => result.data()));
    return { terms: performance.now() - start };
  },
  async crossrank(query, base) {
    const start = performance.now();
    const { createSiteSearch } = await import(`${base}crossrank-search.js`);
    window.siteSearch ??= createSiteSearch({ base });
    const times = {};
    for await (const { stage, partial, error } of window.siteSearch.search(query)) {
      if (error) throw error;
      const name = partial ? "titles" : stage;
      times[name] = performance.now() - start;
      await window.mark(name);
    }
    return times;
  },
};

const server = await host(given.site, LINE);
const measured = [];
try {
  for (const tool of given.tools.split(",")) {
    for (const [i, query] of queries.entries()) {
      const browser = await launch("chromium");
      try {
        const run = await opened(browser, tool);
        record(tool, "cold", await run(query));
        record(tool, "warm", await run(queries[(i + 1) % queries.length]));
        record(tool, "warm, same words", await run(query));
        record(tool, "repeated visit", await (await opened(browser, tool))(query));
      } finally {
        await browser.close();
      }
    }
  }
} finally {
  server.close();
}

function record(tool, state, stages) {
  for (const [stage, values] of Object.entries(stages)) measured.push({ tool, state, stage, ...values });
}

/** A page on the line, which gives the times and the bytes of each stage of a query. */
async function opened(browser, tool) {
  const page = await browser.newPage();
  await page.goto(`${server.origin}/nothing`);
  let start = 0;
  let marks = {};
  await page.exposeFunction("mark", (stage) => void (marks[stage] = server.sent() - start));
  return async (query) => {
    start = server.sent();
    marks = {};
    const times = await page.evaluate(SEARCHES[tool], query, `${server.origin}/${tool}/`);
    // What is fetched for later queries arrives while a reader looks at the results.
    await page.waitForNetworkIdle();
    return Object.fromEntries(
      Object.entries(times).map(([stage, ms]) => [
        stage,
        { ms, bytes: marks[stage] ?? server.sent() - start },
      ]),
    );
  };
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(`${queries.length} queries; median (largest)`);
console.log("| search | state | stage | ms | kB |\n|---|---|---|---|---|");
for (const { tool, state, stage } of measured.filter(isFirst)) {
  const some = measured.filter((one) => one.tool === tool && one.state === state && one.stage === stage);
  const [ms, kB] = [some.map(({ ms }) => ms), some.map(({ bytes }) => bytes / 1e3)];
  const cell = (values) => `${median(values).toFixed(0)} (${Math.max(...values).toFixed(0)})`;
  console.log(`| ${tool} | ${state} | ${stage} | ${cell(ms)} | ${cell(kB)} |`);
}

function isFirst({ tool, state, stage }, i) {
  return measured.findIndex((one) => one.tool === tool && one.state === state && one.stage === stage) === i;
}
