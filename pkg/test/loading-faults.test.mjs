// Loading from servers that refuse, fail or lack files, and by several loads at once. The model is a tiny
// one, in the form of a package and as a folder.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, MAIN_ENGINES } from "./browsers.mjs";
import {
  appWorker,
  asFolder,
  asPackage,
  contents,
  damage,
  FOLDER,
  HTML,
  hurry,
  inTurn,
  keys,
  PATHS,
  rank,
  registerAppWorker,
  visitsOf,
  WASM,
} from "./visits.mjs";

const ONNX = PATHS.onnx;
const CUT = 20_000;

let browser;
let expected;

const tests = {};

const { start, open, visit, stored } = visitsOf(() => browser);

const hurried = (page) => page.evaluateOnNewDocument(hurry);

/** Begins a load and aborts it when a part of the graph has come. Resolves when that is stored. */
async function abortHalfway(server, page) {
  assert.equal((await page.evaluate(rank, { ...asPackage, abortAt: 10_000 })).code, "AbortError");
  const isStored = async () => (await page.evaluate(keys)).some((key) => key.endsWith("unfinished"));
  while (!(await isStored())) await sleep(20);
  server.asked("/");
}

const requestsOf = (entries) => entries.map(({ range }) => (range ? "rest" : "whole"));

for (const [name, refusal] of [
  ...[400, 403, 404, 405, 416, 501].map((status) => [`get the status ${status}`, { status }]),
  ["break the connection", { status: 0 }],
  ["get a page", HTML],
  ["get another part", { ranges: true, rangeStart: 5 }],
  ["get a part that does not say which", { status: 206 }],
]) {
  tests[`a part that was saved does not hinder where requests for the rest ${name}`] = async (t) => {
    const first = inTurn({ cut: CUT, hang: true }, undefined);
    const server = await start(t, { [ONNX]: ({ range }) => first() ?? (range ? refusal : {}) });
    const page = await open(server);
    t.after(() => page.close());
    await abortHalfway(server, page);
    assert.deepEqual((await page.evaluate(rank, asPackage)).logits, expected);
    // Chromium itself repeats a request if the connection breaks before the answer.
    assert.deepEqual([...new Set(requestsOf(server.asked(ONNX)))], ["rest", "whole"]);
    assert.equal((await page.evaluate(keys)).length, 5, "the part is left");
    assert.deepEqual((await page.evaluate(rank, asPackage)).logits, expected);
    assert.deepEqual(server.asked(ONNX), []);
  };
}

tests["a download that broke starts again where requests for the rest are refused"] = async (t) => {
  for (const options of [asPackage, asFolder]) {
    const headers = { etag: '"1"' };
    const conducts = inTurn({ cut: CUT, headers }, { status: 403 }, { headers });
    const server = await start(t, { [ONNX]: conducts });
    assert.deepEqual((await visit(server, options)).logits, expected);
    assert.deepEqual(requestsOf(server.asked(ONNX)), ["whole", "rest", "whole"]);
  }
};

tests["the whole file is asked for in the end where requests for the rest find the server busy"] = async (
  t,
) => {
  const conduct = ({ range }) => (range ? { status: 503 } : {});
  const first = inTurn({ cut: CUT, hang: true }, undefined);
  const server = await start(t, { [ONNX]: (entry) => first() ?? conduct(entry) });
  const page = await open(server, hurried);
  t.after(() => page.close());
  await abortHalfway(server, page);
  assert.deepEqual((await page.evaluate(rank, asPackage)).logits, expected);
  assert.deepEqual(requestsOf(server.asked(ONNX)), [...Array(4).fill("rest"), "whole"]);
};

