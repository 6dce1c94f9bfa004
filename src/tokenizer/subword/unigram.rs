//! SentencePiece's Unigram tokenizer, as XLM-RoBERTa and its descendants have it: text is
//! normalized, spaces become a sign (▁) that begins a word, and each word is cut into the pieces whose
//! scores, log probabilities, have the greatest sum (Kudo 2018, arXiv:1804.10959).
//!
//! It gives the very tokens and places that the `tokenizers` crate gives: sums are taken from the
//! beginning on, and of equal ones that with the longest last piece stays.

use super::Tokens;
use super::chars::{self, Char};
use super::charsmap::Charsmap;
use super::vocabulary::{Hash, Vocabulary};

pub(super) struct Unigram {
    pub normalizer: Vec<Step>,
    /// White space between words is dropped before they get their sign.
    pub split_spaces: bool,
    pub sign: Sign,
    pub vocabulary: Vocabulary,
    /// By id.
    pub scores: Vec<f64>,
    /// The token of characters that have no pieces.
    pub unknown: u32,
    pub unknown_score: f64,
}

/// A step of normalization.
pub(super) enum Step {
    Charsmap(Charsmap),
    Lowercase,
    /// Drops white space at the ends.
    Strip {
        left: bool,
        right: bool,
    },
    /// Puts a text in place of two or more spaces.
    JoinSpaces(String),
}

/// What stands for a space.
pub(super) struct Sign {
    pub char: char,
    /// Where it is put that a text does not begin with it.
    pub prepend: Prepend,
    /// It begins a word.
    pub split: bool,
}

#[derive(Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Prepend {
    Always,
    /// Only at the beginning of all.
    First,
    Never,
}

/// What is lost with a character that has no piece, to the lowest score.
pub(super) const UNKNOWN_PENALTY: f64 = 10.0;

/// The best way to cut the beginning of a word: its score, and its last piece.
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
            let part = self.sign.apply(part);
            let mut rest = part.as_slice();
            while !rest.is_empty() {
                let begins = |c: &Char| self.sign.split && c.char == self.sign.char;
                let length = rest[1..].iter().position(begins).map_or(rest.len(), |i| i + 1);
                let (word, after) = rest.split_at(length);
                self.split_word(word, &mut best, tokens);
                rest = after;
            }
        }
    }

    /// A word's pieces. `best` is room to work in.
    fn split_word(&self, word: &[Char], best: &mut Vec<Best>, tokens: &mut Tokens) {
        self.cut(word, best);
        let before = tokens.len();
        let mut end = word.len();
        while end > 0 {
            let Best { mut start, id, .. } = best[end];
            // Unknown characters that follow each other are one token.
            while id == self.unknown && start > 0 && best[start as usize].id == id {
                start = best[start as usize].start;
            }
            let piece = &word[start as usize..end];
            let id = match id == self.unknown {
                true => self.vocabulary.id(&chars::text(piece)).unwrap_or(id),
                false => id,
            };
            tokens.push(id, chars::place(piece));
            end = start as usize;
        }
        tokens.ids[before..].reverse();
        tokens.places[before..].reverse();
    }

    /// The best way to cut each beginning of a word, by its number of characters (Viterbi).
    fn cut(&self, word: &[Char], best: &mut Vec<Best>) {
        let text = chars::text(word);
        best.clear();
        best.resize(word.len() + 1, Best::NONE);
        let mut first = 0;
        for (start, own) in word.iter().enumerate() {
            let score = best[start].score;
            let (mut hash, mut byte, mut alone) = (Hash::EMPTY, first, false);
            for (i, c) in word[start..].iter().enumerate() {
                let next = byte + c.char.len_utf8();
                hash = hash.then(&text[byte..next]);
                byte = next;
                let hint = self.vocabulary.hint(hash);
                if byte - first > self.vocabulary.longest() || !hint.begins {
                    break;
                }
                let id = || self.vocabulary.id_after("", &text[first..byte], hash);
                if let Some(id) = hint.whole.then(id).flatten() {
                    alone |= i == 0;
                    best[start + i + 1].offer(self.scores[id as usize] + score, start, id);
                }
            }
            if !alone {
                best[start + 1].offer(self.unknown_score + score, start, self.unknown);
            }
            first += own.char.len_utf8();
        }
    }
}

impl Step {
    /// The most characters that it makes of one.
    pub fn growth(&self) -> usize {
        match self {
            Step::Charsmap(map) => map.longest().max(1),
            Step::Lowercase => 3,
            Step::Strip { .. } => 1,
            // Two spaces at least.
            Step::JoinSpaces(new) => new.chars().count().div_ceil(2).max(1),
        }
    }

    fn apply(&self, chars: Vec<Char>) -> Vec<Char> {
        match self {
            Step::Charsmap(map) => map.apply(&chars),
            Step::Lowercase => chars::lowercase(chars),
            Step::Strip { left, right } => strip(chars, *left, *right),
            Step::JoinSpaces(new) => join_spaces(chars, new),
        }
    }
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

fn join_spaces(chars: Vec<Char>, new: &str) -> Vec<Char> {
    let mut joined = Vec::with_capacity(chars.len());
    for run in chars.chunk_by(|a, b| a.char == ' ' && b.char == ' ') {
        match run {
            // What is new has the place of the last space.
            [_, .., last] => joined.extend(new.chars().map(|char| Char { char, ..*last })),
            _ => joined.extend(run),
        }
    }
    joined
}

impl Sign {
    /// A text's characters, of which there is one, with signs.
    fn apply(&self, chars: &[Char]) -> Vec<Char> {
        let mut signed = Vec::with_capacity(chars.len() + 1);
        let signs = |c: &Char| Char { char: if c.char == ' ' { self.char } else { c.char }, ..*c };
        let first = signs(&chars[0]);
        let wanted = match self.prepend {
            Prepend::Always => true,
            Prepend::First => first.start == 0,
            Prepend::Never => false,
        };
        if wanted && first.char != self.char {
            signed.push(Char { char: self.char, ..first });
        }
        signed.extend(chars.iter().map(signs));
        signed
    }
}
