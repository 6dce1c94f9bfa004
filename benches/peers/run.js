// crossrank against its peers on the same model file and pairs. See README.md.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, release, tmpdir, type } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadTokenizer } from "./engines/tokenizer.js";
import { cpu, versions } from "./machine.js";
import { measure } from "./measure.js";
import { peers as allPeers } from "./peers.js";
import { write } from "./report.js";
import { chromiumRuntime } from "./runtimes/chromium.js";
import { nativeRuntime } from "./runtimes/native.js";
import { nodeRuntime } from "./runtimes/node.js";
import { workloads as allWorkloads } from "./workloads.js";

const here = import.meta.dirname;
const root = resolve(here, "../..");
const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    rounds: { type: "string", default: "3" },
    queries: { type: "string", default: "4" },
    package: { type: "string", multiple: true, default: [] },
    worker: { type: "string", default: join(root, "target/release/examples/bench_worker") },
    rten: { type: "string", default: join(root, "target/rten/release/rten_worker") },
    float: { type: "string", default: join(root, "target/minilm-l6-en-f32.onnx") },
    model: { type: "string", default: join(root, "benches/model/minilm-l6-en") },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    out: { type: "string", default: join(root, "benches/record") },
  },
});

/** Installs packed packages in a new folder, as a user would. */
function install(tarballs) {
  if (!tarballs.length) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "crossrank-peers-"));
  execFileSync(
    "npm",
    [
      "install",
      "--prefix",
      folder,
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      ...tarballs.map((t) => resolve(t)),
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  return folder;
}

function commit() {
  const git = (...args) =>
    execFileSync("git", ["-C", root, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    const changed = git(
      "status",
      "--porcelain",
      "--untracked-files=no",
      "--",
      "src",
      "pkg",
      "Cargo.toml",
      "models",
    );
    return git("rev-parse", "--short", "HEAD") + (changed ? "-changed" : "");
  } catch {
    return "uncommitted";
  }
}

/**
 * Whether `--only` selects a runtime, a work or a peer. A word that is not the name of a runtime or a work
 * is a part of peers' names. Words of one kind widen the selection, and words of two kinds narrow it.
 */
function keep(kind, name) {
  const mine = options.only.filter((word) => kindOf(word) === kind);
  return !mine.length || mine.some((word) => (kind === "peer" ? name.includes(word) : name === word));
}

function kindOf(word) {
  return groups.includes(word) ? "runtime" : loadNames.includes(word) ? "work" : "peer";
}

const loadBefore = loadavg()[0];
const installed = install(options.package);
const tokenizer = await loadTokenizer(options.model);
const candidates = allPeers({ ...options, installed });
const leftOut = [
  ...new Set(candidates.filter((p) => p.missing).map((p) => `${p.group} ${p.name} (${p.missing})`)),
];
const usable = candidates.filter((p) => !p.missing);
const groups = [...new Set(usable.map((p) => p.group))];
const loads = allWorkloads(tokenizer, {
  root,
  evalDir: process.env.CROSSRANK_EVAL_DIR,
  queries: Number(options.queries),
});
if (!loads.some(({ name }) => name === "dl19")) leftOut.push("dl19 (CROSSRANK_EVAL_DIR is not set)");

const peerNames = usable.map((p) => p.name);
const loadNames = loads.map((w) => w.name);
for (const word of options.only) {
  if (kindOf(word) === "peer" && !peerNames.some((name) => name.includes(word))) {
    throw new Error(
      `--only ${word}: no such runtime, work or peer. Runtimes: ${groups.join(", ")}; work: ${loadNames.join(", ")}; peers: ${[...new Set(peerNames)].join(", ")}`,
    );
  }
}
const chosen = usable.filter((p) => keep("runtime", p.group) && keep("peer", p.name));
const work = loads.filter((w) => keep("work", w.name));

const runtimes = {
  node: nodeRuntime(),
  native: nativeRuntime(options.worker, "tokens"),
  rten: nativeRuntime(options.rten),
};
const results = [];
let chromium;
let failure;
try {
  for (const group of groups.filter((g) => chosen.some((p) => p.group === g))) {
    const entries = [];
    for (const peer of chosen.filter((p) => p.group === group)) {
      if (peer.runtime === "chromium" && !runtimes.chromium) {
        runtimes.chromium = await chromiumRuntime(options.chromium, {
          peers: here,
          packages: join(here, "node_modules"),
          models: resolve(options.model, ".."),
          crossrank: installed && join(installed, "node_modules/crossrank"),
        });
        chromium = runtimes.chromium.version;
      }
      const runtime = await runtimes[peer.runtime].open();
      const { kernel } = await runtime.send({ op: "load", ...peer.load });
      entries.push({ peer, kernel, runtime });
    }
    for (const workload of work) {
      const participants = entries.filter(({ peer }) => !peer.only || peer.only.includes(workload.name));
      if ((workload.group ?? group) !== group) continue;
      if (!participants.length) continue;
      console.error(`${group}, ${workload.name} ...`);
      const rounds = workload.once ? 1 : Number(options.rounds);
      const lists = workload.lists();
      const pairs = lists.reduce((sum, list) => sum + list.length, 0);
      const peers = await measure(participants, { ...workload, lists: () => lists }, rounds);
      results.push({ group, workload: workload.name, lists: lists.length, pairs, rounds, peers });
    }
    for (const { runtime } of entries) await runtime.close();
  }
} catch (error) {
  // Earlier measurements are still written.
  failure = error;
} finally {
  for (const runtime of Object.values(runtimes)) await runtime.close();
  if (installed) rmSync(installed, { recursive: true, force: true });
}

const { text, files } = write(options.out, {
  about: {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    ...cpu(),
    os: `${type()} ${release().split("-")[0]}`,
    node: process.version,
    chromium,
    model: `${relative(root, resolve(options.model))}, int8`,
    packages: versions(here),
    load: [loadBefore, loadavg()[0]].map((value) => Number(value.toFixed(2))),
    left_out: leftOut,
  },
  results,
});
console.log(text);
console.log(files.join("\n"));
if (failure) throw failure;
