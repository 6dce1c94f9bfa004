// The suite in node. It runs inside the test project, where the packed packages are installed.

import { readFile } from "node:fs/promises";
import { test } from "node:test";
import * as crossrank from "crossrank";
import * as model from "crossrank-minilm-l6-en";
import { tests } from "./suite.mjs";

const read = async (name) => JSON.parse(await readFile(new URL(name, import.meta.url), "utf8"));
const golden = (await read("golden.json")).pairs;
const bits = await read("logit-bits.json");

test("node", async (t) => {
  for (const [name, run] of Object.entries(tests({ crossrank, model, golden, bits }))) {
    await t.test(name, async (t) => {
      const note = await run();
      if (note) t.diagnostic(note);
    });
  }
});
