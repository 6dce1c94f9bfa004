//! Texts and queries in the form that the full-text index reads.
//!
//! An index file holds words in this form: whoever changes it raises the version of index files.

use crate::text::{STOP_WORDS, fold, has_bigrams, pairs, runs};

/// The largest number of terms that a query searches for. It bounds the cost of a whole page as a query.
const MAX_TERMS: usize = 64;

/// A text as the full-text index takes it. The tokenizer of the index splits at spaces and
/// punctuation, so each character that is searched by pairs becomes a word of its own.
pub fn index_text(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for c in fold(text).chars() {
        if has_bigrams(c) {
            spaced.extend([' ', c, ' ']);
        } else {
            spaced.push(c);
        }
    }
    spaced
}

/// An FTS5 query for the passages that hold at least one word of `query`. Every input gives a valid
/// FTS5 query.
///
/// In Korean and in scripts without spaces, each pair of adjacent characters is a term. Stop words are
/// terms only if the query has no other words. `None` if the query has no words.
pub fn match_any_word(query: &str) -> Option<String> {
    let mut terms: Vec<String> = Vec::new();
    for run in runs(&fold(query)) {
        match run.starts_with(has_bigrams) {
            true => terms.extend(pairs(run).into_iter().map(spaced)),
            false => terms.push(run.to_owned()),
        }
    }
    let is_stop_word = |term: &String| STOP_WORDS.contains(&term.as_str());
    if !terms.iter().all(is_stop_word) {
        terms.retain(|term| !is_stop_word(term));
    }
    let mut distinct: Vec<String> = Vec::new();
    for term in terms {
        if distinct.len() < MAX_TERMS && !distinct.contains(&term) {
            distinct.push(term);
        }
    }
    // FTS5 never reads a quoted string as an operator. These hold letters, digits and spaces only.
    let quoted: Vec<String> = distinct.iter().map(|term| format!("\"{term}\"")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

/// The phrase of FTS5 for characters that are words of their own.
fn spaced(pair: &str) -> String {
    pair.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_become_words_in_quotes() {
        let query = |text: &str| match_any_word(text).unwrap_or_default();
        assert_eq!(
            query("What is a VECTOR database? Vector!"),
            r#""what" OR "vector" OR "database""#
        );
        assert_eq!(
            query(r#"x" OR NEAR(y*) -z ^title:"#),
            r#""x" OR "near" OR "y" OR "z" OR "title""#
        );
        assert_eq!(query("to be or not to be"), r#""to" OR "be" OR "or" OR "not""#);
        assert_eq!(query("DB2向量库 は"), r#""db2" OR "向 量" OR "量 库" OR "は""#);
        assert_eq!(query("naïve Ещё"), r#""naive" OR "еще""#);
        assert_eq!(query("re\u{301}sume\u{301} \u{301}"), r#""resume""#);
        assert_eq!(query("벡터DB는 물"), r#""벡 터" OR "db" OR "는" OR "물""#);
        assert_eq!(query(" \"'();%\0 "), "");
        let long: String = (0..1000).map(|i| format!("w{i} ")).collect();
        assert_eq!(query(&long).matches(" OR ").count(), MAX_TERMS - 1);
    }

    #[test]
    fn characters_that_are_searched_by_pairs_are_spaced() {
        assert_eq!(index_text("ab向量 c"), "ab 向  量  c");
        assert_eq!(index_text("책을"), " 책  을 ");
    }
}
