// Loading in browsers: requests to the server, copies in the storage, and failures on the way.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, MAIN_ENGINES } from "./browsers.mjs";
import { damage, inTurn, keys, rank, visitsOf } from "./visits.mjs";

const project = process.env.CROSSRANK_PROJECT;
const PACKAGE = "/node_modules/crossrank-minilm-l6-en/";
const PREPARED = `${PACKAGE}model.crossrank`;
/** A model in separate files. */
const FOLDER = "/separate/reranker/";
const ONNX = `${FOLDER}onnx/model_quantized.onnx`;
const WASM = "/node_modules/crossrank/dist/crossrank.wasm";
/** The file that browsers with relaxed SIMD fetch instead. */
const RELAXED = "/node_modules/crossrank/dist/crossrank-relaxed-simd.wasm";
/** The file that is fetched next for models that are not BERT encoders. */
const GENERAL = "/node_modules/crossrank/dist/crossrank-general.wasm";
/** A model of this kind. */
const OTHER = "/graphs/other-silu/";
const CUT = 10_000_000;

let browser;
let prepared;
let onnx;
let expected;
let expectedOfFolder;

const tests = {};

const { origins, requests, start, open, visit, stored } = visitsOf(() => browser);

function grows(progress) {
  assert.ok(
    progress.every((p) => p.total === progress[0].total),
    "total changes",
  );
  return progress.every((p, i) => i === 0 || p.loaded > progress[i - 1].loaded);
}

/** The offset from which a request asks for the rest. */
function rangeStart({ range }) {
  const start = Number(/^bytes=(\d+)-$/.exec(range)?.[1]);
  assert.ok(start > 0 && start <= CUT, `asks for ${range}`);
  return start;
}

const STORED = "/crossrank/crossrank-minilm-l6-en prepared";

tests["a second visit requests no file of the model"] = async (t) => {
  const server = await start(t);
  const first = await visit(server);
  assert.deepEqual(
    server.asked(PACKAGE).map((entry) => entry.path),
    [`${PACKAGE}index.js`, PREPARED],
  );
  const second = await visit(server);
  assert.deepEqual(
    server.asked(PACKAGE).map((entry) => entry.path),
    [`${PACKAGE}index.js`],
  );
  assert.deepEqual(second.logits, expected);
  for (const { progress } of [first, second]) {
    assert.ok(grows(progress), "loaded does not grow");
    assert.equal(progress.at(-1).loaded, progress[0].total);
  }
};

for (const [name, options, expectedLogits] of [
  ["model package", {}, () => expected],
  ["folder", { model: FOLDER }, () => expectedOfFolder],
]) {
  tests[`a ${name} works with the network off`] = async (t) => {
    const server = await start(t);
    const page = await open(server);
    t.after(() => page.close());
    await page.evaluate(async () => {
      await navigator.serviceWorker.register("/service-worker.mjs", { type: "module" });
      await navigator.serviceWorker.ready;
    });
    await page.reload();
    assert.deepEqual((await page.evaluate(rank, options)).logits, expectedLogits());
    server.close();
    await page.reload();
    assert.deepEqual((await page.evaluate(rank, options)).logits, expectedLogits());
  };
}

tests["a folder without tokenizer_config.json works with the network off"] = async (t) => {
  let conduct = { status: 404 };
  const down = () => (conduct.status === 0 ? conduct : {});
  const server = await start(t, {
    [`${FOLDER}tokenizer_config.json`]: () => conduct,
    ...Object.fromEntries(
      [`${FOLDER}config.json`, `${FOLDER}tokenizer.json`, ONNX, WASM, RELAXED].map((path) => [path, down]),
    ),
  });
  assert.deepEqual((await visit(server, { model: FOLDER })).logits, expectedOfFolder);
  conduct = { status: 0 };
  assert.deepEqual((await visit(server, { model: FOLDER })).logits, expectedOfFolder);
};

tests["loads in memory if the quota is refused"] = async (t) => {
  if (browser.name !== "chromium") return t.skip("only Chromium's quota can be set from here");
  const server = await start(t);
  const limit = async (page) => {
    const session = await page.createCDPSession();
    const { origin } = server;
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 2_000_000 });
  };
  assert.deepEqual((await visit(server, {}, limit)).logits, expected);
  const left = await stored(server);
  assert.ok(left.some((key) => key.endsWith(" wasm")) && !left.includes(STORED), `stored: ${left}`);
};

tests["loads in memory on an opaque origin"] = async (t) => {
  const shared = () => ({ headers: { "access-control-allow-origin": "*" } });
  const server = await start(t, new Proxy({}, { get: () => shared }));
  const page = await open(server);
  t.after(() => page.close());
  await page.evaluate(() => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    frame.src = location.href;
    document.documentElement.append(frame);
    return new Promise((resolve) => (frame.onload = resolve));
  });
  const frame = await (await page.$("iframe")).contentFrame();
  assert.deepEqual((await frame.evaluate(rank)).logits, expected);
};

