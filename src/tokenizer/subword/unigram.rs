//! SentencePiece's Unigram tokenizer, which XLM-RoBERTa and models based on it use. Text is normalized,
//! and spaces become a meta symbol (▁) that begins a word. Each word is cut into the pieces whose
//! scores, which are log probabilities, have the greatest sum (Kudo 2018, arXiv:1804.10959).
//!
//! It gives exactly the tokens and offsets of the `tokenizers` crate: scores are added from the
//! beginning of a word, and of equal sums the one with the longest last piece is taken.

use unicode_normalization_alignments::UnicodeNormalization;

use super::chars::{self, Char};
use super::charsmap::{Charsmap, Edits};
use super::tokens::Tokens;
use super::vocabulary::{Hash, Vocabulary};

pub(super) struct Unigram {
    pub normalizer: Vec<Step>,
    /// Whether white space between words is dropped before the meta symbols are added.
    pub split_spaces: bool,
    pub metaspace: Metaspace,
    pub vocabulary: Vocabulary,
    /// The scores of the pieces by id.
    pub scores: Vec<f64>,
    /// The token of characters that have no piece.
    pub unknown: u32,
    pub unknown_score: f64,
}

/// A step of normalization.
pub(super) enum Step {
    Charsmap(Charsmap),
    /// Joins letters with their accents (Unicode's normalization form C).
    Compose,
    Lowercase,
    /// Drops white space at the ends of the text.
    Strip {
        left: bool,
        right: bool,
    },
    /// Replaces two or more spaces by a text.
    ReplaceSpaces(String),
}

/// The meta symbol that replaces spaces.
pub(super) struct Metaspace {
    pub symbol: char,
    /// When the symbol is put before a text that does not begin with it.
    pub prepend: Prepend,
    /// Whether the symbol begins a new word.
    pub split: bool,
}

#[derive(Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Prepend {
    Always,
    /// Only at the beginning of the whole text.
    First,
    Never,
}

/// The difference between the lowest score and that of a character without a piece.
pub(super) const UNKNOWN_PENALTY: f64 = 10.0;

/// The best segmentation of the beginning of a word: its score and its last piece.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    start: u32,
    id: u32,
}

impl Best {
    const NONE: Best = Best { score: 0.0, start: u32::MAX, id: 0 };

    fn offer(&mut self, score: f64, start: usize, id: u32) {
        if self.start == Best::NONE.start || score > self.score {
            *self = Best { score, start: start as u32, id };
        }
    }
}

impl Unigram {
    pub fn normalize(&self, chars: Vec<Char>) -> Vec<Char> {
        self.normalizer.iter().fold(chars, |chars, step| step.apply(chars))
    }

    /// The tokens of normalized text.
    pub fn tokenize(&self, chars: &[Char], tokens: &mut Tokens) {
        let mut best = Vec::new();
        let is_space = |c: &Char| self.split_spaces && c.char.is_whitespace();
        for part in chars.split(is_space).filter(|part| !part.is_empty()) {
            let part = self.metaspace.apply(part);
            let mut rest = part.as_slice();
            while !rest.is_empty() {
                let begins = |c: &Char| self.metaspace.split && c.char == self.metaspace.symbol;
                let length = rest[1..].iter().position(begins).map_or(rest.len(), |i| i + 1);
                let (word, after) = rest.split_at(length);
                self.split_word(word, &mut best, tokens);
                rest = after;
            }
        }
    }

    /// Splits a word into pieces. `best` is a buffer.
    fn split_word(&self, word: &[Char], best: &mut Vec<Best>, tokens: &mut Tokens) {
        self.viterbi(word, best);
        let before = tokens.len();
        let mut end = word.len();
        while end > 0 {
            let Best { mut start, id, .. } = best[end];
            // Consecutive unknown characters are one token.
            while id == self.unknown && start > 0 && best[start as usize].id == id {
                start = best[start as usize].start;
            }
            let piece = &word[start as usize..end];
            let id = match id == self.unknown {
                true => self.vocabulary.id(&chars::text(piece)).unwrap_or(id),
                false => id,
            };
            tokens.push(id, chars::span(piece));
            end = start as usize;
        }
        tokens.ids[before..].reverse();
        tokens.offsets[before..].reverse();
    }