tests["a download that stalls is continued"] = async (t) => {
  for (const options of [asPackage, asFolder]) {
    const headers = { etag: '"1"' };
    const conducts = inTurn({ cut: CUT, hang: true, headers }, { ranges: true, headers });
    const server = await start(t, { [ONNX]: conducts });
    assert.deepEqual((await visit(server, options, hurried)).logits, expected);
    assert.deepEqual(requestsOf(server.asked(ONNX)), ["whole", "rest"]);
  }
};

tests["a file that comes in parts is put together"] = async (t) => {
  for (const options of [asPackage, asFolder]) {
    const headers = { etag: '"1"' };
    const conducts = inTurn({ cut: CUT, headers }, { ranges: true, rangeEnd: 30_000, headers });
    const server = await start(t, { [ONNX]: conducts });
    assert.deepEqual((await visit(server, options, hurried)).logits, expected);
  }
};

tests["an app's service worker that refuses parts of files does not lock the page out"] = async (t) => {
  const conducts = inTurn({ cut: CUT, hang: true }, { ranges: true });
  const server = await start(t, { [ONNX]: conducts, "/app-worker.js": () => appWorker });
  const page = await open(server);
  t.after(() => page.close());
  await abortHalfway(server, page);
  await page.evaluate(registerAppWorker);
  await page.reload();
  assert.deepEqual((await page.evaluate(rank, asPackage)).logits, expected);
};

for (const [name, failure] of [
  ["busy", { status: 503, headers: { "retry-after": "7" } }],
  ["asked too often", { status: 429, headers: { "retry-after": "7" } }],
  ["away", { status: 0 }],
]) {
  tests[`a file's first request is repeated if the server is ${name}`] = async (t) => {
    for (const path of [ONNX, PATHS.tokenizerConfig]) {
      for (const options of [asPackage, asFolder]) {
        const server = await start(t, { [path]: inTurn(failure, failure, {}) });
        const page = await open(server, hurried);
        assert.deepEqual((await page.evaluate(rank, options)).logits, expected);
        assert.equal(server.asked(path).length, 3);
        const waited = (await page.evaluate("delays")).filter((delay) => delay === 7_000);
        assert.equal(waited.length, failure.headers ? 2 : 0);
        await page.close();
      }
    }
  };
}

tests["a server that stays busy is not called a wrong address"] = async (t) => {
  const server = await start(t, { [ONNX]: () => ({ status: 503 }) });
  const { code, message } = await visit(server, asFolder, hurried);
  assert.equal(code, "fetch-failed");
  assert.match(message, /model_quantized\.onnx answered with status 503; try again later/);
  assert.equal(server.asked(ONNX).length, 5);
};

tests["a server that asks for too long a wait fails the load at once"] = async (t) => {
  const server = await start(t, { [ONNX]: () => ({ status: 503, headers: { "retry-after": "3600" } }) });
  assert.equal((await visit(server, asFolder, hurried)).code, "fetch-failed");
  assert.equal(server.asked(ONNX).length, 1);
};

const ABSENCES = { "the status 404": { status: 404 }, "the status 403": { status: 403 }, "a page": HTML };

/** Answers all paths of the folder in this way, but those that `exist`. */
function lacking(absence, exist) {
  return new Proxy(exist, {
    get: (exist, path) => exist[path] ?? (path.startsWith(FOLDER) ? () => absence : undefined),
  });
}

