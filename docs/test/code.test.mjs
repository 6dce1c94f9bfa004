// The playground's state in an address, and the programs that it shows: they are run.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { codeFor } from "../.vitepress/theme/playground/code.js";
import { SETS } from "../.vitepress/theme/playground/sets.js";
import { DEFAULTS, documentsIn, fromHash, toHash, withSet } from "../.vitepress/theme/playground/state.js";

/** Texts with everything that a language may have to escape. */
const AWKWARD = {
  ...DEFAULTS,
  set: "own",
  query: `-what's "this" & $HOME \`x\` \\n`,
  text: 'It\'s "quoted"\nwith $HOME and `ls`\n\nEND\n\nback\\slash\\n and\ttab, ü and 日本',
  split: "paragraphs",
};

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "crossrank-docs-"));
  symlinkSync(process.env.CROSSRANK, join(folder, "crossrank"));
});
after(() => rmSync(folder, { recursive: true }));

const environment = () => ({ ...process.env, PATH: `${folder}:${process.env.PATH}` });
const bash = (script) =>
  execFileSync("bash", ["-euc", script], { cwd: folder, env: environment(), encoding: "utf8" });

/** The scores and positions that the command gives for a state. */
function expected(state) {
  const code = codeFor("command", state).replace("crossrank rerank", "crossrank rerank --json");
  const results = JSON.parse(bash(code));
  // Documents with line breaks are records.
  return results.map(({ document, ...result }) => ({ ...result, document: document.text ?? document }));
}

test("a state survives in an address, and a wrong one is replaced", () => {
  for (const { id } of SETS) assert.deepEqual(fromHash(toHash(withSet(DEFAULTS, id))), withSet(DEFAULTS, id));
  assert.equal(toHash(DEFAULTS), `#set=${DEFAULTS.set}`);
  const own = { ...AWKWARD, model: "hub", name: "BAAI/bge-reranker-base", device: "gpu", threads: "2" };
  assert.deepEqual(fromHash(toHash(own)), own);
  const edited = { ...DEFAULTS, query: "another" };
  assert.deepEqual(fromHash(toHash(edited)), edited);
  assert.equal(fromHash(toHash({ ...own, model: "local" })).model, "bundled");
  assert.deepEqual(fromHash("#set=none&device=tpu&threads=99&split=words&model=local"), DEFAULTS);
  assert.deepEqual(documentsIn({ text: " a \n\n b\n", split: "lines" }), ["a", "b"]);
  assert.deepEqual(documentsIn({ text: "a\nb\n \t\nc\n\n", split: "paragraphs" }), ["a\nb", "c"]);
});

for (const [name, state] of Object.entries({ "a ready set": DEFAULTS, "awkward texts": AWKWARD })) {
  const documents = documentsIn(state);

  test(`the command and JavaScript give the same for ${name}`, () => {
    const command = expected(state);
    assert.deepEqual(new Set(command.map(({ document }) => document)), new Set(documents));
    const shown = command.map(({ score, document }) => `${score.toFixed(4)} ${document}\n`).join("");
    const script = codeFor("js", state);
    const output = execFileSync("node", ["--input-type=module", "-e", script], {
      cwd: join(import.meta.dirname, ".."),
      encoding: "utf8",
    });
    assert.equal(output, shown);
  });

  test(`curl gives the same for ${name}`, async () => {
    const code = codeFor("curl", state);
    const [, serve, request] = /^(crossrank serve.*) &\n(curl [\s\S]*)$/.exec(code);
    const server = spawn("bash", ["-c", `exec ${serve} --port 0`], { env: environment() });
    try {
      const address = await new Promise((resolve, reject) => {
        let log = "";
        server.on("exit", () => reject(new Error(log)));
        server.stdout.on("data", (data) => {
          log += data;
          const match = /http:\/\/127\.0\.0\.1:\d+/.exec(log);
          if (match) resolve(match[0]);
        });
      });
      const { results } = JSON.parse(
        bash(request.replace("curl", "curl --silent").replace("http://127.0.0.1:8787", address)),
      );
      const shown = (list, score) => list.map((one) => [one.index, one[score].toFixed(6)]);
      assert.deepEqual(shown(results, "relevance_score"), shown(expected(state), "score"));
    } finally {
      server.kill();
    }
  });

  test(`Rust holds the texts for ${name}`, () => {
    const code = codeFor("rust", state);
    const literals = [...code.matchAll(/^ {8}("(?:[^"\\]|\\.)*"),$/gm)].map(([, literal]) =>
      JSON.parse(literal.replaceAll("\t", "\\t")),
    );
    assert.deepEqual(literals, documents);
    assert.ok(code.includes("Reranker::bundled()?"));
  });
}

test("options that differ from the defaults are in the code", () => {
  const state = { ...DEFAULTS, model: "hub", name: "BAAI/bge-reranker-base", device: "gpu", threads: "2" };
  assert.ok(
    codeFor("js", state).includes('Reranker.load("BAAI/bge-reranker-base", { device: "gpu", workers: 2 })'),
  );
  const command = codeFor("command", state);
  assert.ok(command.includes("crossrank pull 'BAAI/bge-reranker-base'\n"));
  assert.ok(command.includes("--model 'BAAI/bge-reranker-base' --device gpu --threads 2"));
  assert.ok(codeFor("curl", state).includes("crossrank serve --model 'BAAI/bge-reranker-base' --device gpu"));
  assert.ok(codeFor("rust", state).includes('hub::pull("BAAI/bge-reranker-base"'));
});
