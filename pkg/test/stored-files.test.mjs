// Copies in the browser's storage that were changed after they were stored: every load gives the right bits or a
// clear error, and the next one with a network gives the right bits and mends the storage. Runs inside the test project,
// in node, with stand-ins for the storage and the network. CROSSRANK_SEED chooses other changes than the usual ones, and
// CROSSRANK_FUZZ_SECONDS more of them. A failure names its seed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { randomOf, seeds } from "./random.mjs";

const CASES = 150;
const project = fileURLToPath(new URL(".", import.meta.url));
const ORIGIN = "http://site.test";
const HUB = "http://hub.test/";
const GRAPH = "graphs/int8-tensor/";
/** The hub's model, whose weights are in a file of their own. */
const IN_PARTS = "graphs/external-int8/";
const DIST = "node_modules/crossrank/dist/";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const hashOf = (content) => createHash("sha256").update(content).digest("hex");

const siblings = readdirSync(join(project, IN_PARTS), { recursive: true })
  .filter((path) => statSync(join(project, IN_PARTS, path)).isFile())
  .map((rfilename) => {
    const content = readFileSync(join(project, IN_PARTS, rfilename));
    return { rfilename, size: content.length, lfs: { sha256: hashOf(content) } };
  });
const PACKAGE_FILES = {
  onnx: "onnx/model_quantized.onnx",
  tokenizer: "tokenizer.json",
  config: "config.json",
  tokenizerConfig: "tokenizer_config.json",
};
const PACKAGE = {
  name: "tiny",
  files: Object.fromEntries(
    Object.entries(PACKAGE_FILES).map(([key, path]) => {
      const content = readFileSync(join(project, GRAPH, path));
      const url = `${ORIGIN}/${GRAPH}${path}`;
      return [key, { url, bytes: content.length, sha256: hashOf(content) }];
    }),
  ),
};
const wasm = `${ORIGIN}/${DIST}crossrank.wasm`;
const KINDS = {
  package: { model: PACKAGE },
  folder: { model: `${ORIGIN}/${GRAPH}` },
  hub: { name: "someone/tiny", baseUrl: HUB },
  "folder and WebAssembly": { model: `${ORIGIN}/${GRAPH}`, wasm },
};

/** Keeps responses as the Cache API does. */
class StandInCache {
  copies = new Map();
  isFull = false;

  #find(key, ignoreSearch) {
    const search = ignoreSearch ? (url) => url.split("?")[0] : String;
    return [...this.copies.keys()].filter((url) => search(url) === search(String(key)));
  }
  async match(key, { ignoreSearch } = {}) {
    const [url] = this.#find(key, ignoreSearch);
    if (url === undefined) return undefined;
    const { content, headers, isUnreadable } = this.copies.get(url);
    const fail = (stream) => stream.error(new Error("the disk failed"));
    return new Response(isUnreadable ? new ReadableStream({ pull: fail }) : content, { headers });
  }
  async put(key, response) {
    const content = new Uint8Array(await response.arrayBuffer());
    if (this.isFull) throw new DOMException("", "QuotaExceededError");
    this.copies.set(String(key), { content, headers: Object.fromEntries(response.headers) });
  }
  async delete(key, { ignoreSearch } = {}) {
    return this.#find(key, ignoreSearch).filter((url) => this.copies.delete(url)).length > 0;
  }
  async keys(key, { ignoreSearch } = {}) {
    const urls = key === undefined ? [...this.copies.keys()] : this.#find(key, ignoreSearch);
    return urls.map((url) => ({ url }));
  }
}

const cache = new StandInCache();
let isOnline = true;