tests['stores nothing with storage: "none", and refuses other values'] = async (t) => {
  const server = await start(t);
  assert.deepEqual((await visit(server, { storage: "none" })).logits, expected);
  assert.deepEqual(await stored(server), []);
  const { code, message } = await visit(server, { storage: "disk" });
  assert.equal(code, "invalid-argument");
  assert.match(message, /storage is the string "disk"/);
};

for (const [name, options, conduct] of [
  ["model package", {}, {}],
  ["model package that was sent compressed", {}, { gzip: true }],
  ["folder", { model: FOLDER }, { headers: { etag: '"1"' } }],
]) {
  tests[`a broken download of a ${name} asks for the missing bytes only`] = async (t) => {
    const whole = { ...conduct, gzip: false, ranges: true };
    const path = options.model ? ONNX : PREPARED;
    const server = await start(t, { [path]: inTurn({ ...conduct, cut: CUT }, whole) });
    const { logits, progress } = await visit(server, options);
    assert.deepEqual(logits, options.model ? expectedOfFolder : expected);
    const [first, second, ...more] = server.asked(path);
    assert.equal(first.range, undefined);
    if (conduct.gzip) assert.match(second.range, /^bytes=[1-9]/);
    else assert.equal(second.sent, (options.model ? onnx : prepared).length - rangeStart(second));
    assert.deepEqual(more, []);
    assert.ok(grows(progress), "loaded does not grow");
    assert.equal(progress.at(-1).loaded, progress[0].total);
  };
}

for (const [name, conduct, requests] of [
  ["knows no ranges", {}, 2],
  ["sends another range", { ranges: true, rangeStart: 5 }, 3],
]) {
  tests[`a broken download starts again if the server ${name}`] = async (t) => {
    const server = await start(t, { [PREPARED]: inTurn({ cut: CUT }, conduct) });
    const { logits, progress } = await visit(server);
    assert.deepEqual(logits, expected);
    assert.equal(server.asked(PREPARED).length, requests);
    assert.ok(!grows(progress));
    assert.equal(progress.at(-1).loaded, progress[0].total);
  };
}

tests["parts of different versions of a folder's file are not joined"] = async (t) => {
  const versions = (before, after) => [
    { cut: CUT, content: Buffer.alloc(onnx.length), headers: { etag: before } },
    { ranges: true, headers: { etag: after } },
  ];
  for (const [before, after, ranges] of [
    ['"1"', '"2"', 1],
    ['W/"1"', 'W/"1"', 0],
    [undefined, undefined, 0],
  ]) {
    const server = await start(t, { [ONNX]: inTurn(...versions(before, after).map(withoutUndefined)) });
    assert.deepEqual((await visit(server, { model: FOLDER })).logits, expectedOfFolder);
    assert.equal(server.asked(ONNX).filter((entry) => entry.range).length, ranges, `from ${before}`);
  }
};

function withoutUndefined({ headers, ...rest }) {
  return headers.etag ? { headers, ...rest } : rest;
}

/** Breaks a download, fails until the load gives up, and then works again. */
const failing = (first = {}) =>
  inTurn({ cut: CUT, ...first }, ...Array(4).fill({ status: 503 }), { ranges: true });

tests["the bytes before a failure are kept for the next load"] = async (t) => {
  const server = await start(t, { [PREPARED]: failing() });
  assert.equal((await visit(server)).code, "fetch-failed");
  assert.equal(server.asked(PREPARED).length, 5);
  const { logits, progress } = await visit(server);
  assert.deepEqual(logits, expected);
  const [rest, ...more] = server.asked(PREPARED);
  assert.equal(rest.sent, prepared.length - rangeStart(rest));
  assert.deepEqual(more, []);
  assert.equal(progress.at(-1).loaded, progress[0].total);
  assert.ok((await stored(server)).includes(STORED));
};

for (const [name, first, spoil, ranges] of [
  ["damaged in the storage", {}, (server) => stored(server, damage), [false]],
  ["wrong when they came", { content: Buffer.alloc(2 * CUT, 7) }, () => {}, [true, false]],
  ["longer than the file", { content: Buffer.alloc(3 * CUT, 7), cut: 2 * CUT }, () => {}, [true, false]],
]) {
  tests[`the bytes of a failed load are not trusted: ${name}`] = async (t) => {
    const server = await start(t, { [PREPARED]: failing(first) });
    assert.equal((await visit(server)).code, "fetch-failed");
    assert.ok((await stored(server)).includes(`${STORED}, unfinished`));
    await spoil(server);
    server.asked(PREPARED);
    assert.deepEqual((await visit(server)).logits, expected);
    assert.deepEqual(
      server.asked(PREPARED).map((entry) => entry.range !== undefined),
      ranges,
    );
  };
}

