// A test in an app, for Vitest and for Jest: input.json has the pairs, and the options of each call.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Reranker } from "crossrank";
import { rankWith } from "../rank.js";

const file = (name) => join(process.env.CROSSRANK_RUNNER, name);

test("a test reranks", async () => {
  const { pairs, calls } = JSON.parse(readFileSync(file("input.json"), "utf8"));
  const rank = rankWith(Reranker);
  const answers = [];
  for (const options of calls) answers.push(await rank(pairs, options));
  const hasPage = "document" in globalThis;
  writeFileSync(file("output.json"), JSON.stringify({ hasPage, answers }));
});