for (const [name, absence] of Object.entries(ABSENCES)) {
  const existing = { [PATHS.tokenizer]: () => ({}), [PATHS.config]: () => ({}) };

  tests[`a folder without optional files and with a graph in another place loads, by ${name}`] = async (
    t,
  ) => {
    const graph = () => ({ content: contents[ONNX] });
    const server = await start(t, lacking(absence, { ...existing, [`${FOLDER}model.onnx`]: graph }));
    assert.deepEqual((await visit(server, asFolder)).logits, expected);
  };

  tests[`an embedder's folder without optional files loads, by ${name}`] = async (t) => {
    const model = "/separate/embedder/";
    const names = ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json"];
    const others = [...names, "config_sentence_transformers.json", "tokenizer_config.json"];
    const server = await start(t, Object.fromEntries(others.map((name) => [model + name, () => absence])));
    const page = await open(server);
    t.after(() => page.close());
    const dimensions = await page.evaluate(async (model) => {
      const { Embedder } = await import("crossrank");
      const embedder = await Embedder.load({ model, workers: 0, storage: "none" });
      return (await embedder.embedQuery("a")).length;
    }, model);
    assert.equal(dimensions, 384);
  };

  tests[`a required file that is answered by ${name} is named, and why`] = async (t) => {
    const said = { "the status 403": /answered with status 403/, "a page": /answered with an HTML page/ };
    const why = said[name] ?? /there is no/;
    for (const [path, exist] of [
      ["tokenizer.json", { [ONNX]: () => ({ delay: 300 }), [PATHS.config]: () => ({}) }],
      ["onnx/model_quantized.onnx", existing],
    ]) {
      const server = await start(t, lacking(absence, exist));
      const { code, message } = await visit(server, asFolder);
      assert.equal(code, "fetch-failed");
      assert.match(message, why);
      assert.ok(message.includes(`${FOLDER}${path}`), message);
      assert.equal(/no graph in any other place/.test(message), path !== "tokenizer.json", message);
      assert.match(message, /check the address/);
    }
    const server = await start(t, { [ONNX]: () => absence });
    const { code, message } = await visit(server, asPackage);
    assert.equal(code, "fetch-failed");
    assert.match(message, why);
  };

  tests[`a folder loads after a file that was answered by ${name} has been put there`] = async (t) => {
    let isThere = false;
    const conduct = () => (isThere ? {} : absence);
    const server = await start(t, { [PATHS.tokenizer]: conduct, [PATHS.tokenizerConfig]: conduct });
    assert.equal((await visit(server, asFolder)).code, "fetch-failed");
    isThere = true;
    assert.deepEqual((await visit(server, asFolder)).logits, expected);
  };
}

tests["a file is taken for what it holds if the server gives it the type of a page"] = async (t) => {
  const conduct = () => ({ headers: { "content-type": "text/html" } });
  const server = await start(t, Object.fromEntries(Object.values(PATHS).map((path) => [path, conduct])));
  for (const options of [asFolder, asPackage]) {
    assert.deepEqual((await visit(server, options)).logits, expected);
  }
};

tests["a WebAssembly file in whose place a page comes is named"] = async (t) => {
  const server = await start(t, Object.fromEntries(WASM.map((path) => [path, () => HTML])));
  const { code, message } = await visit(server, asPackage);
  assert.equal(code, "fetch-failed");
  assert.match(message, /crossrank[\w-]*\.wasm answered with an HTML page/);
};

for (const [name, conduct] of [
  ["wrong bytes", (content) => ({ content: Buffer.alloc(content.length, 7) })],
  ["a page", () => HTML],
  ["the status 404", () => ({ status: 404 })],
]) {
  tests[`${name} that the browser keeps for an address are asked for anew`] = async (t) => {
    for (const options of [asPackage, asFolder]) {
      for (const path of [ONNX, PATHS.tokenizer, ...WASM]) {
        const content = contents[path] ?? Buffer.alloc(1_000_000, 7);
        const wrong = conduct(content);
        const headers = { ...wrong.headers, etag: '"1"', "cache-control": "max-age=3600" };
        const right = { headers: { etag: '"1"', "cache-control": "max-age=3600" } };
        const conducts = inTurn({ ...wrong, headers }, right);
        const server = await start(t, { [path]: conducts });
        const { logits, code, message } = await visit(server, options);
        assert.deepEqual(logits, expected, `${path}: ${code}: ${message}`);
      }
    }
  };
}

