//! The words of a query.

use super::analysis::{Analyzer, Word};
use crate::text::STOP_WORDS;

/// The largest number of words that a query searches for. It bounds what a whole page as a query costs.
const MAX_WORDS: usize = 24;

/// English words of questions, which say nothing about their subject.
const QUESTION_WORDS: [&str; 34] = [
    "about", "am", "any", "can", "could", "did", "do", "does", "doing", "from", "had", "has",
    "have", "how", "i", "its", "me", "my", "our", "s", "should", "some", "t", "so", "we", "were",
    "what", "when", "where", "which", "who", "why", "would", "you",
];

/// A query in the form in which it is searched.
pub struct Query {
    pub words: Vec<QueryWord>,
}

pub struct QueryWord {
    /// The word as a whole, folded; empty in scripts without spaces.
    pub folded: String,
    /// The terms that stand for it: see [`Word::terms`].
    pub terms: Vec<String>,
    /// Whether more of the word may follow: the last one, with nothing behind it.
    pub is_prefix: bool,
}

impl Query {
    pub fn parse(text: &str, analyzer: &Analyzer) -> Query {
        let all: Vec<Word> = analyzer.words(text).collect();
        let end = text.len();
        let is_stop_word = |word: &Word| {
            STOP_WORDS.contains(&word.folded.as_str())
                || QUESTION_WORDS.contains(&word.folded.as_str())
        };
        let only_stop_words = all.iter().all(is_stop_word);
        let mut words: Vec<QueryWord> = Vec::new();
        for word in all {
            // A single character of a script without spaces begins pairs.
            let is_single = word.folded.is_empty() && word.terms.concat().chars().count() == 1;
            let is_prefix = is_single || word.range.end == end && !word.folded.is_empty();
            let folded = if is_single { word.terms.concat() } else { word.folded.clone() };
            if is_stop_word(&word) && !only_stop_words
                || words.iter().any(|there| there.terms == word.terms)
            {
                continue;
            }
            words.push(QueryWord { folded, terms: word.terms, is_prefix });
        }
        words.truncate(MAX_WORDS);
        Query { words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(String, bool)> {
        let query = Query::parse(text, &Analyzer::new("en"));
        query.words.into_iter().map(|word| (word.terms[0].clone(), word.is_prefix)).collect()
    }

    #[test]
    fn stop_words_count_only_alone_and_the_last_word_may_go_on() {
        assert_eq!(
            words("How do I delete the branches"),
            [("delet".into(), false), ("branch".into(), true)]
        );
        assert_eq!(words("delete "), [("delet".into(), false)]);
        assert_eq!(words("how to"), [("how".into(), false), ("to".into(), true)]);
        assert_eq!(words("?! "), []);
        assert_eq!(words("a b c d ").len(), 3);
    }
}
