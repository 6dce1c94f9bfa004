// Writes alphabets.txt from Unicode's CLDR: `node alphabets.mjs FOLDER`, where FOLDER is the unpacked npm package
// cldr-misc-full.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** The letters of a set of CLDR, such as `[a-c {ch} \u00e4]`, by their numbers. */
function letters(set) {
  const found = new Set();
  const tokens = [...set.slice(1, -1).matchAll(/\\u\{?([0-9a-fA-F]+)\}?|\\(.)|(\s)|(.)/gu)];
  const characters = tokens
    .filter(([, , , space, plain]) => !space && !(plain === "{" || plain === "}"))
    .map(([, code, escaped, , plain]) => ({
      number: code ? Number.parseInt(code, 16) : (escaped ?? plain).codePointAt(0),
      isRange: plain === "-",
    }));
  for (const [i, { number, isRange }] of characters.entries()) {
    if (!isRange) {
      found.add(number);
      continue;
    }
    for (let n = characters[i - 1].number; n < characters[i + 1].number; n++) found.add(n);
  }
  const isLetter = (number) => /\p{Alphabetic}/u.test(String.fromCodePoint(number));
  return [...found].filter(isLetter).sort((a, b) => a - b);
}

/** Numbers as characters, with `a-d` for four or more that follow each other. */
function written(numbers) {
  let text = "";
  for (let i = 0; i < numbers.length; ) {
    let end = i + 1;
    while (numbers[end] === numbers[i] + end - i) end++;
    if (end - i < 4) end = i + 1;
    text += String.fromCodePoint(numbers[i]);
    if (end > i + 1) text += `-${String.fromCodePoint(numbers[end - 1])}`;
    i = end;
  }
  return text;
}

const alphabets = new Map();
for (const locale of readdirSync(join(folder, "main")).sort()) {
  const path = join(folder, "main", locale, "characters.json");
  if (!existsSync(path)) continue;
  const { exemplarCharacters, auxiliary } = JSON.parse(readFileSync(path, "utf8")).main[locale].characters;
  const own = letters(exemplarCharacters);
  if (own.length === 0) continue;
  const text = written([...new Set([...own, ...letters(auxiliary)])].sort((a, b) => a - b));
  // A locale that is not listed has the alphabet of the one without its last part.
  const parts = locale.split("-");
  do parts.pop();
  while (parts.length > 0 && !alphabets.has(parts.join("-")));
  if (alphabets.get(parts.join("-")) !== text) alphabets.set(locale, text);
}
const about = [
  `The letters of languages by Unicode's CLDR ${version}: those of their alphabets, and those of foreign words that are`,
  "common in them. LICENSE-UNICODE is the licence. Made by alphabets.mjs.",
];
const rows = [...alphabets].map(([locale, text]) => `${locale} ${text}`);
writeFileSync(
  new URL("alphabets.txt", import.meta.url),
  `${[...about.map((line) => `# ${line}`), ...rows].join("\n")}\n`,
);
