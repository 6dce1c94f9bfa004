// Writes the record of a run, for machines and for people.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { logitDistance, pairedRatio } from "./measure.js";
import { SUMMARY } from "./peers.js";

const ms = (value) =>
  Number.isNaN(value) ? "" : value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0);
const ratio = (value) => (value === undefined ? "not measured" : Number.isNaN(value) ? "" : value.toFixed(3));

function finder(results) {
  return (group, workload, name) =>
    results
      .find((r) => r.group === group && r.workload === workload)
      ?.peers.find(({ peer }) => peer.name === name);
}

/** The ratio of the total times, so that long lists have their weight. */
const share = (ours, theirs, key = "ms_total") =>
  ours && theirs ? ours.ms[key] / theirs.ms[key] : undefined;

/** The rows of `SUMMARY` with what was measured, as medians of paired ratios. */
export function summary({ about, results }) {
  const find = finder(results);
  // With AVX-VNNI, and with AVX-512 VNNI alone.
  const column = ["avx_vnni", "avx512_vnni"].findIndex((feature) => about.features.includes(feature));
  return SUMMARY.map(({ at, atMost: limits, atMostBeside, beside: others, ...row }) => {
    const both = (names) => names.map((name) => find(...at, name));
    const paired = ([ours, theirs]) => (ours && theirs ? pairedRatio(ours, theirs) : undefined);
    const [ours, theirs] = both([row.ours, row.theirs]);
    const measured = paired([ours, theirs]);
    const found = others?.map((names) => paired(both(names))).filter((value) => value !== undefined);
    const beside = found?.length ? Math.min(...found) : undefined;
    const limit = limits?.[column];
    const atMost = atMostBeside && limit && beside ? Math.min(limit, beside) : limit;
    return {
      ...row,
      group: at[0],
      workload: at[1],
      // Where the package has chosen it.
      kernel: ours?.peer.alias ? ours.kernel : undefined,
      beside,
      atMost,
      measured,
      cpu: share(ours, theirs, "ms_cpu"),
      met: measured === undefined || atMost === undefined ? undefined : measured <= atMost,
    };
  });
}

function summaryTable(record) {
  const lines = ["| Work | Against | Ratio | At most | | of CPU time |", "|---|---|---|---|---|---|"];
  for (const row of summary(record)) {
    const work = row.kernel ? `${row.work} (kernel ${row.kernel})` : row.work;
    const beside = row.beside ? `; onnxruntime-node's two / one is ${ratio(row.beside)}` : "";
    const verdict = row.met === undefined ? "" : row.met ? "met" : "MISSED";
    const atMost = row.atMost === undefined ? "" : ratio(row.atMost);
    const cpu = row.cpu === undefined ? "" : ratio(row.cpu);
    lines.push(
      `| ${work} | ${row.against}${beside} | ${ratio(row.measured)} | ${atMost} | ${verdict} | ${cpu} |`,
    );
  }
  return lines;
}

export function markdown(record) {
  const { about, results } = record;
  const lines = [`# crossrank and its peers, ${about.date}, ${about.commit}`, ""];
  lines.push(
    `${about.cpu}, ${about.os}, load average ${about.load.join(" to ")}, node ${about.node}, Chromium ${about.chromium ?? "not used"}; ${about.model}. ` +
      `Peers: ${Object.entries(about.packages)
        .map(([name, version]) => `${name} ${version}`)
        .join(", ")}. ` +
      "One thread unless said, all graph optimizations, warmed, interleaved. Milliseconds: the sum over the workload's " +
      "lists of each list's median. `CPU` is the process's CPU time, steady where other programs share the cores. `score` and `tokenize` are the two parts of `total`. " +
      "Ratios are ours / theirs; `paired` is the median over turns taken side by side, as are the ratios of the summary.",
    "",
    ...summaryTable(record),
    "",
  );
  for (const { group, workload, lists, pairs, rounds, peers } of results) {
    lines.push(
      `## ${group}, ${workload}: ${lists} list${lists > 1 ? "s" : ""}, ${pairs} pairs, ${rounds} round${rounds > 1 ? "s" : ""}`,
      "",
    );
    const ours = peers.filter(({ peer }) => peer.ours && !peer.alias);
    const columns = ours.flatMap(({ peer }) => [
      `${peer.name} / this: total`,
      "score",
      "fastest",
      "CPU",
      "paired",
      "max Δ logit",
    ]);
    const head = ["peer", "batch", "total", "tokenize", "score", "fastest total", "CPU", ...columns];
    lines.push(`| ${head.join(" | ")} |`, `|${head.map(() => "---").join("|")}|`);
    for (const one of peers) {
      const cells = [
        one.peer.alias ? `${one.peer.name} (kernel ${one.kernel})` : one.peer.name,
        one.batch,
        ms(one.ms.ms_total),
        ms(one.ms.ms_tokenize),
        ms(one.ms.ms_score),
        ms(one.ms.ms_fastest),
        ms(one.ms.ms_cpu),
      ];
      for (const our of ours) {
        if (our === one) cells.push("", "", "", "", "", "");
        else
          cells.push(
            ratio(share(our, one)),
            ratio(share(our, one, "ms_score")),
            ratio(share(our, one, "ms_fastest")),
            ratio(share(our, one, "ms_cpu")),
            ratio(pairedRatio(our, one)),
            logitDistance(our, one).max.toFixed(3),
          );
      }
      lines.push(`| ${cells.join(" | ")} |`);
    }
    lines.push("");
    if (!ours.length && peers.length > 1) {
      const [first, ...others] = peers;
      lines.push(
        `Largest |logit difference| from ${first.peer.name}: ${others.map((o) => `${o.peer.name} ${logitDistance(first, o).max.toFixed(3)}`).join(", ")}.`,
        "",
      );
    }
  }
  if (about.left_out.length) lines.push("", `Left out: ${about.left_out.join("; ")}.`);
  return `${lines.join("\n")}\n`;
}

export function write(folder, record) {
  mkdirSync(folder, { recursive: true });
  const name = `${record.about.date}-${record.about.commit}`;
  const text = markdown(record);
  const plain = record.results.map(({ peers, ...rest }) => ({
    ...rest,
    peers: peers.map(({ peer, kernel, batch, ms, samples }) => ({
      name: peer.name,
      what: peer.what,
      kernel,
      batch,
      ms,
      samples,
    })),
  }));
  const json = { about: record.about, summary: summary(record), results: plain };
  writeFileSync(
    join(folder, `${name}.json`),
    `${JSON.stringify(json, (_, v) => (typeof v === "number" ? Number(v.toPrecision(6)) : v), 1)}\n`,
  );
  writeFileSync(join(folder, `${name}.md`), text);
  return { text, files: ["json", "md"].map((kind) => join(folder, `${name}.${kind}`)) };
}