tests["an aborted load stops at once and leaves nothing broken"] = async (t) => {
  let conduct = {};
  const server = await start(t, { [PREPARED]: () => conduct });
  const page = await open(server);
  t.after(() => page.close());

  const { code, progress } = await page.evaluate(rank, { abortAt: 5_000_000 });
  assert.equal(code, "AbortError");
  assert.equal(
    progress.findIndex((p) => p.loaded > 5_000_000),
    progress.length - 1,
  );
  for (let wait = 0; !(await page.evaluate(keys)).includes(`${STORED}, unfinished`); wait += 1) {
    assert.ok(wait < 100, "nothing is kept of the aborted load");
    await sleep(100);
  }

  conduct = { status: 503 };
  assert.equal((await page.evaluate(rank, {})).code, "fetch-failed");

  conduct = { ranges: true, cut: 1_000_000 };
  server.asked(PREPARED);
  const begin = performance.now();
  assert.equal((await page.evaluate(rank, { abortAfter: 500 })).code, "AbortError");
  assert.ok(performance.now() - begin < 2_000);
  assert.match(server.asked(PREPARED)[0].range, /^bytes=[1-9]/);
  await sleep(2_000);
  assert.deepEqual(server.asked(PREPARED), [], "asks after the abort");

  conduct = { ranges: true };
  assert.deepEqual((await page.evaluate(rank, {})).logits, expected);
  assert.equal((await page.evaluate(rank, { abortAt: 0 })).progress.length, 1, "of the copies");
};

for (const [name, content, message] of [
  ["corrupt", () => Buffer.from(prepared).fill(prepared[1000] ^ 1, 1000, 1001), /SHA-256/],
  ["short", () => prepared.subarray(0, CUT), /10000000 bytes instead of \d{8}/],
]) {
  tests[`a ${name} file is asked for once more, refused and not kept`] = async (t) => {
    const wrong = { content: content() };
    const server = await start(t, { [PREPARED]: inTurn(wrong, wrong, { ranges: true }) });
    const refused = await visit(server);
    assert.equal(refused.code, "integrity");
    assert.match(refused.message, message);
    assert.ok(!(await stored(server)).some((key) => key.includes("prepared")));
    server.asked(PREPARED);
    assert.deepEqual((await visit(server)).logits, expected);
    assert.deepEqual(
      server.asked(PREPARED).map((entry) => entry.range),
      [undefined],
    );
  };
}

tests["damaged copies are replaced"] = async (t) => {
  const server = await start(t);
  await visit(server);
  await stored(server, damage);
  server.asked(PREPARED);
  // The damage of the graph is found long after that of the other files.
  const page = await open(server);
  t.after(() => page.close());
  await page.evaluate(hashSlowly);
  assert.deepEqual((await page.evaluate(rank)).logits, expected);
  assert.equal(server.asked(PREPARED).length, 1);
  assert.deepEqual((await visit(server)).logits, expected);
  assert.equal(server.asked(PREPARED).length, 0);
};

/** Runs on the page. */
function hashSlowly() {
  const { subtle } = crypto;
  const digest = subtle.digest.bind(subtle);
  subtle.digest = async (name, content) => {
    if (content.byteLength > 5_000_000) await new Promise((resolve) => setTimeout(resolve, 1_000));
    return digest(name, content);
  };
}

tests["a damaged copy that cannot be replaced fails the load, once"] = async (t) => {
  let conduct = {};
  const server = await start(t, { [PREPARED]: () => conduct });
  await visit(server);
  await stored(server, damage);
  conduct = { status: 403 };
  server.asked(PREPARED);
  assert.equal((await visit(server)).code, "fetch-failed");
  assert.equal(server.asked(PREPARED).length, 1);
};

tests["a folder's copy is used while the server has the same version, or fails"] = async (t) => {
  const noise = { content: Buffer.alloc(onnx.length) };
  const etag = (etag) => ({ headers: { etag } });
  let conduct = etag('"1"');
  const server = await start(t, { [ONNX]: () => conduct });
  const seen = async () => {
    const { code, logits } = await visit(server, { model: FOLDER });
    return code ?? logits;
  };
  assert.deepEqual(await seen(), expectedOfFolder);
  conduct = { ...noise, ...etag('"1"') };
  assert.deepEqual(await seen(), expectedOfFolder, "the same version");
  conduct = { ...noise, ...etag('"2"') };
  assert.equal(await seen(), "invalid-model", "another version");
  conduct = etag('"3"');
  assert.deepEqual(await seen(), expectedOfFolder, "a third version");
  assert.equal((await stored(server)).filter((key) => key.endsWith("onnx")).length, 1);
  conduct = { status: 503 };
  assert.deepEqual(await seen(), expectedOfFolder, "a server that fails");
  conduct = { status: 403 };
  assert.equal(await seen(), "fetch-failed", "a server that refuses");
};

