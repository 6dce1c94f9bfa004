// Reads the newest record of `make bench-peers`.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const RECORDS = join(import.meta.dirname, "../../../../benches/record");
const TITLE = /^# crossrank and its peers, (\d{4}-\d\d-\d\d), ([0-9a-f]+)$/m;
const SECTION = /^## (.+): (\d+) lists?, (\d+) pairs, (\d+) rounds?$/;

/**
 * `{ file, date, commit, machine, summary, sections }`. Each section has a `name` such as `native, dl19`,
 * the numbers of `lists`, `pairs` and `rounds`, and `rows` with a peer's times in milliseconds.
 */
export function newestRecord() {
  const records = readdirSync(RECORDS)
    .filter((file) => file.endsWith(".md"))
    .map((file) => ({ file, text: readFileSync(join(RECORDS, file), "utf8") }))
    .filter(({ text }) => TITLE.test(text) && text.includes("\n| Work |"))
    .sort((a, b) => (a.file < b.file ? 1 : -1));
  if (records.length === 0) throw new Error(`${RECORDS} has no record of make bench-peers`);
  return readRecord(records[0]);
}

export function readRecord({ file, text }) {
  const [, date, commit] = TITLE.exec(text);
  const [head, ...parts] = text.split(/^(?=## )/m);
  const machine = head.split("\n\n")[1];
  const sections = parts.map((part) => {
    const match = SECTION.exec(part.split("\n")[0]);
    if (!match) throw new Error(`${file} has an unknown heading: ${part.split("\n")[0]}`);
    const [, name, ...counts] = match;
    const [lists, pairs, rounds] = counts.map(Number);
    const rows = tableOf(part).map(({ peer, batch, ...cells }) => {
      return { peer, batch, total: Number(cells.total), fastest: Number(cells["fastest total"]) };
    });
    return { name, lists, pairs, rounds, rows };
  });
  const summary = tableOf(head).map((row) => ({
    work: row.Work,
    against: row.Against,
    ratio: Number(row.Ratio),
  }));
  return { file, date, commit, machine, summary, sections };
}

/** The rows of the first table, by the names of its columns. Of columns with one name, the first counts. */
function tableOf(text) {
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  const [names, , ...rows] = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return rows.map((cells) => {
    const row = {};
    names.forEach((name, i) => (row[name] ??= cells[i]));
    return row;
  });
}

/** The ratio of the summary's row whose texts contain these parts. */
export function ratioOf({ file, summary }, work, against) {
  const row = summary.find((row) => row.work.includes(work) && row.against.includes(against));
  if (!row) throw new Error(`${file} does not compare ${work} with ${against}`);
  return row.ratio;
}
