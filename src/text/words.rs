//! The words of a text, in the form in which words are compared.

use unicase::UniCase;

use super::normalize::{NFC, NFKD, normalize};

/// Words that are so frequent that they say nothing about a passage (Lucene's list for English).
pub const STOP_WORDS: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "will", "with",
];

/// Whether a character belongs to a script that puts no spaces between words: Thai and its
/// neighbours, kana, and Chinese characters.
pub fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{312f}' | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a word is searched by its pairs of adjacent characters. Korean puts spaces between words,
/// and glues particles to them.
pub fn has_bigrams(c: char) -> bool {
    is_unspaced(c) || matches!(c, '\u{ac00}'..='\u{d7a3}')
}

/// A text in the form in which words are compared: without case, accents and compatibility forms,
/// such as those of full and half width (NFKC and full case folding).
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = UniCase::unicode(normalize(text, NFKD)).to_folded_case();
    let mut before = ' ';
    let kept = folded.chars().filter(|&c| {
        let is_kept = !is_optional(c) || is_letter_with_accent(before, c);
        before = c;
        is_kept
    });
    // The folding of Unicode keeps the dotless i, which in Turkish is the small form of I.
    let dotted = kept.map(|c| if c == 'ı' { 'i' } else { c });
    normalize(&dotted.collect::<String>(), NFC)
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

/// The runs of letters and digits of a folded text. Where the script changes between one that is
/// searched by pairs and another one, a run ends.
pub fn runs(folded: &str) -> impl Iterator<Item = &str> {
    let words = folded.split(|c: char| !c.is_alphanumeric());
    words.flat_map(|word| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let by_pairs = has_bigrams(rest.chars().next()?);
            let end = rest.find(|c| has_bigrams(c) != by_pairs).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            Some(run)
        })
    })
}

/// The pairs of adjacent characters of a run; of a run of one character, that character.
pub fn pairs(run: &str) -> Vec<&str> {
    let starts: Vec<usize> = run.char_indices().map(|(start, _)| start).collect();
    if starts.len() < 2 {
        return vec![run];
    }
    let ends = starts.iter().skip(2).copied().chain([run.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &run[start..end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_the_script_changes() {
        let all = |text: &'static str| runs(text).collect::<Vec<_>>();
        assert_eq!(all("db2向量库 は-x"), ["db2", "向量库", "は", "x"]);
        assert_eq!(pairs("向量库"), ["向量", "量库"]);
        assert_eq!(pairs("は"), ["は"]);
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
