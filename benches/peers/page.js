// Times a page that reranks, with crossrank in one worker and with transformers.js as documented: from
// its opening to its first result with the model in the browser's caches, and then lists of 100
// passages, one call each. Pages are opened in turn, and medians over rounds are taken. See README.md.
//
// `node page.js --crossrank FOLDER [--rounds N] [--queries N] [--line MBITS]`: FOLDER holds node_modules
// with our packages. With `--queries 0` only the opening is measured. With `--line`, each visit is the first
// one, over a line of so many Mbit/s with a latency of 40 ms, and nothing else is measured.

import { execFileSync } from "node:child_process";
import { cpSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { host } from "../site/host.mjs";
import { median } from "./measure.js";
import { FLAGS } from "./runtimes/chromium.js";
import { trec } from "./trec.js";

const here = import.meta.dirname;
const root = resolve(here, "../..");
const { values: options } = parseArgs({
  options: {
    crossrank: { type: "string" },
    rounds: { type: "string", default: "5" },
    queries: { type: "string", default: "4" },
    line: { type: "string" },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    out: { type: "string" },
  },
});
if (!options.crossrank)
  throw new Error("name the folder that our packages are installed in with --crossrank");
if (!process.env.CROSSRANK_EVAL_DIR) throw new Error("CROSSRANK_EVAL_DIR is not set; it holds the passages");

/** The int8 graph of the bundled model's weights. */
const GRAPH = join(root, "benches/model/minilm-l6-en");

/** Each page defines `rerank(query, documents)`, which gives the indices of the best ten. */
const crossrank = (model) => `
    import { Reranker } from "/crossrank/dist/web.js";
    import * as model from "${model}/index.js";
    const reranker = await Reranker.load({ model, workers: 1, scoreCache: false });
    window.rerank = async (query, documents) =>
      (await reranker.rerank(query, documents, 10)).results.map(({ index }) => index);`;
const PAGES = {
  crossrank: crossrank("/model"),
  ...(options.line && { "crossrank, int8 ONNX": crossrank("/graph") }),
  "transformers.js": `
    import { AutoModelForSequenceClassification, AutoTokenizer, env } from "/transformers/dist/transformers.min.js";
    env.allowRemoteModels = false;
    env.allowLocalModels = true;
    env.localModelPath = "/models/";
    env.backends.onnx.wasm.wasmPaths = "/transformers/node_modules/onnxruntime-web/dist/";
    const tokenizer = await AutoTokenizer.from_pretrained("minilm-l6-en");
    const model = await AutoModelForSequenceClassification.from_pretrained("minilm-l6-en", { dtype: "q8", device: "wasm" });
    window.rerank = async (query, documents) => {
      const queries = Array(documents.length).fill(query);
      const features = tokenizer(queries, { text_pair: documents, padding: true, truncation: true });
      const { logits } = await model(features);
      const scores = logits.sigmoid().tolist().map(([score], index) => ({ index, score }));
      return scores.sort((a, b) => b.score - a.score).slice(0, 10).map(({ index }) => index);
    };`,
};

const html = (script) => `<!doctype html><meta charset="utf-8"><title>page</title><script>
  window.first = new Promise((resolve) => (window.start = resolve));
</script><script type="importmap">{ "imports": {
  "onnxruntime-web": "/transformers/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs",
  "onnxruntime-web/webgpu": "/transformers/node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs",
  "crossrank-minilm-l6-en": "/model/index.js"
} }</script><script type="module">
  const [query, documents] = await (await fetch("/first.json")).json();
  ${script}
  const best = await window.rerank(query, documents);
  window.start({ best, milliseconds: performance.now() });
</script>`;

const queries = Number(options.queries);
const given = trec(join(process.env.CROSSRANK_EVAL_DIR, "trec-dl-19"), Math.max(1, queries)).map((pairs) => [
  pairs[0][0],
  pairs.map(([, passage]) => passage),
]);
const first = JSON.stringify([given[0][0], given[0][1].slice(0, 10)]);
const lists = options.line ? [] : given.slice(0, queries);

// The files of the host.
const folder = await mkdtemp(join(tmpdir(), "crossrank-page-"));
symlinkSync(resolve(options.crossrank, "node_modules/crossrank"), join(folder, "crossrank"));
symlinkSync(resolve(options.crossrank, "node_modules/crossrank-minilm-l6-en"), join(folder, "model"));
symlinkSync(join(here, "node_modules/@huggingface/transformers"), join(folder, "transformers"));
symlinkSync(join(root, "benches/model"), join(folder, "models"));
cpSync(GRAPH, join(folder, "graph"), { recursive: true });
execFileSync("node", [join(root, "pkg/scripts/describe-model.mjs"), join(folder, "graph"), "graph"]);
writeFileSync(join(folder, "first.json"), first);
const names = Object.keys(PAGES);
names.forEach((name, i) => writeFileSync(join(folder, `${i}.html`), html(PAGES[name])));

const line = options.line
  ? { bandwidth: Number(options.line) * 1e6, latency: 40 }
  : { bandwidth: Infinity, latency: 0 };
const server = await host(folder, line);

/** A browser that has seen nothing. */
async function launch() {
  const profile = await mkdtemp(join(tmpdir(), "crossrank-profile-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: options.chromium,
    headless: true,
    args: FLAGS,
  });
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { context, close };
}

async function visit({ context }, name) {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`${name}: ${error.message}`));
  const before = server.sent();
  await page.goto(`${server.origin}/${names.indexOf(name)}.html`);
  const first = await page.evaluate(() => window.first);
  const bytes = server.sent() - before;
  const calls = await page.evaluate(async (lists) => {
    const calls = [];
    for (const [query, documents] of lists) {
      const start = performance.now();
      const best = await window.rerank(query, documents);
      calls.push({ best, milliseconds: performance.now() - start });
    }
    return calls;
  }, lists);
  await page.close();
  return {
    first: first.milliseconds,
    bytes,
    lists: calls.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
    calls,
  };
}

