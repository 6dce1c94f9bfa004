// After any sequence of visits on which something went wrong, a visit with a healthy network succeeds. The
// sequences are random. CROSSRANK_SEED chooses others than the usual ones, and a failure names its own.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, MAIN_ENGINES } from "./browsers.mjs";
import { randomOf } from "./random.mjs";
import {
  appWorker,
  asFolder,
  asPackage,
  contents,
  HTML,
  hurry,
  PATHS,
  rank,
  registerAppWorker,
  visitsOf,
  WASM,
} from "./visits.mjs";

const FIRST_SEED = Number(process.env.CROSSRANK_SEED ?? 1);
/** Firefox's driver fails at times where tabs open and close at once. */
const SEQUENCES = {
  chromium: { count: 32, atOnce: 2 },
  firefox: { count: 8, atOnce: 1 },
  webkit: { count: 16, atOnce: 2 },
};
const MAX_FAULTY_VISITS = 4;
/** Nothing takes this long, so that a load which has not ended by then never will. */
const HANG_MS = 60_000;
const PREPARATION_MS = 10_000;

const FILES = [...Object.values(PATHS), ...WASM];
const contentOf = (path) => contents[path] ?? readFileSync(join(process.env.CROSSRANK_PROJECT, path));
const STATUSES = [400, 401, 403, 404, 405, 408, 410, 416, 429, 500, 501, 502, 503];
/** The browser itself keeps such an answer. */
const KEPT = { "cache-control": "max-age=3600" };

/** What a healthy server answers. It can continue a download, and knows the version of each file. */
const healthy = () => ({ ranges: true, headers: { etag: '"1"' } });

const FAULTS = {
  cut: ({ below }, content) => ({ ...healthy(), cut: below(content.length) }),
  "cut, without a version": ({ below }, content) => ({ cut: below(content.length) }),
  status: ({ pick }) => ({ status: pick(STATUSES), headers: { "retry-after": "1" } }),
  "status that is kept": ({ pick }) => ({ status: pick([404, 410]), headers: KEPT }),
  "no answer": () => ({ status: 0 }),
  page: () => HTML,
  "page that is kept": () => ({ ...HTML, headers: { ...HTML.headers, ...KEPT } }),
  "wrong bytes": (_, content) => ({ ...healthy(), content: Buffer.alloc(content.length, 7) }),
  "wrong bytes that are kept": (_, content) => ({
    content: Buffer.alloc(content.length, 7),
    headers: { ...healthy().headers, ...KEPT },
  }),
  "too few bytes": ({ below }, content) => ({ content: content.subarray(0, below(content.length)) }),
  "another version": ({ below }) => ({ ...healthy(), headers: { etag: `"${below(3)}"` } }),
  "another part": ({ below }) => ({ ...healthy(), rangeStart: 1 + below(1_000) }),
  "a short part": ({ below }) => ({ ...healthy(), rangeEnd: 40_000 + below(2_000) }),
  "no parts": () => ({ headers: { etag: '"1"' } }),
};

/** Runs on the page. Removes some files from the storage. */
async function clearSome(chances) {
  const cache = await caches.open("crossrank");
  const keys = await cache.keys();
  await Promise.all(keys.map((key, i) => chances[i % chances.length] && cache.delete(key)));
}

/** Runs on the page. Overwrites some files in the storage with others, cut files or other bytes. */
async function damageSome(chances) {
  const cache = await caches.open("crossrank");
  const keys = await cache.keys();
  const copies = await Promise.all(keys.map((key) => cache.match(key)));
  const blobs = await Promise.all(copies.map((copy) => copy.clone().blob()));
  const damaged = (i) => {
    const { headers } = copies[i];
    const content = [blobs[(i + 1) % keys.length], blobs[i].slice(0, blobs[i].size / 2), "damaged"][i % 3];
    return i % 4 === 3 ? copies[(i + 1) % keys.length].clone() : new Response(content, { headers });
  };
  await Promise.all(keys.map((key, i) => chances[i % chances.length] && cache.put(key, damaged(i))));
}

