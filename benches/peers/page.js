// Times a page that reranks, with crossrank in one worker and with transformers.js as documented: from
// its opening to its first result with the model in the browser's caches, and then lists of 100
// passages, one call each. Pages are opened in turn, and medians over rounds are taken. See README.md.
//
// `node page.js --crossrank FOLDER [--rounds N] [--queries N]`: FOLDER holds node_modules with our
// packages. With `--queries 0` only the opening is measured.

import { createReadStream, existsSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { median } from "./measure.js";
import { FLAGS, TYPES } from "./runtimes/chromium.js";
import { trec } from "./trec.js";

const here = import.meta.dirname;
const root = resolve(here, "../..");
const { values: options } = parseArgs({
  options: {
    crossrank: { type: "string" },
    rounds: { type: "string", default: "5" },
    queries: { type: "string", default: "4" },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    out: { type: "string" },
  },
});
if (!options.crossrank)
  throw new Error("name the folder that our packages are installed in with --crossrank");
if (!process.env.CROSSRANK_EVAL_DIR) throw new Error("CROSSRANK_EVAL_DIR is not set; it holds the passages");

const FOLDERS = {
  crossrank: join(options.crossrank, "node_modules/crossrank"),
  model: join(options.crossrank, "node_modules/crossrank-minilm-l6-en"),
  transformers: join(here, "node_modules/@huggingface/transformers"),
  models: join(root, "models"),
};

/** Each page defines `rerank(query, documents)`, which gives the indices of the best ten. */
const PAGES = {
  crossrank: `
    import { Reranker } from "/crossrank/dist/web.js";
    import * as model from "/model/index.js";
    const reranker = await Reranker.load({ model, workers: 1, scoreCache: false });
    window.rerank = async (query, documents) =>
      (await reranker.rerank(query, documents, 10)).results.map(({ index }) => index);`,
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
const lists = given.slice(0, queries);

function respond(path, response) {
  const send = (type, body) =>
    response.writeHead(200, { "content-type": type, "cache-control": "max-age=3600" }).end(body);
  if (path === "/first.json") return send("application/json", first);
  const page = PAGES[path.slice(1)];
  if (page) return send("text/html", html(page));
  const [, top, ...rest] = normalize(decodeURIComponent(path)).split("/");
  const file = FOLDERS[top] && join(FOLDERS[top], ...rest);
  if (!file || !existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, {
    "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    "content-length": statSync(file).size,
    "cache-control": "max-age=3600",
  });
  return createReadStream(file).pipe(response);
}

const server = createServer((request, response) =>
  respond(new URL(request.url, "http://page").pathname, response),
);
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const profile = await mkdtemp(join(tmpdir(), "crossrank-page-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: options.chromium,
  headless: true,
  args: FLAGS,
});

async function visit(name) {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`${name}: ${error.message}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/${name}`);
  const first = await page.evaluate(() => window.first);
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
    lists: calls.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
    calls,
  };
}

const names = Object.keys(PAGES);
const seen = Object.fromEntries(names.map((name) => [name, []]));
try {
  // The first visit fills the caches.
  for (const name of names) await visit(name);
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const name of round % 2 ? names.toReversed() : names) seen[name].push(await visit(name));
  }
} finally {
  await context.close();
  server.close();
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}

const of = (name, key) => median(seen[name].map((visit) => visit[key]));
const row = (what, key, atMost) => {
  const [ours, theirs] = names.map((name) => of(name, key));
  return `| ${what} | ${ours.toFixed(0)} | ${theirs.toFixed(0)} | ${(ours / theirs).toFixed(3)} | ${atMost} | ${ours / theirs <= atMost ? "met" : "missed"} |`;
};
const same = lists.map((_, i) => {
  const [ours, theirs] = names.map((name) => seen[name][0].calls[i].best);
  return ours.filter((index) => theirs.includes(index)).length;
});
const text = [
  `Chromium ${context.browser()?.version() ?? ""}, ${lists.length} lists of 100 DL19 passages, medians of ${options.rounds} visits in turn, milliseconds.`,
  ...(queries > 0 ? [`Of the best ten of each list, both have ${same.join(", ")} in common.`] : []),
  "",
  "| | crossrank, one worker | transformers.js | ours / theirs | at most | |",
  "|---|---|---|---|---|---|",
  row("opening the page to the first result (10 passages), files cached", "first", 0.333),
  ...(queries > 0 ? [row("the lists, one call each, score cache off", "lists", 0.4)] : []),
  "",
].join("\n");
console.log(text);
if (options.out) writeFileSync(options.out, text);
