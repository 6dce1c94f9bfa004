// Finds the words of the question in a passage, with the rules of the full-text index.

const WORD = /[\p{L}\p{N}_']+/gu;

/** Gives `{ marked(text), has(text), all }` for a question; `all` holds its words and their stems. */
export function wordsOf({ tokenizer }, query) {
  const normal = (word) => tokenizer.normalizeToken("", word.toLowerCase());
  const all = [...new Set(query.match(WORD) ?? [])].filter((word) => normal(word));
  const stems = new Map(all.map((word) => [word, normal(word)]));
  // Orama matches words by their beginnings.
  const matches = (word) => all.filter((asked) => normal(word).startsWith(stems.get(asked)));

  return {
    all,
    /** The words of the question that a text contains. */
    in(text) {
      const found = new Set((text.match(WORD) ?? []).flatMap(matches));
      return all.filter((word) => found.has(word));
    },
    /** The text in pieces `{ text, match }`, of which some match. */
    marked(text) {
      const pieces = [];
      let end = 0;
      for (const { 0: word, index } of text.matchAll(WORD)) {
        if (matches(word).length === 0) continue;
        pieces.push({ text: text.slice(end, index) }, { text: word, match: true });
        end = index + word.length;
      }
      return [...pieces, { text: text.slice(end) }].filter(({ text }) => text);
    },
  };
}
