//! BERT's tokenizer: text is cleaned, split at spaces and punctuation, and each word is cut into
//! the longest pieces that the vocabulary has, from its beginning on (WordPiece; Devlin et al.
//! 2019, arXiv:1810.04805).
//!
//! It gives the very tokens and places that the `tokenizers` crate gives, whose Unicode tables it
//! shares: what is a letter with an accent, or punctuation, is as of the Unicode version that
//! models were trained with.

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

use super::Tokens;
use super::chars::{self, Char};
use super::vocabulary::{Hash, Vocabulary};

pub(super) struct Bert {
    pub normalizer: Normalizer,
    pub vocabulary: Vocabulary,
    /// The token of words that have no pieces.
    pub unknown: u32,
    /// What stands before the pieces that go on a word: `##`.
    pub continuing: String,
    /// Longer words are unknown.
    pub most_characters: usize,
}

/// How text is cleaned.
pub(super) struct Normalizer {
    /// Control characters are dropped, and white space becomes spaces.
    pub clean: bool,
    /// Chinese characters are words.
    pub split_chinese: bool,
    pub strip_accents: bool,
    pub lowercase: bool,
}

impl Bert {
    /// The tokens of normalized text.
    pub fn tokenize(&self, chars: &[Char], tokens: &mut Tokens) {
        let (mut word, mut places) = (String::new(), Vec::new());
        let mut end = |word: &mut String, places: &mut Vec<(usize, usize)>| {
            self.split_word(word, places, tokens);
            word.clear();
            places.clear();
        };
        for &Char { char, start, end: last } in chars {
            let alone = is_punctuation(char);
            if alone || char.is_whitespace() {
                end(&mut word, &mut places);
            }
            if !char.is_whitespace() {
                word.push(char);
                places.push((start, last));
            }
            if alone {
                end(&mut word, &mut places);
            }
        }
        end(&mut word, &mut places);
    }

    /// A word's pieces; `places` are those of its characters.
    fn split_word(&self, word: &str, places: &[(usize, usize)], tokens: &mut Tokens) {
        let (Some(first), Some(last)) = (places.first(), places.last()) else { return };
        let before = tokens.len();
        let mut left = word;
        let mut place = 0;
        while !left.is_empty() && places.len() <= self.most_characters {
            let prefix = if place == 0 { "" } else { self.continuing.as_str() };
            let Some((id, bytes)) = self.longest_piece(prefix, left) else { break };
            let (piece, rest) = left.split_at(bytes);
            let next = place + piece.chars().count();
            tokens.push(id, (places[place].0, places[next - 1].1));
            (left, place) = (rest, next);
        }
        if !left.is_empty() {
            tokens.ids.truncate(before);
            tokens.places.truncate(before);
            tokens.push(self.unknown, (first.0, last.1));
        }
    }

    /// The longest token that `text` begins with, after `prefix`: its id and its bytes of `text`.
    fn longest_piece(&self, prefix: &str, text: &str) -> Option<(u32, usize)> {
        let (mut hash, mut found) = (Hash::EMPTY.then(prefix), None);
        for (start, char) in text.char_indices() {
            let end = start + char.len_utf8();
            if prefix.len() + end > self.vocabulary.longest() {
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
            // Nothing to split off or to strip.
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

/// Letters and accents apart, in canonical order (Unicode's normalization form D).
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

/// The blocks of Unicode that BERT takes for Chinese.
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