tests["damaged copies of a folder and of the WebAssembly file are replaced"] = async (t) => {
  const headers = { etag: '"1"' };
  let conduct = { headers };
  const answer = () => conduct;
  const paths = [...Object.values(PATHS), ...WASM];
  const server = await start(t, Object.fromEntries(paths.map((path) => [path, answer])));
  assert.deepEqual((await visit(server, asFolder)).logits, expected);
  await stored(server, damage, 7, "/graphs/");
  assert.deepEqual((await visit(server, asFolder)).logits, expected, "a damaged folder");
  server.asked("/");
  assert.deepEqual((await visit(server, asFolder)).logits, expected);
  assert.ok(server.asked(ONNX)[0].sent >= 0);
  await stored(server, damage, 7, " wasm");
  conduct = { status: 0 };
  assert.equal((await visit(server, asFolder, hurried)).code, "fetch-failed", "damaged, and the network off");
  conduct = { headers };
  assert.deepEqual((await visit(server, asFolder)).logits, expected);
  conduct = { status: 0 };
  assert.deepEqual((await visit(server, asFolder, hurried)).logits, expected, "with the network off");
};

/** Several loads at the same time on a page. */
function rankAll(page, loads) {
  const run = (loads, source) => Promise.all(loads.map(new Function(`return ${source}`)()));
  return page.evaluate(run, loads, rank.toString());
}

for (const [name, options] of [
  ["package", asPackage],
  ["folder", asFolder],
]) {
  /** The requests after the first get wrong bytes of the same version. */
  const once = () => {
    const headers = { etag: '"1"' };
    const wrong = { content: Buffer.alloc(contents[ONNX].length), headers };
    return { [ONNX]: inTurn({ delay: 200, headers }, wrong) };
  };

  tests[`loads of a ${name} at the same time on a page download it once, and all report it`] = async (t) => {
    const server = await start(t, once());
    const page = await open(server);
    t.after(() => page.close());
    for (const { logits, progress } of await rankAll(page, [options, options, options])) {
      assert.deepEqual(logits, expected);
      assert.ok(progress.length > 1);
    }
    assert.equal(server.asked(ONNX).length, name === "package" ? 1 : 3);
  };

  tests[`tabs that load a ${name} at the same time download it once`] = async (t) => {
    const server = await start(t, once());
    const all = await Promise.all(Array.from({ length: 5 }, () => visit(server, options)));
    for (const { logits } of all) assert.deepEqual(logits, expected);
    assert.equal(server.asked(ONNX).length, name === "package" ? 1 : 5);
  };
}

/** Resolves when the server has sent a part of the graph. */
async function isAsked(server) {
  while (!server.log.some(({ path, sent }) => path === ONNX && sent > 0)) await sleep(20);
}

