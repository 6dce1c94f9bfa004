// What a first query and later ones fetch, and how long they take over a line of 20 Mbit/s with a latency of 40 ms, without
// a browser and without waiting: `node simulate.mjs --site FOLDER [--package DIST] [--queries 12]`. FOLDER is as for line.mjs.
//
// The line has a clock of its own. It advances by what a transfer would take, and by the CPU time of this process between
// transfers, so that other work on the machine hardly changes the times. Drawing results is not part of them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync, gzipSync } from "node:zlib";

const { values: given } = parseArgs({
  options: {
    site: { type: "string" },
    package: { type: "string", default: fileURLToPath(new URL("../../pkg/dist", import.meta.url)) },
    compression: { type: "string", default: "gzip" },
    queries: { type: "string", default: "12" },
    questions: { type: "string", default: new URL("questions.json", import.meta.url).pathname },
  },
});
const BITS_PER_MS = 20e3;
const LATENCY_MS = 40;
/** What the headers of a response take, about. */
const HEADER_BYTES = 300;

const folder = join(given.site, "crossrank");
const { createSiteSearchFactory } = await import(pathToFileURL(join(given.package, "site/search.js")));
const all = JSON.parse(readFileSync(given.questions, "utf8"));
const step = Math.max(1, Math.floor(all.length / Number(given.queries)));
const queries = all.filter((_, i) => i % step === 0).map(({ query }) => query);

/** Carries files one after another, at its own time. */
class Line {
  now = 0;
  sent = 0;
  #isFreeAt = 0;
  #arrivals = [];
  #cpu = process.cpuUsage();

  /** Adds the CPU time since the last call to the clock. */
  compute() {
    const { user, system } = process.cpuUsage(this.#cpu);
    this.now += (user + system) / 1e3;
    this.#cpu = process.cpuUsage();
  }

  async carry(bytes) {
    this.compute();
    const start = Math.max(this.now + LATENCY_MS, this.#isFreeAt);
    this.#isFreeAt = start + ((bytes + HEADER_BYTES) * 8) / BITS_PER_MS;
    const arrival = { at: this.#isFreeAt };
    const arrived = new Promise((resolve) => (arrival.resolve = resolve));
    this.#arrivals.push(arrival);
    await arrived;
    this.now = Math.max(this.now, arrival.at);
    this.sent += bytes + HEADER_BYTES;
  }

  /** Lets files arrive until the work is done. */
  async run(work) {
    let isDone = false;
    this.#cpu = process.cpuUsage();
    const result = work().finally(() => (isDone = true));
    while (!isDone || this.#arrivals.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.compute();
      // They were pushed in the order in which they arrive.
      this.#arrivals.shift()?.resolve();
    }
    return result;
  }
}

const sizes = new Map();
/** What a host sends for a file: it compresses only scripts and WebAssembly. */
function sentBytes(path, content) {
  if (!/\.(js|wasm)$/.test(path)) return content.length;
  const compress = { gzip: (bytes) => gzipSync(bytes, { level: 6 }), brotli: brotliCompressSync }[
    given.compression
  ];
  if (!sizes.has(path)) sizes.set(path, compress(content).length);
  return sizes.get(path);
}

function visit(line) {
  const read = async (url) => {
    const path = fileURLToPath(url);
    const content = readFileSync(path);
    await line.carry(sentBytes(path, content));
    return new Uint8Array(content);
  };
  const createSiteSearch = createSiteSearchFactory({
    resolveUrl: (location) => new URL(location, pathToFileURL(`${folder}/`)),
    open: read,
    wasmFile: (base) => new URL("crossrank-site.wasm", base),
    languagesWasmFile: (base) => new URL("crossrank-site.wasm", base),
    rerankerOf: () => undefined,
    savesData: () => false,
  });
  let search;
  return async (query) => {
    const stages = {};
    const [start, sent] = [line.now, line.sent];
    await line.run(async () => {
      if (!search) await read(new URL("crossrank-search.js", pathToFileURL(`${folder}/`)));
      search ??= createSiteSearch({ base: folder, reranker: false });
      for await (const { stage, partial } of search.search(query)) {
        line.compute();
        stages[partial ? "titles" : stage] = { ms: line.now - start, kB: (line.sent - sent) / 1e3 };
      }
    });
    return stages;
  };
}

const measured = [];
for (const name of ["crossrank-search.js", "crossrank-site.wasm"]) {
  sentBytes(join(folder, name), readFileSync(join(folder, name)));
}
for (const [i, query] of queries.entries()) {
  const search = visit(new Line());
  for (const [state, text] of [
    ["cold", query],
    ["warm", queries[(i + 1) % queries.length]],
    ["warm, same words", query],
  ]) {
    for (const [stage, values] of Object.entries(await search(text)))
      measured.push({ state, stage, ...values });
  }
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const cell = (values) => `${median(values).toFixed(0)} (${Math.max(...values).toFixed(0)})`;
console.log(`${queries.length} queries, ${given.compression}; median (largest)`);
console.log("| state | stage | ms | kB |\n|---|---|---|---|");
for (const key of new Set(measured.map(({ state, stage }) => `${state} | ${stage}`))) {
  const some = measured.filter(({ state, stage }) => `${state} | ${stage}` === key);
  console.log(`| ${key} | ${cell(some.map(({ ms }) => ms))} | ${cell(some.map(({ kB }) => kB))} |`);
}