tests["a broken download of the WebAssembly file is continued"] = async (t) => {
  const headers = { etag: '"1"' };
  const broken = { cut: 300_000, headers };
  const server = await start(t, { [WASM]: inTurn(broken, broken, { ranges: true, headers }) });
  assert.deepEqual((await visit(server, { wasm: WASM })).logits, expected);
  assert.match(server.asked(WASM)[2].range, /^bytes=[1-9]/);
  assert.ok((await stored(server)).some((key) => key.endsWith(" wasm")));
};

tests["the WebAssembly file is kept for one version of the package"] = async (t) => {
  const server = await start(t);
  await visit(server);
  const versions = await stored(server, async () => {
    const cache = await caches.open("crossrank");
    const isWasm = ({ url }) => decodeURIComponent(new URL(url).pathname).endsWith(" wasm");
    const [request] = (await cache.keys()).filter(isWasm);
    await cache.delete(request);
    const old = request.url.replace(/\?\d+\.\d+\.\d+/, "?0.0.0");
    await cache.put(old, new Response("old"));
    return { now: request.url, old };
  });
  assert.notEqual(versions.old, versions.now);
  await visit(server);
  const left = await stored(server, async () =>
    (await (await caches.open("crossrank")).keys()).map(({ url }) => url),
  );
  assert.ok(left.includes(versions.now), "the new version is not kept");
  assert.ok(!left.includes(versions.old), "the old version is left");
};

tests["for a model that is not a BERT encoder, the general file is fetched, and nothing twice"] = async (
  t,
) => {
  let conduct = {};
  const down = () => conduct;
  const paths = ["onnx/model.onnx", "tokenizer.json", "config.json", "tokenizer_config.json"];
  const conducts = [...paths.map((path) => OTHER + path), WASM, RELAXED, GENERAL];
  const server = await start(t, Object.fromEntries(conducts.map((path) => [path, down])));
  const options = { model: OTHER, workers: 2 };
  const first = await visit(server, options);
  assert.equal(first.logits?.length, 2, first.message);
  const asked = server.asked("/").map((entry) => entry.path);
  for (const path of [OTHER + paths[0], OTHER + paths[1], GENERAL]) {
    assert.equal(asked.filter((other) => other === path).length, 1, path);
  }
  conduct = { status: 0 };
  assert.deepEqual((await visit(server, options)).logits, first.logits, "with the network off");
};

tests["the general file is not fetched for the bundled model"] = async (t) => {
  const server = await start(t);
  assert.deepEqual((await visit(server)).logits, expected);
  assert.deepEqual(server.asked(GENERAL), []);
};

tests["a missing general file is named, with advice"] = async (t) => {
  const server = await start(t, { [GENERAL]: () => ({ status: 404 }) });
  for (const workers of [0, 1]) {
    const { code, message } = await visit(server, { model: OTHER, workers });
    assert.equal(code, "fetch-failed");
    assert.match(message, /crossrank-general\.wasm.* this model needs it .*serve that file/);
  }
};

tests["two tabs that load at once both succeed"] = async (t) => {
  const server = await start(t);
  const both = await Promise.all([visit(server), visit(server)]);
  for (const { logits } of both) assert.deepEqual(logits, expected);
  server.asked(PREPARED);
  assert.deepEqual((await visit(server)).logits, expected);
  assert.equal(server.asked(PREPARED).length, 0);
};

tests["no request went to any other origin"] = (t) => {
  if (browser.name === "webkit") return t.skip("its driver reports no requests");
  assert.ok(requests.length > 100);
  const others = requests.filter((url) => !origins.has(new URL(url).origin));
  assert.deepEqual(others, []);
};

for (const name of MAIN_ENGINES) {
  describe(name, () => {
    before(async () => {
      browser = await launch(name);
      prepared = await readFile(join(project, PREPARED));
      onnx = await readFile(join(project, ONNX));
      const server = await start({ after });
      expected = (await visit(server)).logits;
      expectedOfFolder = (await visit(server, { model: FOLDER })).logits;
      assert.equal(expected.length, 2);
      assert.notDeepEqual(expectedOfFolder, expected);
      requests.length = 0;
    });
    after(() => browser?.close());
    for (const [title, run] of Object.entries(tests)) test(title, run);
  });
}