/** Runs on the page. Resolves when a load waits for another one. */
async function isWaiting() {
  while ((await navigator.locks.query()).pending.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

tests["a tab that ends in the middle of a download does not block the others"] = async (t) => {
  const server = await start(t, { [ONNX]: inTurn({ cut: CUT, hang: true }, {}) });
  const dying = await open(server);
  dying.evaluate(rank, asPackage).catch(() => {});
  await isAsked(server);
  const page = await open(server);
  t.after(() => page.close());
  const loading = page.evaluate(rank, asPackage);
  await page.evaluate(isWaiting);
  assert.equal(server.log.filter(({ path }) => path === ONNX).length, 1);
  await dying.close();
  assert.deepEqual((await loading).logits, expected);
};

tests["a tab that holds its turn and does nothing does not block the others"] = async (t) => {
  const server = await start(t);
  const page = await open(server, hurried);
  t.after(() => page.close());
  await page.evaluate(() => {
    navigator.locks.request("crossrank tiny onnx", () => new Promise(() => {}));
  });
  assert.deepEqual((await page.evaluate(rank, asPackage)).logits, expected);
  assert.ok((await page.evaluate("delays")).includes(10_000), "it did not wait");
};

tests["a load that is aborted does not abort the others"] = async (t) => {
  const server = await start(t, { [ONNX]: inTurn({ cut: CUT, hang: true }, { ranges: true }) });
  const page = await open(server);
  t.after(() => page.close());
  const aborted = page.evaluate(rank, asPackage);
  await isAsked(server);
  const other = page.evaluate(rank, asPackage);
  await page.evaluate(isWaiting);
  await page.evaluate("loads[0].abort()");
  assert.equal((await aborted).code, "AbortError");
  assert.deepEqual((await other).logits, expected);
  assert.equal(server.asked(ONNX).length, 2);
  assert.equal((await page.evaluate(rank, { ...asPackage, abortAt: 0 })).code, "AbortError");
  assert.equal((await page.evaluate(keys)).length, 5, "an aborted load leaves something in the storage");
};

tests["a storage that does not answer does not block a load"] = async (t) => {
  const server = await start(t);
  const silence = (page) =>
    page.evaluateOnNewDocument(() => {
      caches.open = () => new Promise(() => {});
    });
  const prepare = async (page) => {
    await hurried(page);
    await silence(page);
  };
  assert.deepEqual((await visit(server, asPackage, prepare)).logits, expected);
};

for (const name of ["locks", "BroadcastChannel"]) {
  tests[`loads at the same time succeed in browsers without ${name}`] = async (t) => {
    const server = await start(t, { [ONNX]: () => ({ delay: 200 }) });
    const remove = (page) =>
      page.evaluateOnNewDocument((name) => {
        delete globalThis[name];
        Object.defineProperty(navigator, name, { value: undefined });
      }, name);
    const page = await open(server, remove);
    t.after(() => page.close());
    for (const { logits } of await rankAll(page, [asPackage, asPackage, asPackage])) {
      assert.deepEqual(logits, expected);
    }
  };
}

/** Goes to another page and back after a rerank in a worker. */
const KEPT = `
  const script = async () => {
    const { Reranker } = await import("crossrank");
    const reranker = await Reranker.load({ model: "${FOLDER}", workers: 1 });
    const rerank = async () => (await reranker.rerank("a", ["b", "c"])).results.length;
    await rerank();
    addEventListener("pageshow", async () => fetch("/say/kept-" + (await rerank())));
    setTimeout(() => (location.href = "/away.html"), 300);
  };
  if (sessionStorage.hasLeft) fetch("/say/lost");
  else script();
  sessionStorage.hasLeft = true;
`;
const AWAY = `addEventListener("pageshow", () => setTimeout(() => history.back(), 300));`;

tests["a page with workers is kept in the back/forward cache, and goes on reranking"] = async (t) => {
  const ignoreDefaultArgs = ["--disable-back-forward-cache"];
  const keeping = await launch(browser.name, browser.name === "chromium" ? { ignoreDefaultArgs } : {});
  t.after(() => keeping.close());
  const html = readFileSync(new URL("page.html", import.meta.url), "utf8");
  const pageOf = (script) => () => ({
    content: Buffer.from(html.replace("</html>", `<script>${script}</script></html>`)),
    headers: { "cache-control": "max-age=60" },
  });
  const server = await start(t, { "/kept.html": pageOf(KEPT), "/away.html": pageOf(AWAY) });
  const page = await keeping.newPage();
  await page.goto(`${server.origin}/kept.html`);
  let said;
  while (!said) {
    said = server.log.find(({ path }) => path.startsWith("/say/"))?.path;
    await sleep(50);
  }
  assert.equal(said, "/say/kept-2");
};

for (const name of MAIN_ENGINES) {
  describe(name, () => {
    before(async () => {
      browser = await launch(name);
      const seen = await visit(await start({ after }), asFolder);
      expected = seen.logits;
      assert.equal(expected?.length, 2, seen.message);
    });
    after(() => browser?.close());
    for (const [title, run] of Object.entries(tests)) test(title, run);
  });
}