    /// Finds the best segmentation of each beginning of a word, by its number of characters.
    fn viterbi(&self, word: &[Char], best: &mut Vec<Best>) {
        let text = chars::text(word);
        best.clear();
        best.resize(word.len() + 1, Best::NONE);
        let mut first = 0;
        for (start, char) in word.iter().enumerate() {
            let score = best[start].score;
            let (mut hash, mut byte, mut has_piece) = (Hash::EMPTY, first, false);
            for (i, c) in word[start..].iter().enumerate() {
                let next = byte + c.char.len_utf8();
                hash = hash.then(&text[byte..next]);
                byte = next;
                let hint = self.vocabulary.hint(hash);
                if byte - first > self.vocabulary.max_bytes() || !hint.begins {
                    break;
                }
                let id = || self.vocabulary.id_after("", &text[first..byte], hash);
                if let Some(id) = hint.whole.then(id).flatten() {
                    has_piece |= i == 0;
                    best[start + i + 1].offer(self.scores[id as usize] + score, start, id);
                }
            }
            if !has_piece {
                best[start + 1].offer(self.unknown_score + score, start, self.unknown);
            }
            first += char.char.len_utf8();
        }
    }
}

impl Step {
    /// The maximum number of characters that it makes of one.
    pub fn growth(&self) -> usize {
        match self {
            Step::Charsmap(map) => map.max_replacement().max(1),
            Step::Compose | Step::Lowercase => 3,
            Step::Strip { .. } => 1,
            // It replaces at least two spaces.
            Step::ReplaceSpaces(new) => new.chars().count().div_ceil(2).max(1),
        }
    }

    pub fn apply(&self, chars: Vec<Char>) -> Vec<Char> {
        match self {
            Step::Charsmap(map) => map.apply(&chars),
            Step::Compose => compose(chars),
            Step::Lowercase => chars::lowercase(chars),
            Step::Strip { left, right } => strip(chars, *left, *right),
            Step::ReplaceSpaces(new) => replace_spaces(chars, new),
        }
    }
}

fn compose(chars: Vec<Char>) -> Vec<Char> {
    // The first character that another one could change is U+0300.
    if chars.iter().all(|c| c.char < '\u{300}') {
        return chars;
    }
    let mut edits = Edits::default();
    chars.iter().map(|c| c.char).nfc().for_each(|(char, added)| edits.push(char, added));
    edits.apply(&chars)
}

fn strip(mut chars: Vec<Char>, left: bool, right: bool) -> Vec<Char> {
    let is_text = |c: &Char| !c.char.is_whitespace();
    if right {
        chars.truncate(chars.iter().rposition(is_text).map_or(0, |last| last + 1));
    }
    if left {
        chars.drain(..chars.iter().position(is_text).unwrap_or(chars.len()));
    }
    chars
}

fn replace_spaces(chars: Vec<Char>, new: &str) -> Vec<Char> {
    let mut joined = Vec::with_capacity(chars.len());
    for run in chars.chunk_by(|a, b| a.char == ' ' && b.char == ' ') {
        match run {
            // The new characters have the offsets of the last space.
            [_, .., last] => joined.extend(new.chars().map(|char| Char { char, ..*last })),
            _ => joined.extend(run),
        }
    }
    joined
}

impl Metaspace {
    /// Replaces the spaces of a text, which is not empty, and prepends the symbol if needed.
    fn apply(&self, chars: &[Char]) -> Vec<Char> {
        let mut replaced = Vec::with_capacity(chars.len() + 1);
        let replace =
            |c: &Char| Char { char: if c.char == ' ' { self.symbol } else { c.char }, ..*c };
        let first = replace(&chars[0]);
        let prepend = match self.prepend {
            Prepend::Always => true,
            Prepend::First => first.start == 0,
            Prepend::Never => false,
        };
        if prepend && first.char != self.symbol {
            replaced.push(Char { char: self.symbol, ..first });
        }
        replaced.extend(chars.iter().map(replace));
        replaced
    }
}