async function runSequence(t, { open, start }, seed, expected) {
  const random = randomOf(seed);
  const { below, chance, pick } = random;
  const events = [];
  const name = pick(["package", "folder"]);
  const options = name === "package" ? asPackage : asFolder;
  let faultiness = 0;
  let refusesParts = false;
  const conduct = (path) => (entry) => {
    if (refusesParts && entry.range) return { status: 403 };
    if (!chance(faultiness)) return healthy();
    const fault = pick(Object.keys(FAULTS));
    events.push(`${path.split("/").pop()} ${entry.range ?? ""}: ${fault}`);
    return FAULTS[fault](random, contentOf(path));
  };
  const conducts = Object.fromEntries(FILES.map((path) => [path, conduct(path)]));
  const server = await start(t, { ...conducts, "/app-worker.js": () => appWorker });
  const hurried = (page) => page.evaluateOnNewDocument(hurry);
  const fail = (what) => assert.fail(`seed ${seed}, ${name}: ${what}\n${events.join("\n")}`);

  async function inTime(promise, what) {
    const end = new AbortController();
    const late = sleep(HANG_MS, undefined, { signal: end.signal }).then(() => fail(`${what} hangs`));
    late.catch(() => {});
    return Promise.race([promise, late]).finally(() => end.abort());
  }

  async function load(page, more) {
    const seen = await inTime(page.evaluate(rank, { ...options, ...more }), "the load");
    events.push(seen.logits ? "loaded" : `${seen.code}: ${seen.message}`);
    return seen;
  }

  const preparations = {
    nothing: () => {},
    "the storage is partly cleared": (page, chances) => page.evaluate(clearSome, chances),
    "the storage is damaged": (page, chances) => page.evaluate(damageSome, chances),
    "a service worker is registered": (page) => page.evaluate(registerAppWorker),
    "the server refuses parts": () => void (refusesParts = true),
  };
  const visits = 1 + below(MAX_FAULTY_VISITS);
  for (let visit = 0; visit < visits; visit += 1) {
    const preparation = pick(Object.keys(preparations));
    const faults = pick([0, 0.2, 0.5, 0.9]);
    const end = pick(["to its end", "to its end", "aborted", "closed"]);
    events.push(`visit ${visit}: ${preparation}; faults ${faults}; ${end}`);
    const page = await inTime(open(server, hurried), "the page");
    const chances = [chance(0.5), chance(0.5), chance(0.5)];
    // If the browser's storage does not answer, the load has to succeed without it.
    await Promise.race([
      preparations[preparation](page, chances),
      sleep(PREPARATION_MS, undefined, { ref: false }),
    ]);
    faultiness = faults;
    if (end === "closed") {
      page.evaluate(rank, options).catch(() => {});
      await sleep(below(400));
    } else {
      const { code, logits } = await load(page, end === "aborted" ? { abortAt: below(50_000) } : {});
      const isKnown = [
        "fetch-failed",
        "integrity",
        "invalid-model",
        "tokenizer-mismatch",
        "runtime-failed",
        "AbortError",
      ].includes(code);
      if (!isKnown && JSON.stringify(logits) !== JSON.stringify(expected))
        fail("neither an error nor the scores");
    }
    await page.close();
    faultiness = 0;
  }
  for (const healthyVisit of ["a healthy visit", "another one"]) {
    events.push(healthyVisit);
    const page = await inTime(open(server), "the page");
    const { logits } = await load(page);
    if (JSON.stringify(logits) !== JSON.stringify(expected)) fail("the healthy visit fails");
    await page.close();
  }
  server.close();
}

for (const name of MAIN_ENGINES) {
  const { count, atOnce } = SEQUENCES[name];
  test(`${name}: after any sequence of faults, a healthy visit succeeds`, async (t) => {
    const browser = await launch(name);
    t.after(() => browser.close());
    const visits = visitsOf(() => browser);
    const { logits: expected } = await visits.visit(await visits.start(t), asFolder);
    assert.equal(expected?.length, 2);
    const seeds = Array.from({ length: count }, (_, i) => FIRST_SEED + i);
    t.diagnostic(`seeds ${seeds[0]} to ${seeds.at(-1)}`);
    const failures = [];
    const runNext = async () => {
      while (seeds.length > 0) {
        await runSequence(t, visits, seeds.shift(), expected).catch((error) => failures.push(error.message));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, runNext));
    assert.equal(failures.length, 0, failures.join("\n\n"));
  });
}
