//! Text analysis: texts and queries in the form that the full-text index reads.

/// Words that are so frequent that they say nothing about a passage (Lucene's list for English).
const STOP_WORDS: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "will", "with",
];

/// The largest number of terms that a query searches for. It bounds the cost of a whole page as a query.
const MAX_TERMS: usize = 64;

/// Whether a character belongs to a script that puts no spaces between words: Thai and its
/// neighbours, kana, and Chinese characters.
pub fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

/// A text as the full-text index takes it. The tokenizer of the index splits at spaces and
/// punctuation, so each character of a script without spaces becomes a word of its own.
pub fn space_characters(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unspaced(c) {
            spaced.extend([' ', c, ' ']);
        } else {
            spaced.push(c);
        }
    }
    spaced
}

/// Whether a character is a combining mark. SQLite's tokenizer takes marks as part of the word and
/// drops them.
fn is_combining_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// An FTS5 query for the passages that hold at least one word of `query`. Every input gives a valid
/// FTS5 query.
///
/// In scripts without spaces, each pair of adjacent characters is a term. Stop words are terms only
/// if the query has no other words. `None` if the query has no words.
pub fn match_any_word(query: &str) -> Option<String> {
    let lower = query.to_lowercase();
    let mut terms: Vec<String> = Vec::new();
    for word in lower.split(|c: char| !(c.is_alphanumeric() || is_combining_mark(c))) {
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let unspaced = is_unspaced(first);
            let end = rest.find(|c| is_unspaced(c) != unspaced).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            match unspaced {
                true => terms.extend(bigrams(run)),
                false if run.contains(char::is_alphanumeric) => terms.push(run.to_owned()),
                false => {}
            }
            rest = after;
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

fn bigrams(run: &str) -> Vec<String> {
    let characters: Vec<char> = run.chars().collect();
    match characters.len() {
        1 => vec![run.to_owned()],
        _ => characters.windows(2).map(|pair| format!("{} {}", pair[0], pair[1])).collect(),
    }
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
        assert_eq!(query("naïve Ещё"), r#""naïve" OR "ещё""#);
        // Combining marks belong to words, even if they come from lowercasing a capital letter.
        assert_eq!(query("re\u{301}sume\u{301} \u{301}"), "\"re\u{301}sume\u{301}\"");
        assert_eq!(query("İstanbul"), "\"i\u{307}stanbul\"");
        assert_eq!(query(" \"'();%\0 "), "");
        let long: String = (0..1000).map(|i| format!("w{i} ")).collect();
        assert_eq!(query(&long).matches(" OR ").count(), MAX_TERMS - 1);
    }

    #[test]
    fn characters_of_scripts_without_spaces_are_spaced() {
        assert_eq!(space_characters("ab向量 c"), "ab 向  量  c");
    }
}