/** The site and the hub. The site knows the version of each file. */
async function answer(url) {
  const { href, protocol, pathname } = new URL(url);
  if (protocol === "file:") return new Response(readFileSync(fileURLToPath(url)));
  if (!isOnline) throw new TypeError("no network");
  if (href.startsWith(`${HUB}api/models/`)) return Response.json({ sha: COMMIT, siblings });
  const path = href.startsWith(HUB) ? pathname.replace(/.*resolve\/\w+\//, IN_PARTS) : pathname;
  try {
    const content = readFileSync(join(project, path));
    const type = path.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
    return new Response(content, { headers: { etag: `"${hashOf(content)}"`, "content-type": type } });
  } catch {
    return new Response(null, { status: 404 });
  }
}

const { setTimeout } = globalThis;
Object.assign(globalThis, {
  caches: { open: async () => cache },
  origin: ORIGIN,
  fetch: answer,
  // Nobody waits between two attempts. Longer times are those after which something counts as broken.
  setTimeout: (call, ms, ...given) => setTimeout(call, ms <= 8_000 ? 0 : ms, ...given),
});
const { Reranker } = await import(new URL(`${DIST}web.js`, import.meta.url));

/** Loads and reranks. Gives the order and the logits, or the error. */
async function visit({ name, ...options }) {
  const common = { workers: 0, scoreCache: { persistent: true }, ...options };
  try {
    const reranker = await (name ? Reranker.load(name, common) : Reranker.load(common));
    const documents = ["Bananas.", "A vector database stores embeddings.", "Rows in tables."];
    const { results } = await reranker.rerank("what is a vector database", documents);
    await reranker.dispose();
    return results.map(({ index, logit }) => `${index}: ${logit}`).join(", ");
  } catch (error) {
    return { code: error.code ?? error.name, message: error.message };
  }
}

/** Each changes a copy, the first of two. The headers say what a copy is. */
const EDITS = {
  cut: ({ below }, a) => ({ ...a, content: a.content.slice(0, below(a.content.length)) }),
  empty: (_, a) => ({ ...a, content: new Uint8Array() }),
  "a bit": ({ below }, a) => {
    const content = a.content.slice();
    if (content.length > 0) content[below(content.length)] ^= 1 << below(8);
    return { ...a, content };
  },
  "some bytes": ({ below }, a) => {
    const content = a.content.slice();
    for (let i = 0; content.length > 0 && i < 20; i++) content[below(content.length)] = below(256);
    return { ...a, content };
  },
  "zeros at the end": ({ below }, a) => {
    const content = a.content.slice();
    return { ...a, content: content.fill(0, below(content.length + 1)) };
  },
  longer: ({ below }, a) => ({ ...a, content: Buffer.concat([a.content, Buffer.alloc(1 + below(100), 32)]) }),
  "the content of another": (_, a, b) => ({ ...a, content: b.content }),
  "another copy": (_, _a, b) => b,
  "other headers": (_, a, b) => ({ ...a, headers: b.headers }),
  "no headers": (_, a) => ({ ...a, headers: {} }),
  "headers of a newer version": (_, a) => ({
    ...a,
    headers: { "crossrank-copy": `2 ${a.headers["crossrank-copy"]}` },
  }),
  "other hash": (_, a) => ({
    ...a,
    headers: { "crossrank-copy": a.headers["crossrank-copy"]?.replace(/^\w{9}/, "123456789") ?? "" },
  }),
  unreadable: (_, a) => ({ ...a, isUnreadable: true }),
  missing: () => undefined,
};

/** Changes some copies, and gives what was done. */
function edit(random) {
  const { pick, below, chance } = random;
  const done = [];
  for (let i = 1 + below(4); i > 0 && cache.copies.size > 0; i--) {
    const [url, other] = [pick([...cache.copies.keys()]), pick([...cache.copies.keys()])];
    const name = pick(Object.keys(EDITS));
    const edited = EDITS[name](random, cache.copies.get(url), cache.copies.get(other));
    // Another version of the file may lie beside it, or before it.
    const at = chance(0.2) ? url.replace(/\?.*/, `?${below(9)}`) : url;
    const others = [...cache.copies].filter(([url]) => url !== at);
    const now = edited ? [[at, edited]] : [];
    cache.copies = new Map(chance(0.5) ? [...now, ...others] : [...others, ...now]);
    done.push(`${decodeURIComponent(at)}: ${name}, ${decodeURIComponent(other)}`);
  }
  return done;
}

test("after copies were changed, loads give the right bits or an error, and mend the storage", async (t) => {
  const healthy = {};
  for (const [kind, options] of Object.entries(KINDS)) {
    cache.copies = new Map();
    const expected = await visit(options);
    assert.equal(typeof expected, "string", expected.message);
    healthy[kind] = { expected, copies: cache.copies };
    assert.ok(
      [...cache.copies.keys()].some((url) => url.includes("/scores%20")),
      "the scores are kept",
    );
  }
  const seen = { right: 0, errors: 0, runs: 0 };
  for (const seed of seeds(CASES)) {
    const random = randomOf(seed);
    const kind = random.pick(Object.keys(KINDS));
    const { expected, copies } = healthy[kind];
    cache.copies = new Map(copies);
    const events = [kind, ...edit(random)];
    const check = async (what, online, mayFail) => {
      isOnline = online;
      const found = await visit(KINDS[kind]);
      events.push(`${what}: ${found.code ? `${found.code}: ${found.message}` : found}`);
      const isRight = found === expected || (mayFail && found.code === "fetch-failed");
      if (!isRight) assert.fail(`seed ${seed}\n${events.join("\n")}`);
      return found;
    };
    const online = random.chance(0.3);
    cache.isFull = random.chance(0.1);
    const first = await check("after the changes", online, !online);
    seen[first === expected ? "right" : "errors"] += 1;
    cache.isFull = false;
    await check("with a network", true, false);
    // The copy of a WebAssembly file is read only where there is no network.
    const without = await check("without one", false, "wasm" in KINDS[kind]);
    if (without !== expected) {
      await check("with one again", true, false);
      await check("without one again", false, false);
    }
    seen.runs += 1;
  }
  t.diagnostic(`${seen.runs} storages with changes: ${seen.right} loads right, ${seen.errors} with an error`);
  assert.ok(seen.errors > 0 && seen.right > 0, JSON.stringify(seen));
});
