//! The terms of a site's texts and of queries: folded, stemmed words, and the parts of identifiers.

use std::ops::Range;

use waken_snowball::SnowballEnv;
use waken_snowball::algorithms::english_stemmer;

use crate::text::{fold, has_bigrams, pairs, runs};

/// Longer words are data rather than language, such as keys in base 64.
const MAX_WORD_BYTES: usize = 80;

type Stem = fn(&mut SnowballEnv) -> bool;

/// The analysis of texts in one language.
pub struct Analyzer(Option<Stem>);

/// A word of a text.
#[derive(Debug, PartialEq)]
pub struct Word {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// It as a whole, folded. Empty in scripts without spaces.
    pub folded: String,
    /// What the index holds of it: the stem of the whole first, then those of the parts of an
    /// identifier, or pairs of characters in scripts without spaces.
    pub terms: Vec<String>,
}

impl Analyzer {
    /// The analyzer for a language tag such as `en` or `pt-BR`. Words of a language without a stemmer
    /// are only folded.
    pub fn new(language: &str) -> Analyzer {
        Analyzer(stemmer(primary(language)))
    }

    /// The words of a text, in order.
    pub fn words<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Word> + 't {
        let mut start = 0;
        std::iter::from_fn(move || {
            let rest = &text[start..];
            let first = start + rest.find(char::is_alphanumeric)?;
            // Underscores before a name belong to it.
            let begin = text[start..first].trim_end_matches('_').len() + start;
            let length = text[begin..].find(|c| !is_joined(c)).unwrap_or(text.len() - begin);
            start = begin + length;
            Some(begin..start)
        })
        .filter(|range| range.len() <= MAX_WORD_BYTES || text[range.clone()].contains(has_bigrams))
        .flat_map(|range| self.split(text, range))
    }

    /// The words of a run of letters, digits and underscores: more than one where the script changes.
    fn split(&self, text: &str, range: Range<usize>) -> Vec<Word> {
        let word = &text[range.clone()];
        if !word.contains(has_bigrams) {
            return vec![self.word(word, range)];
        }
        let mut words = Vec::new();
        let mut start = 0;
        while let Some(first) = word[start..].chars().next() {
            let by_pairs = has_bigrams(first);
            let length = word[start..].find(|c| has_bigrams(c) != by_pairs);
            let end = length.map_or(word.len(), |length| start + length);
            let range = range.start + start..range.start + end;
            let part = word[start..end].trim_matches('_');
            match by_pairs {
                true => {
                    let folded = fold(part);
                    let terms = runs(&folded).flat_map(pairs).map(str::to_owned).collect();
                    words.push(Word { range, folded: String::new(), terms });
                }
                false if !part.is_empty() => words.push(self.word(part, range)),
                false => (),
            }
            start = end;
        }
        words
    }

    fn word(&self, word: &str, range: Range<usize>) -> Word {
        let folded = fold(word);
        // Fewer underscores around a word are more often those of an emphasis.
        let folded = match folded.ends_with("__") {
            true => folded,
            false => folded.trim_matches('_').to_owned(),
        };
        let mut terms = vec![self.stem(&folded)];
        for part in parts(word) {
            let term = self.stem(&fold(part));
            if !terms.contains(&term) {
                terms.push(term);
            }
        }
        Word { range, folded, terms }
    }

    /// The stem of a folded word.
    pub fn stem(&self, folded: &str) -> String {
        match &self.0 {
            Some(stem) if folded.chars().all(char::is_alphabetic) => {
                let mut word = SnowballEnv::create(folded);
                stem(&mut word);
                fold(&word.get_current())
            }
            _ => folded.to_owned(),
        }
    }
}

fn primary(language: &str) -> &str {
    language.split('-').next().unwrap_or_default()
}

/// The languages with a stemmer besides English.
const STEMMED: [&str; 21] = [
    "ar", "ca", "da", "de", "el", "es", "fi", "fr", "hi", "hu", "id", "it", "nb", "nl", "nn", "no",
    "pt", "ro", "ru", "sv", "tr",
];

/// Whether texts in a language need a stemmer that only builds with the feature `site-languages` have in
/// WebAssembly.
pub fn needs_stemmers(language: &str) -> bool {
    STEMMED.contains(&primary(language))
}

/// Whether this build can analyze texts in a language.
pub fn is_supported(language: &str) -> bool {
    !needs_stemmers(language) || stemmer(primary(language)).is_some()
}

fn stemmer(language: &str) -> Option<Stem> {
    match language {
        "en" => Some(english_stemmer::stem),
        _ => other_stemmer(language),
    }
}

