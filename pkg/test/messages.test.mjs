// Messages that no page of this package sends to its worker. Runs inside the test project, in which the packed
// packages are installed. CROSSRANK_SEED chooses others than the usual ones, and CROSSRANK_FUZZ_SECONDS more of them.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Reranker } from "crossrank";
import * as model from "crossrank-minilm-l6-en";
import { randomOf, seeds } from "./random.mjs";

/** What one worker gets. */
const MESSAGES = 1000;
/** The page's own ids are counted from 0. */
const FIRST_ID = 1e9;
const OPS = ["run", "stop", "load", "hold-lock", "encode", "recall", "remember", "save", "restore", "info"];
const OTHER_OPS = [
  "dispose",
  "ready",
  "constructor",
  "__proto__",
  "toString",
  "then",
  "",
  7,
  null,
  undefined,
];
const PARTS = [
  "lists",
  "options",
  "given",
  "lock",
  "module",
  "files",
  "setup",
  "queries",
  "documents",
  "length",
];

const { pairs } = JSON.parse(await readFile(new URL("golden.json", import.meta.url), "utf8"));
const bits = JSON.parse(await readFile(new URL("logit-bits.json", import.meta.url), "utf8"));

/** Everything that the structured clone algorithm copies, but for values of the platform. */
function messages({ next, below, pick: among }) {
  const some = (depth) => Array.from({ length: below(4) }, () => value(depth + 1));
  const kinds = [
    () => among([null, undefined, true, false]),
    () => among([0, -1, 2 ** 53, 1e300, Number.NaN, Infinity, next()]),
    () => BigInt(below(1000)),
    () => among(["", "a", "\ud800", "x".repeat(1000), "what is a rainbow"]),
    () => among([new Date(), /x/, new Error("y"), new Map([[1, 2]]), new Set([3])]),
    () => among([new Uint8Array(8), new Uint8Array(640), new Float32Array(2), new ArrayBuffer(3)]),
    (depth) => some(depth),
    (depth) => Object.fromEntries(some(depth).map((one) => [among(PARTS), one])),
  ];
  function value(depth = 0) {
    return among(depth < 4 ? kinds : kinds.slice(0, -2))(depth);
  }
  return { among, value };
}

async function sendMessages(seed) {
  const started = once(process, "worker");
  const reranker = await Reranker.load({ model, workers: 1, scoreCache: {} });
  const [worker] = await started;
  let ended = false;
  worker.once("exit", () => (ended = true));
  const answered = new Map();
  worker.on("message", (reply) => {
    if (reply.id >= FIRST_ID && !("results" in reply)) answered.set(reply.id, reply);
  });

  const { among, value } = messages(randomOf(seed));
  const expected = new Set();
  for (let i = 0; i < MESSAGES; i++) {
    if (i % 5 === 0) {
      worker.postMessage(value());
      continue;
    }
    const id = i % 5 === 1 ? value() : FIRST_ID + i;
    const op = among(i % 2 ? OPS : OTHER_OPS);
    const rest = Object.fromEntries(PARTS.map((part) => [part, value()]));
    // Lists of the right form come further.
    const lists = among([rest.lists, { queries: ["a"], documents: [["b", value()]] }]);
    worker.postMessage({
      ...rest,
      lists,
      given: among([rest.given, [lists, value()], [new Uint8Array(32), []]]),
      id,
      op,
    });
    if (typeof id === "number" && op !== "stop") expected.add(id);
  }

  // The worker answers its own page's requests as before, and has answered the others by then.
  for (const [index, { query, passage }] of pairs.slice(0, 5).entries()) {
    const [{ logit }] = await reranker.score([[query, passage]]);
    assert.equal(new Uint32Array(Float32Array.of(logit).buffer)[0], bits[index]);
  }
  assert.equal(ended, false, `the worker ended, seed ${seed}`);
  const unanswered = [...expected].filter((id) => id >= FIRST_ID && !answered.has(id));
  assert.deepEqual(unanswered, [], `seed ${seed}`);
  assert.ok(answered.size > MESSAGES / 2);
  await reranker.dispose();
}

test(`a worker survives ${MESSAGES} messages that no page sends`, async (t) => {
  // The package lets node end when it has as many answers as it has sent requests.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  let sent = 0;
  for (const seed of seeds(1)) {
    await sendMessages(seed);
    sent += MESSAGES;
  }
  t.diagnostic(`${sent} messages`);
});
