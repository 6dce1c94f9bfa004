//! BERT's tokenizer: text is cleaned and split at spaces and punctuation. Each word is then cut, from
//! its beginning, into the longest pieces in the vocabulary (WordPiece; Devlin et al. 2019,
//! arXiv:1810.04805).
//!
//! It gives exactly the tokens and offsets of the `tokenizers` crate, and shares its Unicode tables.
//! Accents and punctuation are therefore those of the Unicode version that models were trained with.

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

use super::chars::{self, Char};
use super::tokens::Tokens;
use super::vocabulary::{Hash, Vocabulary};

pub(super) struct Bert {
    pub normalizer: Normalizer,
    pub vocabulary: Vocabulary,
    /// The token of words that cannot be cut into pieces.
    pub unknown: u32,
    /// The prefix of pieces that continue a word: `##`.
    pub continuation_prefix: String,
    /// Words with more characters are unknown.
    pub max_word_chars: usize,
}

/// How text is cleaned.
pub(super) struct Normalizer {
    /// Whether control characters are dropped and white space becomes spaces.
    pub clean: bool,
    /// Whether each Chinese character is a word.
    pub split_chinese: bool,
    pub strip_accents: bool,
    pub lowercase: bool,
}

impl Bert {
    /// The tokens of normalized text.
    pub fn tokenize(&self, chars: &[Char], tokens: &mut Tokens) {
        let (mut word, mut offsets) = (String::new(), Vec::new());
        let mut end_word = |word: &mut String, offsets: &mut Vec<(usize, usize)>| {
            self.split_word(word, offsets, tokens);
            word.clear();
            offsets.clear();
        };
        for &Char { char, start, end } in chars {
            let is_word = is_punctuation(char);
            if is_word || char.is_whitespace() {
                end_word(&mut word, &mut offsets);
            }
            if !char.is_whitespace() {
                word.push(char);
                offsets.push((start, end));
            }
            if is_word {
                end_word(&mut word, &mut offsets);
            }
        }
        end_word(&mut word, &mut offsets);
    }

    /// Splits a word into pieces. `offsets` are those of its characters.
    fn split_word(&self, word: &str, offsets: &[(usize, usize)], tokens: &mut Tokens) {
        let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return };
        let before = tokens.len();
        let mut left = word;
        let mut index = 0;
        while !left.is_empty() && offsets.len() <= self.max_word_chars {
            let prefix = if index == 0 { "" } else { self.continuation_prefix.as_str() };
            let Some((id, bytes)) = self.longest_piece(prefix, left) else { break };
            let (piece, rest) = left.split_at(bytes);
            let next = index + piece.chars().count();
            tokens.push(id, (offsets[index].0, offsets[next - 1].1));
            (left, index) = (rest, next);
        }
        if !left.is_empty() {
            tokens.ids.truncate(before);
            tokens.offsets.truncate(before);
            tokens.push(self.unknown, (first.0, last.1));
        }
    }

    /// The longest token that consists of `prefix` and a beginning of `text`: its id, and the length of
    /// that beginning in bytes.
    fn longest_piece(&self, prefix: &str, text: &str) -> Option<(u32, usize)> {
        let (mut hash, mut found) = (Hash::EMPTY.then(prefix), None);
        for (start, char) in text.char_indices() {
            let end = start + char.len_utf8();
            if prefix.len() + end > self.vocabulary.max_bytes() {
                break;
            }
            hash = hash.then(&text[start..end]);
            let hint = self.vocabulary.hint(hash);
            if !hint.begins {
                break;
            }
            let id = || self.vocabulary.id_after(prefix, &text[..end], hash);
            if let Some(id) = hint.whole.then(id).flatten() {
                found = Some((id, end));
            }
        }
        found
    }
}

impl Normalizer {
    pub fn apply(&self, mut chars: Vec<Char>) -> Vec<Char> {
        if self.clean {
            chars.retain(|c| !is_dropped(c.char));
            for c in chars.iter_mut().filter(|c| c.char.is_whitespace()) {
                c.char = ' ';
            }
        }
        if chars.iter().all(|c| c.char.is_ascii()) {
            // There are no Chinese characters and no accents.
            for c in chars.iter_mut().filter(|_| self.lowercase) {
                c.char = c.char.to_ascii_lowercase();
            }
            return chars;
        }
        if self.split_chinese {
            chars = chars::expand(chars, |c, out| match is_chinese(c) {
                true => out.extend([' ', c, ' ']),
                false => out.push(c),
            });
        }
        if self.strip_accents {
            chars = decompose(&chars);
            chars.retain(|c| !c.char.is_mark_nonspacing());
        }
        if self.lowercase {
            chars = chars::lowercase(chars);
        }
        chars
    }
}

/// Separates letters and accents, in canonical order (Unicode's normalization form D).
fn decompose(chars: &[Char]) -> Vec<Char> {
    let mut sources = chars.iter();
    let mut source = Char { char: ' ', start: 0, end: 0 };
    let decomposed = chars.iter().map(|c| c.char).nfd().map(|(char, added)| {
        if added <= 0 {
            source = sources.next().copied().unwrap_or(source);
        }
        Char { char, ..source }
    });
    decomposed.collect()
}

fn is_dropped(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        ' '..='~' => false,
        _ => c == '\u{fffd}' || c.is_other(),
    }
}

fn is_punctuation(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_punctuation(),
        _ => c.is_punctuation(),
    }
}

/// The blocks of Unicode that BERT regards as Chinese.
fn is_chinese(c: char) -> bool {
    matches!(
        c,
        '\u{4e00}'..='\u{9fff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b73f}'
            | '\u{2b740}'..='\u{2b81f}'
            | '\u{2b920}'..='\u{2ceaf}'
            | '\u{f900}'..='\u{faff}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}