const seen = Object.fromEntries(names.map((name) => [name, []]));
let version = "";
async function inBrowser(work) {
  const browser = await launch();
  version = browser.context.browser()?.version() ?? "";
  try {
    await work(browser);
  } finally {
    await browser.close();
  }
}
const rounds = Array.from({ length: Number(options.rounds) }, (_, i) => (i % 2 ? names.toReversed() : names));
try {
  if (options.line) {
    for (const name of rounds.flat())
      await inBrowser(async (browser) => seen[name].push(await visit(browser, name)));
  } else {
    await inBrowser(async (browser) => {
      // The first visit fills the caches.
      for (const name of names) await visit(browser, name);
      for (const name of rounds.flat()) seen[name].push(await visit(browser, name));
    });
  }
} finally {
  server.close();
  await rm(folder, { recursive: true, force: true });
}

const of = (name, key) => median(seen[name].map((visit) => visit[key]));
const row = (what, key, atMost) => {
  const [ours, theirs] = names.map((name) => of(name, key));
  return `| ${what} | ${ours.toFixed(0)} | ${theirs.toFixed(0)} | ${(ours / theirs).toFixed(3)} | ${atMost} | ${ours / theirs <= atMost ? "met" : "missed"} |`;
};
function cached() {
  const same = lists.map((_, i) => {
    const [ours, theirs] = names.map((name) => seen[name][0].calls[i].best);
    return ours.filter((index) => theirs.includes(index)).length;
  });
  return [
    `Chromium ${version}, ${lists.length} lists of 100 DL19 passages, medians of ${options.rounds} visits in turn, milliseconds.`,
    ...(queries > 0 ? [`Of the best ten of each list, both have ${same.join(", ")} in common.`] : []),
    "",
    "| | crossrank, one worker | transformers.js | ours / theirs | at most | |",
    "|---|---|---|---|---|---|",
    row("opening the page to the first result (10 passages), files cached", "first", 0.333),
    ...(queries > 0 ? [row("the lists, one call each, score cache off", "lists", 0.4)] : []),
  ];
}
function overLine() {
  const visits = (name) =>
    `| ${name} | ${(of(name, "bytes") / 1e6).toFixed(1)} | ${(of(name, "first") / 1e3).toFixed(2)} |`;
  return [
    `Chromium ${version}, first visits over ${options.line} Mbit/s with a latency of 40 ms, medians of ${options.rounds} visits in turn: from opening the page to the first result (10 passages).`,
    "",
    "| page | MB | seconds |",
    "|---|---|---|",
    ...names.map(visits),
  ];
}
const text = [...(options.line ? overLine() : cached()), ""].join("\n");
console.log(text);
if (options.out) writeFileSync(options.out, text);
