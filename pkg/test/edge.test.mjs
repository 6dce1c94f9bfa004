// `crossrank/edge` in workerd, as examples/edge-worker deploys it: its size, its start, the sources of its
// model, its answers, its memory and its CPU time. CROSSRANK_EDGE is a project of the example with the
// packed packages, and CROSSRANK_SERVE the command line's program.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createReadStream, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { exhaust, withMemory } from "./memory-trap.mjs";

const require = createRequire(new URL("edge/", import.meta.url));
const { Miniflare } = createRequire(require.resolve("wrangler"))("miniflare");

const project = process.env.CROSSRANK_EDGE;
const model = join(project, "node_modules/crossrank-minilm-l6-en");
const root = fileURLToPath(new URL("../../", import.meta.url));
/** A model in separate files. */
const separate = join(root, "benches/model/minilm-l6-en");
const program = process.env.CROSSRANK_SERVE;
assert.ok(program, "CROSSRANK_SERVE must name the program crossrank; `make test-js` does");

/** Bundles a Worker as `wrangler deploy` does, and gives its modules. */
function bundle(main) {
  const wrangler = require.resolve("wrangler/bin/wrangler.js");
  const out = join(project, `out-${main.replaceAll("/", "-")}`);
  execFileSync(process.execPath, [wrangler, "deploy", main, "--dry-run", "--outdir", out], {
    cwd: project,
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG_PATH: out },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const files = readdirSync(out).filter((name) => /\.(js|wasm)$/.test(name));
  const modules = files.map((name) => ({
    type: name.endsWith("wasm") ? "CompiledWasm" : "ESModule",
    path: join(out, name),
    contents: readFileSync(join(out, name)),
  }));
  return modules.sort((a) => (a.type === "ESModule" ? -1 : 1));
}

const example = bundle("src/worker.js");
const modulesOf = (modules) => ({ modules, modulesRoot: join(modules[0].path, "..") });
const common = { compatibilityDate: "2026-04-01", port: 0, host: "127.0.0.1" };

/** The model's folder as a binding, with the paths that were read from it. */
function assets(read = (path) => path) {
  const paths = [];
  const ASSETS = ({ url }) => {
    const { pathname } = new URL(url);
    paths.push(pathname);
    const body = Readable.toWeb(createReadStream(read(join(model, pathname))));
    return new Response(body);
  };
  return { paths, serviceBindings: { ASSETS } };
}

/** Starts a worker that ends with the test, and gives its address. */
async function start(t, options) {
  const miniflare = new Miniflare({ ...common, ...options });
  t.after(() => miniflare.dispose());
  const before = new Set(workerds());
  const url = (await miniflare.ready).origin;
  const [pid] = workerds().filter((pid) => !before.has(pid));
  return { miniflare, url, pid };
}

/** The processes of workerd that this process has started. */
function workerds() {
  return readdirSync("/proc").filter((pid) => {
    try {
      const [, name, rest] = /\((.*)\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
      return name === "workerd" && Number(rest.split(" ")[1]) === process.pid;
    } catch {
      return false; // It is no process, or has ended.
    }
  });
}

/** The peak memory of a process, in bytes. */
function peak(pid) {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
}

/** The CPU time of a process in seconds: user and system, in ticks of 10 ms. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const token = { authorization: "Bearer none" };

/**
 * Each request has a connection of its own: on a busy machine, workerd sometimes closes one that was kept
 * just when the next request begins.
 */
async function post(url, path, body, headers = token) {
  const response = await fetch(url + path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { ...headers, connection: "close" },
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** The results of the command line for a query on a file of passages. */
function cli(query, passages, folder = model) {
  const options = ["rerank", "--model", folder, "--query", query, "--top-k", "1000", "--json", passages];
  return execFileSync(program, options, { encoding: "utf8" });
}

const passages = join(root, "examples/passages.txt");
const documents = readFileSync(passages, "utf8")
  .split("\n")
  .map((l) => l.trim())
  .filter(Boolean);
const query = "what is a vector database";
const rows = (results) => results.map((r) => ({ index: r.index, score: r.score ?? r.relevance_score }));

test("the bundle is below every plan's limit", (t) => {
  const bytes = example.map(({ contents }) => gzipSync(contents).length);
  const total = bytes.reduce((a, b) => a + b);
  t.diagnostic(`${(total / 1e6).toFixed(2)} MB after gzip`);
  assert.ok(total < 3e6, `${total} bytes`);
});

test("Cohere's client gets the command line's order and scores", async (t) => {
  const { url, pid } = await start(t, {
    ...modulesOf(example),
    assets: {
      directory: model,
      binding: "ASSETS",
      routerConfig: { invoke_user_worker_ahead_of_assets: true, has_user_worker: true },
    },
    bindings: { TOKENS: "none" },
  });
  t.diagnostic(`${cpu(pid).toFixed(2)} s of CPU time from workerd's start until it listens`);
  assert.ok(cpu(pid) < 1, "the start, without the model, takes too long");
  const expected = join(project, "expected.json");
  writeFileSync(expected, cli(query, passages));
  const env = { ...process.env, CROSSRANK_URL: url, CROSSRANK_QUERY: query, CROSSRANK_EXPECTED: expected };
  const client = join(root, "tests/clients/clients.mjs");
  const { stdout } = await promisify(execFile)(process.execPath, [client, passages], { env });
  assert.equal(stdout.match(/^ok /gm).length, 3, stdout);
});

test("concurrent first requests load once, and each gets its own answer", async (t) => {
  const { paths, serviceBindings } = assets();
  const { url } = await start(t, {
    ...modulesOf(example),
    serviceBindings,
    bindings: { TOKENS: "some\nnone" },
  });
  const queries = [query, "what keeps rows in tables", "what is BM25", "who reads the query"];
  const ask = (query) => post(url, "/v1/rerank", { query, documents });
  const answers = await Promise.all(queries.map(ask));
  answers.forEach(({ status, body }, i) => {
    assert.equal(status, 200);
    assert.deepEqual(rows(body.results), rows(JSON.parse(cli(queries[i], passages))), queries[i]);
  });
  assert.deepEqual(rows((await ask(query)).body.results), rows(answers[0].body.results));
  assert.deepEqual(paths, ["/model.crossrank"]);
});

test("the routes, their refusals and their ids are those of the server", async (t) => {
  const { url } = await start(t, {
    ...modulesOf(example),
    ...assets(),
    bindings: { TOKENS: "none" },
  });
  const get = (path, init) => fetch(url + path, { headers: token, ...init });
  assert.equal((await get("/health", { headers: {} })).status, 200);
  assert.equal((await (await get("/info")).json()).model_id, "minilm-l6-en");
  assert.match((await (await get("/openapi.json")).json()).openapi, /^3/);
  assert.match(await (await get("/metrics")).text(), /crossrank_documents_total 0/);
  assert.equal((await get("/config.json")).status, 404, "the model's files are no routes");
  assert.equal((await get("/v1/rerank")).headers.get("allow"), "POST");

  const body = { query, documents };
  const stranger = await post(url, "/v1/rerank", body, { authorization: "Bearer no" });
  assert.equal(stranger.status, 401);
  assert.equal(stranger.headers.get("www-authenticate"), "Bearer");
  const named = await post(url, "/v1/rerank", body, { ...token, "x-request-id": "mine-1" });
  assert.deepEqual([named.body.id, named.headers.get("x-request-id")], ["mine-1", "mine-1"]);
  const other = await post(url, "/v1/rerank", body, { ...token, "x-request-id": "not plain" });
  assert.match(other.body.id, /^[0-9a-f-]{36}$/);
  assert.equal((await post(url, "/v1/rerank", { query: " ", documents })).status, 400);
  const large = await post(url, "/v1/rerank", { query: "x".repeat(9 << 20), documents });
  assert.equal(large.status, 413);
  assert.equal((await post(url, "/rerank", { query, texts: documents })).body[0].index, 0);
});

test("without its secret a worker answers nobody, and after a failed load it tries again", async (t) => {
  const errors = [];
  const worker = {
    ...modulesOf(example),
    handleRuntimeStdio: (_, stderr) => stderr.on("data", (d) => errors.push(String(d))),
  };
  const unset = await start(t, { ...worker, ...assets() });
  assert.equal((await post(unset.url, "/v1/rerank", { query, documents })).status, 500);

  let damaged = true;
  const read = (path) => (damaged && path.endsWith("model.crossrank") ? passages : path);
  const { url } = await start(t, { ...worker, ...assets(read), bindings: { TOKENS: "none" } });
  const failed = await post(url, "/v1/rerank", { query, documents });
  assert.equal(failed.status, 500);
  assert.match(failed.body.message, /log/);
  damaged = false;
  assert.equal((await post(url, "/v1/rerank", { query, documents })).status, 200);
  assert.match(errors.join(""), /tokens is empty/);
  assert.match(errors.join(""), /not a prepared model/);
});

test("a model in R2, and pages of one origin", async (t) => {
  const { url, miniflare } = await start(t, { ...modulesOf(bundle("src/plain.js")), r2Buckets: ["BUCKET"] });
  const bucket = await miniflare.getR2Bucket("BUCKET");
  for (const path of ["config.json", "tokenizer.json", "onnx/model_quantized.onnx"]) {
    await bucket.put(path, new Uint8Array(readFileSync(join(separate, path))).buffer);
  }
  const page = { origin: "https://page.example" };
  const answer = await post(url, "/v1/rerank", { query, documents }, page);
  assert.deepEqual(rows(answer.body.results), rows(JSON.parse(cli(query, passages, separate))));
  assert.equal(answer.headers.get("access-control-allow-origin"), page.origin);
  assert.match(answer.headers.get("access-control-expose-headers"), /retry-after/);

  const asks = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
  const preflight = (origin) =>
    fetch(`${url}/v1/rerank`, { method: "OPTIONS", headers: { origin, ...asks } });
  const allowed = await preflight(page.origin);
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get("access-control-allow-headers"), "authorization");
  assert.equal((await preflight("https://other.example")).headers.get("access-control-allow-origin"), null);
});

test("in node an option that does not exist is refused, and a secret that is not set opens nothing", async (t) => {
  const entry = pathToFileURL(join(project, "node_modules/crossrank/dist/edge-node.js"));
  const { createHandler } = await import(entry);
  for (const [options, message] of [
    [{ model, token: "secret" }, /no option token; did you mean tokens\?/],
    [{ model, cors: [7] }, /options.cors/],
    [{ model, name: 7 }, /options.name/],
  ]) {
    assert.throws(() => createHandler(options), {
      name: "CrossrankError",
      code: "invalid-argument",
      message,
    });
  }
  const { error } = console;
  const said = [];
  console.error = (_, { message }) => said.push(message);
  t.after(() => (console.error = error));
  for (const options of [undefined, {}, { model, tokens: undefined }]) {
    const init = { method: "POST", body: "{}" };
    const response = await createHandler(options).fetch(new Request("http://node/v1/rerank", init));
    assert.equal(response.status, 500);
  }
  assert.match(said.join("\n"), /^the option model is undefined.*\nthe option model is.*\ntokens is empty/);
});

/** A handler in this process. */
async function nodeHandler(options) {
  const entry = pathToFileURL(join(project, "node_modules/crossrank/dist/edge-node.js"));
  const { createHandler } = await import(entry);
  return createHandler({ model: readFileSync(join(model, "model.crossrank")), ...options });
}

test("keys, compressed bodies, paths and model names are taken as clients send them", async () => {
  const options = { tokens: "none", pathPrefix: "/rerankers", acceptAnyModel: true };
  const handler = await nodeHandler(options);
  const send = (path, init) => handler.fetch(new Request(`http://node${path}`, init));
  const body = JSON.stringify({ model: "any-name", query, documents });
  const init = { method: "POST", body, headers: { "x-api-key": "none" } };
  const expected = await (await send("/v1/rerank", init)).json();
  assert.deepEqual(rows(expected.results), rows(JSON.parse(cli(query, passages))));
  assert.equal(expected.model, "any-name");
  for (const path of ["/rerankers/v1/rerank", "//v1/rerank/", "/rerank"]) {
    assert.deepEqual((await (await send(path, init)).json()).results, expected.results, path);
  }
  const compressed = { "api-key": "none", "content-encoding": "gzip" };
  const packed = await send("/v1/rerank", { ...init, body: gzipSync(body), headers: compressed });
  assert.deepEqual((await packed.json()).results, expected.results);
  const unknown = { ...compressed, "content-encoding": "br" };
  assert.equal((await send("/v1/rerank", { ...init, headers: unknown })).status, 415);
  const bomb = gzipSync(new Uint8Array(64 << 20));
  assert.equal((await send("/v1/rerank", { ...init, body: bomb, headers: compressed })).status, 413);
  const head = await send("/health", { method: "HEAD" });
  assert.deepEqual([head.status, head.body], [200, null]);
  const ready = await send("/.well-known/ready");
  assert.deepEqual([ready.status, ready.body], [204, null]);
  const list = await send("/v1/models", { headers: { "api-key": "none" } });
  assert.equal((await list.json()).data[0].id, "minilm-l6-en");
});

test("in node a request after a crash gets a new instance", async (t) => {
  const handler = await nodeHandler();
  const { error } = console;
  console.error = () => {};
  t.after(() => (console.error = error));
  const ask = async (documents) => {
    const body = JSON.stringify({ query, documents });
    const init = { method: "POST", body, duplex: "half" };
    const response = await handler.fetch(new Request("http://node/v1/rerank", init));
    return { status: response.status, results: (await response.json()).results };
  };
  const { loaded: first, memory } = await withMemory(() => ask(documents));
  assert.equal(first.status, 200);
  exhaust(memory());
  assert.equal((await ask(Array(7).fill("a ".repeat(500_000)))).status, 500);
  assert.deepEqual(await ask(documents), first);
});

test("in node a model is a package, the URL or the path of a folder, or what a function gives later", async (t) => {
  const installed = (path) => import(pathToFileURL(join(project, "node_modules", path)));
  const { createHandler } = await installed("crossrank/dist/edge-node.js");
  const ask = async (model) => {
    const init = { method: "POST", body: JSON.stringify({ query, documents }) };
    const response = await createHandler({ model }).fetch(new Request("http://node/v1/rerank", init));
    return { status: response.status, rows: rows((await response.json()).results ?? []) };
  };
  const expected = { status: 200, rows: rows(JSON.parse(cli(query, passages))) };
  const modelPackage = await installed("crossrank-minilm-l6-en/index.js");
  for (const given of [
    modelPackage,
    pathToFileURL(model),
    pathToFileURL(model).href,
    model,
    join(model, "model.crossrank"),
    async () => model,
  ]) {
    assert.deepEqual(await ask(given), expected);
  }
  const bytes = (name) => readFileSync(join(separate, name));
  const files = {
    onnx: bytes("onnx/model_quantized.onnx"),
    tokenizer: bytes("tokenizer.json"),
    config: bytes("config.json"),
  };
  const fromFiles = { status: 200, rows: rows(JSON.parse(cli(query, passages, separate))) };
  for (const given of [separate, files]) assert.deepEqual(await ask(given), fromFiles);
  const { error } = console;
  const said = [];
  console.error = (_, { message }) => said.push(message);
  t.after(() => (console.error = error));
  assert.equal((await ask(join(model, "missing"))).status, 500);
  assert.match(said.join(), /the model has no /);
});

test("a hundred documents of 256 tokens fit into a Worker's memory", async (t) => {
  const empty = await start(t, {
    modules: true,
    script: "export default { fetch() { return new Response('') } }",
  });
  await fetch(empty.url);
  const { url, pid } = await start(t, {
    ...modulesOf(example),
    ...assets(),
    bindings: { TOKENS: "none" },
  });
  const unloaded = cpu(pid);
  const short = documents.slice(0, 10);
  await post(url, "/v1/rerank", { query, documents: short });
  t.diagnostic(`${(cpu(pid) - unloaded).toFixed(2)} s of CPU time for the load and the first request`);
  const long = Array.from({ length: 100 }, (_, i) => `${"river ".repeat(255)}${i % 10}`);
  const body = { model: "minilm-l6-en", query: "who keeps it clean", documents: long };
  const first = await post(url, "/voyage/v1/rerank", body);
  // With 4 tokens of the query and 3 special ones.
  assert.equal(first.body.usage.total_tokens, 100 * (4 + 256 + 3));
  const before = cpu(pid);
  assert.deepEqual((await post(url, "/voyage/v1/rerank", body)).body.data, first.body.data);
  const perSecond = 100 / (cpu(pid) - before);
  const rest = cpu(pid);
  for (let i = 0; i < 20; i++) await post(url, "/v1/rerank", { query, documents: short });
  const perSecondShort = 200 / (cpu(pid) - rest);
  const [ours, theirs] = [peak(pid), peak(empty.pid)];
  t.diagnostic(`${perSecond.toFixed(0)} documents of 256 tokens per CPU second`);
  t.diagnostic(`${perSecondShort.toFixed(0)} passages of a sentence per CPU second`);
  t.diagnostic(`peak ${(ours / 1e6).toFixed(0)} MB, an empty worker's ${(theirs / 1e6).toFixed(0)} MB`);
  assert.ok(ours - theirs < 128e6, `${ours - theirs} bytes more than an empty worker`);
});
