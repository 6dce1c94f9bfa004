//! Estimates how many tokens a text has, and finds where it can be split.

use std::ops::Range;

use super::words::is_unspaced;

/// Estimates the number of tokens that a WordPiece vocabulary makes of a text.
///
/// The estimate is rather too high: one token for five letters of a word, one for two characters of
/// a word that has digits, and one for each other character.
pub fn estimate_tokens(text: &str) -> usize {
    units(text, &[]).iter().map(|unit| unit.tokens).sum()
}

/// The boundary after a unit. A later one is a better place to split a text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Boundary {
    InsideWord,
    Word,
    Sentence,
    Paragraph,
}

/// A word, or a part of a word that is long or written without spaces.
pub struct Unit {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// Its estimated tokens.
    pub tokens: usize,
    /// What ends after it.
    pub boundary: Boundary,
}

/// Words of at least this many bytes are split into several units.
const MAX_UNIT_BYTES: usize = 40;

/// Splits a text into units. `paragraphs` are the offsets at which paragraphs end, ascending.
pub fn units(text: &str, paragraphs: &[usize]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut start = None;
    for (i, c) in text.char_indices() {
        let end = i + c.len_utf8();
        if c.is_whitespace() {
            continue;
        }
        let begin = *start.get_or_insert(i);
        let ends_word = text[end..].chars().next().is_none_or(char::is_whitespace);
        if !(ends_word || is_unspaced(c) || end - begin >= MAX_UNIT_BYTES) {
            continue;
        }
        start = None;
        let word = &text[begin..end];
        let ends_sentence = word
            .trim_end_matches(['"', '\'', ')', ']', '”', '’'])
            .ends_with(['.', '!', '?', '。', '！', '？']);
        let boundary = match (ends_word, ends_sentence) {
            (true, true) => Boundary::Sentence,
            _ if "。！？".contains(c) => Boundary::Sentence,
            (true, false) => Boundary::Word,
            (false, _) => Boundary::InsideWord,
        };
        units.push(Unit { range: begin..end, tokens: word_tokens(word), boundary });
    }
    for &paragraph in paragraphs {
        let before = units.partition_point(|unit| unit.range.end <= paragraph);
        if let Some(last) = before.checked_sub(1) {
            units[last].boundary = Boundary::Paragraph;
        }
    }
    units
}

fn word_tokens(word: &str) -> usize {
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let others = word.chars().filter(|c| !c.is_ascii_alphanumeric()).count();
    let characters_per_token = if digits > 0 { 2 } else { 5 };
    (letters + digits).div_ceil(characters_per_token) + others
}
