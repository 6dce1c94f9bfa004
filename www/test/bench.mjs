// Runs the bench page's measurement in Chromium and prints its ratio: on the page's own list, and, where
// CROSSRANK_EVAL_DIR names a folder with trec-dl-19, on lists that `make bench-peers` and `make
// bench-page` use. `node bench.mjs [--rounds N] [--queries N]`

import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { trec } from "../../benches/peers/trec.js";
import { start, visit } from "./visit.mjs";

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, queries: { type: "string", default: "2" } },
});

const site = await start();
const { page } = await visit(site, "/bench.html");

/** Runs on the page: its contestants on the given lists, or on the page's own list. */
async function run(lists, rounds) {
  const { measure } = await import("./measure.js");
  const { loadContestants } = await import("./contestants.js");
  const { ownList } = await import("./bench.js");
  const contestants = [];
  await loadContestants(contestants);
  const found = await measure(contestants, lists ?? [await ownList(50)], { rounds });
  for (const contestant of contestants) await contestant.dispose();
  return contestants.map(({ name, computes }, i) => ({ name, computes, total: found[i].total }));
}

function print(what, found) {
  console.log(`\n${what}; medians of ${options.rounds} rounds\n`);
  const theirs = found.at(-1).total;
  for (const { name, computes, total } of found) {
    console.log(`| ${name} | ${computes} | ${total.toFixed(0)} ms | ${(total / theirs).toFixed(3)} |`);
  }
}

try {
  print("The page's list of 50 passages", await page.evaluate(run, undefined, Number(options.rounds)));
  const folder = join(process.env.CROSSRANK_EVAL_DIR ?? "", "trec-dl-19");
  if (process.env.CROSSRANK_EVAL_DIR && existsSync(folder)) {
    const lists = trec(folder, Number(options.queries)).map((pairs) => ({
      query: pairs[0][0],
      documents: pairs.map(([, passage]) => passage),
    }));
    print(
      `${lists.length} lists of 100 DL19 passages`,
      await page.evaluate(run, lists, Number(options.rounds)),
    );
  } else {
    console.log("\nCROSSRANK_EVAL_DIR is not set or has no trec-dl-19: its lists are left out.");
  }
} finally {
  await site.browser.close();
  site.close();
}
