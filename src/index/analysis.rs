//! Text analysis: texts and queries in the form that the full-text index reads.
//!
//! An index file holds words in this form: whoever changes it raises the version of index files.

use unicase::UniCase;
use unicode_normalization_alignments::UnicodeNormalization;

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
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{312f}' | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a word is searched by its pairs of adjacent characters. Korean puts spaces between words,
/// and glues particles to them.
fn has_bigrams(c: char) -> bool {
    is_unspaced(c) || matches!(c, '\u{ac00}'..='\u{d7a3}')
}

/// A text in the form in which words are compared: without case, accents and compatibility forms,
/// such as those of full and half width (NFKC and full case folding).
fn fold(text: &str) -> String {
    let decomposed: String = text.nfkd().map(|(c, _)| c).collect();
    let folded = UniCase::unicode(decomposed).to_folded_case();
    let mut before = ' ';
    let kept = folded.chars().filter(|&c| {
        let is_kept = !is_optional(c) || is_letter_with_accent(before, c);
        before = c;
        is_kept
    });
    // The folding of Unicode keeps the dotless i, which in Turkish is the small form of I.
    let dotted = kept.map(|c| if c == 'ı' { 'i' } else { c });
    let text: String = dotted.collect();
    text.nfc().map(|(c, _)| c).collect()
}

/// Whether a character is one that writers leave out: an accent, a vowel point of Hebrew or Arabic,
/// Arabic's stretched line, or a character that is not seen, such as a soft hyphen.
fn is_optional(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}'
        | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}' | '\u{5c7}' | '\u{640}'
        | '\u{64b}'..='\u{652}' | '\u{670}' | '\u{200d}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}')
}

/// Whether a letter with an accent is a letter of its own, which nobody writes without: Cyrillic й, ў,
/// ї, ѓ and ќ.
fn is_letter_with_accent(letter: char, accent: char) -> bool {
    matches!((letter, accent), ('и' | 'у', '\u{306}') | ('і', '\u{308}') | ('г' | 'к', '\u{301}'))
}

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
    for word in fold(query).split(|c: char| !c.is_alphanumeric()) {
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let by_pairs = has_bigrams(first);
            let end = rest.find(|c| has_bigrams(c) != by_pairs).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            match by_pairs {
                true => terms.extend(bigrams(run)),
                false => terms.push(run.to_owned()),
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

    #[test]
    fn words_that_readers_take_for_the_same_are_the_same() {
        for (a, b) in [
            ("ハンカクガギ", "ﾊﾝｶｸｶﾞｷﾞ"),
            ("ＡＢＣ１２", "abc12"),
            ("Strasse STRASSE", "Straße STRAẞE"),
            ("ﬁnal", "FINAL"),
            ("ığdır ISPARTA istanbul", "Iğdır ısparta İSTANBUL"),
            ("ежик ЕЩЁ", "Ёжик еще"),
            ("за\u{301}мок", "замок"),
            ("Αθήνα λόγος", "ΑΘΗΝΑ ΛΟΓΟΣ"),
            ("re\u{301}sume\u{301}", "RÉSUMÉ"),
            ("m²", "M2"),
            ("Daten\u{ad}bank", "datenbank"),
            ("كِتَابٌ", "كتاب"),
            ("שָׁלוֹם", "שלום"),
            // Hangul as single letters, and in the form of half width.
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("ﾡ", "ㄱ"),
        ] {
            assert_eq!(fold(a), fold(b), "{a}, {b}");
        }
        for (a, b) in [("мой", "мои"), ("їх", "іх"), ("か", "が"), ("ハ", "パ"), ("שׁלום", "שלם")]
        {
            assert_ne!(fold(a), fold(b), "{a}, {b}");
        }
    }
}
