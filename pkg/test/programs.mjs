// Runs the programs of bundlers/ and the tests of bundlers/runner, and checks what they print.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertRanks, BACKENDS, pairs, scores } from "./golden.mjs";

/** Runs a command, which prints JSON and no warning. */
function run([command, ...arguments_], input, options) {
  const settings = { input: JSON.stringify(input), encoding: "utf8", maxBuffer: 1 << 26, ...options };
  const { status, stdout, stderr, error } = spawnSync(command, arguments_, settings);
  assert.ifError(error);
  assert.equal(stderr, "");
  assert.equal(status, 0);
  return JSON.parse(stdout);
}

/** The function `rank` of bundlers/program.js, which `command` runs. */
export function rankOfProgram(command, options) {
  return async (pairs, loadOptions) => {
    const { error, ...answer } = run(command, { pairs, options: loadOptions }, options);
    if (error) throw Object.assign(new Error(error.message), { code: error.code });
    return answer;
  };
}

/** Checks bundlers/edge.js, which `command` runs. */
export function assertEdgeAnswers(command, options) {
  const { results } = run(command, { pairs }, options);
  assert.ok(Math.abs(results[0].relevance_score - scores[0]) < 1e-6, JSON.stringify(results));
}

/** Checks bundlers/embed.js, which `command` runs. */
export function assertEmbeds(command, options) {
  assert.deepEqual(run(command, {}, options), { dimensions: 384 });
}

/** Checks a test of bundlers/runner, which `start(env)` runs; `hasPage` says whether it has a DOM. */
export async function assertTestRanks(folder, start, hasPage) {
  const calls = BACKENDS.map(([, options]) => options);
  writeFileSync(join(folder, "input.json"), JSON.stringify({ pairs, calls }));
  await start({ ...process.env, CROSSRANK_RUNNER: folder });
  const output = JSON.parse(readFileSync(join(folder, "output.json")));
  assert.equal(output.hasPage, hasPage);
  await assertRanks(async (_, options) => output.answers[calls.indexOf(options)]);
}
