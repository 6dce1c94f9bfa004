// Parses blocks of data.

import { parse as parseJson, printParseErrorCode } from "jsonc-parser";
import { parse as parseToml } from "smol-toml";
import { parseAllDocuments } from "yaml";
import { textOf } from "./blocks.mjs";

const lineOf = (text, offset) => text.slice(0, offset).split("\n").length;

/** Each gives the errors of a text as `[line, message]`. */
const PARSERS = {
  json: (text) => jsonErrors(text, { disallowComments: true }),
  jsonc: (text) => jsonErrors(text, { allowTrailingComma: true }),
  yaml: (text) =>
    parseAllDocuments(text).flatMap(({ errors }) =>
      errors.map(({ linePos, message }) => [linePos[0].line, message.split("\n")[0]]),
    ),
  toml(text) {
    try {
      parseToml(text);
      return [];
    } catch (error) {
      return [[error.line, error.message.split("\n")[0]]];
    }
  },
};

/** The first error alone, which often leads to others. */
export function jsonErrors(text, options) {
  const errors = [];
  parseJson(text, errors, options);
  return errors.slice(0, 1).map(({ error, offset }) => [lineOf(text, offset), printParseErrorCode(error)]);
}

/** The problems of blocks, as `{ block, line, message }`. */
export function checkData(blocks) {
  return blocks.flatMap((block) =>
    PARSERS[block.language](textOf(block.source)).map(([line, message]) => ({
      block,
      line: block.source[line - 1].line,
      message,
    })),
  );
}
