// Which words of the question a passage has, as the full-text index sees words.

const WORD = /[\p{L}\p{N}_']+/gu;

/** Gives `{ marked(text), has(text), all }` for a question: pieces of text, and words with what they become. */
export function wordsOf({ tokenizer }, query) {
  const normal = (word) => tokenizer.normalizeToken("", word.toLowerCase());
  const all = [...new Set(query.match(WORD) ?? [])].filter((word) => normal(word));
  const stems = new Map(all.map((word) => [word, normal(word)]));
  // As Orama takes a word for the beginning of others.
  const matches = (word) => all.filter((asked) => normal(word).startsWith(stems.get(asked)));

  return {
    all,
    /** The words of the question that are in a text. */
    in(text) {
      const found = new Set((text.match(WORD) ?? []).flatMap(matches));
      return all.filter((word) => found.has(word));
    },
    /** The text in pieces `{ text, match }`. */
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
