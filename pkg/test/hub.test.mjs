// Loading by name in node: the hub's cache, and the environment's settings. Runs inside the test project,
// with each load in a process of its own.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { COMMIT, tinyHub } from "./hub-server.mjs";

const project = new URL("./", import.meta.url);
const tiny = fileURLToPath(new URL("graphs/int8-tensor/", project));
let hub;
let home;
let expected;

const PROGRAM = `
  const { Embedder, Reranker } = await import("crossrank");
  const [given, { embedder, ...options }] = JSON.parse(process.argv.at(-1));
  try {
    if (embedder) await Embedder.load(given, options);
    const reranker = await Reranker.load(given, options);
    const [{ logit }] = await reranker.score([["search query", "the rank of a passage is its score"]]);
    console.log(JSON.stringify({ logit }));
  } catch ({ code, message }) {
    console.log(JSON.stringify({ code, message }));
  }`;

/** The result of a load in a process with these variables, and the requests to the hub. */
async function load(given, options = {}, variables = {}) {
  const own = { HF_HOME: home, HF_ENDPOINT: hub.origin, ...variables };
  const env = { PATH: process.env.PATH, HOME: home, ...own };
  const program = ["--input-type=module", "-e", PROGRAM, JSON.stringify([given, options])];
  const { stdout } = await promisify(execFile)(process.execPath, program, {
    cwd: fileURLToPath(project),
    env,
  });
  const log = await (await fetch(`${hub.origin}/log`)).json();
  return { ...JSON.parse(stdout), log };
}

before(async () => {
  hub = await tinyHub(project);
  home = await mkdtemp(join(tmpdir(), "crossrank-hub-"));
  expected = (await load({ model: tiny })).logit;
  assert.ok(Number.isFinite(expected));
});
after(async () => {
  hub.close();
  await rm(home, { recursive: true });
});

test("the environment names the hub and its token, which mirrors do not get", async () => {
  const { logit, log } = await load("owner/tiny", {}, { HF_TOKEN: "hf_of_variable" });
  assert.equal(logit, expected);
  assert.equal(log[0].authorization, "Bearer hf_of_variable");
  const mirror = await load("owner/tiny", { baseUrl: hub.origin }, { HF_TOKEN: "hf_of_variable" });
  assert.equal(mirror.logit, expected);
  assert.ok(mirror.log.every(({ authorization }) => authorization === undefined));
});

test("a model in the hub's cache is read from there, without any request", async () => {
  const offline = await load("owner/tiny", {}, { HF_HUB_OFFLINE: "1" });
  assert.equal(offline.code, "model-not-installed");
  assert.match(offline.message, /crossrank pull owner\/tiny/);
  assert.deepEqual(offline.log, []);

  for (const [variables, place] of [
    [{}, join(home, "hub")],
    [{ HF_HUB_CACHE: join(home, "own") }, join(home, "own")],
    [{ HF_HOME: "", XDG_CACHE_HOME: join(home, "xdg") }, join(home, "xdg", "huggingface", "hub")],
  ]) {
    const own = join(place, "models--owner--tiny");
    await mkdir(join(own, "refs"), { recursive: true });
    await writeFile(join(own, "refs", "main"), COMMIT);
    const snapshot = join(own, "snapshots", COMMIT);
    await cp(join(tiny, "onnx"), join(snapshot, "onnx"), { recursive: true });
    assert.ok((await load("owner/tiny", {}, variables)).log.length > 0, "without a tokenizer");
    await cp(tiny, snapshot, { recursive: true });
    for (const offline of ["0", "1"]) {
      const { logit, log } = await load("owner/tiny", {}, { ...variables, HF_HUB_OFFLINE: offline });
      assert.deepEqual([logit, log], [expected, []]);
    }
    await rm(own, { recursive: true });
  }
});

test("the cache's external weights are read, and an incomplete embedder is not", async () => {
  const snapshot = (name) => join(home, "hub", `models--owner--${name}`, "snapshots", "main");
  await cp(fileURLToPath(new URL("graphs/external-int8/", project)), snapshot("other"), { recursive: true });
  const { logit, log } = await load("owner/other");
  assert.ok(Math.abs(logit - 0.584) < 0.1, `the logit is ${logit}`);
  assert.deepEqual(log, []);

  await cp(tiny, snapshot("half"), { recursive: true });
  assert.deepEqual((await load("owner/half")).log, []);
  const asked = (await load("owner/half", { embedder: true })).log;
  assert.match(asked[0].path, /^\/api\/models\/owner\/half\//);
});

test("invalid settings are named", async () => {
  for (const variables of [{ HF_ENDPOINT: "hf-mirror.example" }, { HF_TOKEN: "hf_\nsecret" }]) {
    const { code, message } = await load("owner/tiny", {}, variables);
    assert.equal(code, "invalid-argument");
    assert.ok(!message.includes("secret"), message);
  }
});