#[cfg(all(target_arch = "wasm32", not(feature = "site-languages")))]
fn other_stemmer(_: &str) -> Option<Stem> {
    None
}

#[cfg(not(all(target_arch = "wasm32", not(feature = "site-languages"))))]
fn other_stemmer(language: &str) -> Option<Stem> {
    use waken_snowball::algorithms::*;

    Some(match language {
        "ar" => arabic_stemmer::stem,
        "ca" => catalan_stemmer::stem,
        "da" => danish_stemmer::stem,
        "nl" => dutch_stemmer::stem,
        "fi" => finnish_stemmer::stem,
        "fr" => french_stemmer::stem,
        "de" => german_stemmer::stem,
        "el" => greek_stemmer::stem,
        "hi" => hindi_stemmer::stem,
        "hu" => hungarian_stemmer::stem,
        "id" => indonesian_stemmer::stem,
        "it" => italian_stemmer::stem,
        "nb" | "nn" | "no" => norwegian_stemmer::stem,
        "pt" => portuguese_stemmer::stem,
        "ro" => romanian_stemmer::stem,
        "ru" => russian_stemmer::stem,
        "es" => spanish_stemmer::stem,
        "sv" => swedish_stemmer::stem,
        "tr" => turkish_stemmer::stem,
        _ => return None,
    })
}

/// Whether a character continues a word that a letter or digit began.
fn is_joined(c: char) -> bool {
    // Accents that follow their letters.
    c.is_alphanumeric() || c == '_' || matches!(c, '\u{300}'..='\u{36f}' | '\u{ad}')
}

/// The parts of an identifier such as `max_connections` or `HashMap`; nothing for other words.
fn parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let characters: Vec<(usize, char)> = word.char_indices().collect();
    for (i, &(at, c)) in characters.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| characters[i].1);
        let after = characters.get(i + 1).map(|&(_, c)| c);
        let is_hump = c.is_uppercase()
            && (before.is_some_and(char::is_lowercase)
                || before.is_some_and(char::is_uppercase) && after.is_some_and(char::is_lowercase));
        if c == '_' || is_hump {
            parts.push(&word[start..at]);
            start = if c == '_' { at + 1 } else { at };
        }
    }
    parts.push(&word[start..]);
    parts.retain(|part| part.chars().nth(1).is_some());
    let is_whole = parts.len() == 1 && parts[0].len() == word.trim_matches('_').len();
    if is_whole && !word.ends_with("__") { Vec::new() } else { parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(language: &str, text: &str) -> Vec<Vec<String>> {
        Analyzer::new(language).words(text).map(|word| word.terms).collect()
    }

    #[test]
    fn words_are_folded_and_stemmed() {
        assert_eq!(terms("en", "Configured naïvely!"), [["configur"], ["naiv"]]);
        assert_eq!(terms("de-AT", "Häuser"), [["haus"]]);
        assert_eq!(terms("xx", "Häuser"), [["hauser"]]);
        assert_eq!(terms("en", "HTTP2 -_x_"), [["http2"], ["x"]]);
    }

    #[test]
    fn languages_with_stemmers_are_those_that_are_listed() {
        for language in STEMMED {
            assert!(stemmer(language).is_some() && needs_stemmers(language), "{language}");
        }
        assert!(is_supported("en") && is_supported("xx") && !needs_stemmers("en-US"));
    }

    #[test]
    fn identifiers_are_found_whole_and_by_their_parts() {
        assert_eq!(terms("en", "max_connections"), [["max_connections", "max", "connect"]]);
        assert_eq!(terms("en", "HashMap"), [["hashmap", "hash", "map"]]);
        assert_eq!(terms("en", "HTMLParser"), [["htmlparser", "html", "parser"]]);
        assert_eq!(terms("en", "__slots__"), [["__slots__", "slot"]]);
        assert_eq!(terms("en", "_x_ _tables_"), [["x"], ["tabl"]]);
        assert_eq!(terms("en", "WHERE"), [["where"]]);
    }

    #[test]
    fn scripts_without_spaces_give_pairs_and_ranges_are_of_the_text() {
        let text = "DB2向量库 ok";
        let words: Vec<Word> = Analyzer::new("zh").words(text).collect();
        let parts: Vec<&str> = words.iter().map(|word| &text[word.range.clone()]).collect();
        assert_eq!(parts, ["DB2", "向量库", "ok"]);
        assert_eq!(words[1].terms, ["向量", "量库"]);
    }
}
