// Reads the code blocks of a Markdown page. A block's source is a list of lines `{ text, line }`, where
// `line` is the line of the page, so that an error in it can be named where a reader finds it.

const FENCE = /^([\s>]*)(`{3,}|~{3,})\s*([^`]*)$/;

/** The code of a source. */
export const textOf = (source) => source.map(({ text }) => text).join("\n");

/**
 * The fenced blocks of a page: `{ line, language, words, section, code, source }`. `line` is that of the
 * opening fence, `words` are those after the language, and `section` is the heading of the second level
 * above. `source` is `code` after the setup in a comment before the block, and after the block that it
 * continues.
 */
export function blocksOf(markdown) {
  const blocks = [];
  let section = "";
  let setup = [];
  let comment;
  let block;
  for (const [index, text] of markdown.split(/\r?\n/).entries()) {
    const line = index + 1;
    if (block) {
      if (isClosing(text, block.fence)) {
        blocks.push(finished(block, blocks));
        block = undefined;
      } else {
        block.code.push({ text: withoutIndent(text, block.indent), line });
      }
      continue;
    }
    if (!comment && /^\s*<!--/.test(text)) comment = [];
    if (comment) {
      comment.push({ text, line });
      if (!text.includes("-->")) continue;
      setup.push(...setupOf(comment));
      comment = undefined;
      continue;
    }
    const fence = FENCE.exec(text);
    if (fence) {
      const [language, ...words] = fence[3].trim().split(/[\s,]+/);
      const name = /^[\w-]*/.exec(language)[0];
      block = {
        line,
        section,
        language: name,
        words,
        setup,
        indent: fence[1].length,
        fence: fence[2],
        code: [],
      };
      setup = [];
    } else if (text.trim() !== "") {
      setup = [];
      section = /^## +(.*?)[\s#]*$/.exec(text)?.[1] ?? section;
    }
  }
  if (block) throw Object.assign(new Error("this block is not closed"), { line: block.line });
  return blocks;
}

const isClosing = (text, fence) => {
  const [end] = /^[`~]+$/.exec(text.replace(/^[\s>]*/, "").trimEnd()) ?? [""];
  return end.length >= fence.length && end.startsWith(fence[0]);
};

/** A line of a block without the indentation, or the marks of a quotation, of its fence. */
const withoutIndent = (text, indent) => {
  const [before] = /^[\s>]*/.exec(text.slice(0, indent));
  return text.slice(before.length);
};

/** The lines of `<!-- setup: ... -->`. */
function setupOf(comment) {
  if (!/^\s*<!--\s*setup:/.test(comment[0].text)) return [];
  return comment.map(({ text, line }) => ({
    text: text.replace(/^\s*<!--\s*setup:\s*/, "").replace(/\s*-->.*$/, ""),
    line,
  }));
}

function finished({ line, section, language, words, setup, code }, blocks) {
  if (code.length === 0) throw Object.assign(new Error("this block is empty"), { line });
  let before = [];
  if (words.includes("continues")) {
    const continued = blocks.findLast((block) => block.language === language);
    if (!continued) throw Object.assign(new Error(`there is no ${language} block to continue`), { line });
    before = continued.source;
  }
  return { line, section, language, words, code: textOf(code), source: [...before, ...setup, ...code] };
}

/** The value of a comment `<!-- name: value -->` that holds for a whole page. */
export function pageOption(markdown, name) {
  return new RegExp(`^<!--\\s*${name}:\\s*(.*?)\\s*-->$`, "m").exec(markdown)?.[1];
}
