//! The built-in tokenizers against the `tokenizers` crate, and all tokenizers against the results of
//! Hugging Face's Python package.

mod bert;
mod bpe;
mod compact;
mod golden;
mod trim;
mod unigram;

use serde_json::Value;

use super::builtin::Builtin;
use super::file::{self, ParseError};
use super::huggingface::HuggingFace;
use crate::tokenizer::subword::Tokens;

fn both(json: &str) -> (Builtin, HuggingFace) {
    let (builtin, templates) = match file::parse(json.as_bytes()) {
        Ok(parsed) => parsed,
        Err(ParseError::Damaged(reason) | ParseError::Unsupported(reason)) => panic!("{reason}"),
    };
    let (general, theirs) = HuggingFace::load(json.as_bytes()).unwrap();
    assert_eq!(templates, theirs);
    assert_eq!(builtin.vocab_size, general.vocab_size());
    (builtin, general)
}

/// The tokens are equal, and so are their places, apart from white space at the ends of places.
fn assert_equal((builtin, general): &(Builtin, HuggingFace), text: &str) {
    let trim = |mut tokens: Tokens| {
        for (start, end) in &mut tokens.offsets {
            let place = &text[*start..*end];
            let trimmed = place.trim();
            match trimmed.is_empty() {
                true => (*start, *end) = (0, 0),
                false => {
                    *start += place.len() - place.trim_start().len();
                    *end = *start + trimmed.len();
                }
            }
        }
        tokens
    };
    let (ours, theirs) = (builtin.tokenize(text), general.tokenize(text, true).unwrap());
    assert_eq!(trim(ours), trim(theirs), "{text:?}");
}

/// Compares the tokens of every character, in a word and alone. The first tokenizer reads all
/// characters. The others read every `step`th group of 64. If `shifted` is set, each of them begins with
/// another group, because the differences between them lie in many groups.
fn assert_equal_on_every_character(all: &[(Builtin, HuggingFace)], step: usize, shifted: bool) {
    let every: Vec<char> = (0..=0x10_ffff).filter_map(char::from_u32).collect();
    for (i, tokenizers) in all.iter().enumerate() {
        let step = if i == 0 { 1 } else { step };
        let first = if shifted { i % step } else { 0 };
        for chars in every.chunks(64).skip(first).step_by(step) {
            let text = chars.iter().flat_map(|&c| ['t', c, 'e', ' ', c, ' ']).collect::<String>();
            assert_equal(tokenizers, &text);
        }
    }
}

/// Compares the tokens of random texts made of `parts`, and of characters up to U+3100.
fn assert_equal_on_random_texts(all: &[(Builtin, HuggingFace)], parts: &[&str]) {
    let mut random = Random::new();
    for round in 0..15_000 {
        let tokenizers = &all[round % all.len()];
        let text: String =
            (0..random.below(12)).map(|_| parts[random.below(parts.len())]).collect();
        assert_equal(tokenizers, &text);
        let chars =
            (0..random.below(20)).filter_map(|_| char::from_u32(random.below(0x3100) as u32));
        assert_equal(tokenizers, &chars.collect::<String>());
    }
}

/// Asserts that a file gives a built-in tokenizer, but not with any of the edits.
fn assert_unsupported(json: &str, edits: &[(&str, Value)]) {
    assert!(file::parse(json.as_bytes()).is_ok());
    let plain: Value = serde_json::from_str(json).unwrap();
    for (pointer, value) in edits {
        let mut json = plain.clone();
        *json.pointer_mut(pointer).unwrap() = value.clone();
        let parsed = file::parse(json.to_string().as_bytes());
        assert!(matches!(parsed, Err(ParseError::Unsupported(_))), "{pointer}");
    }
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn new() -> Random {
        Random(0x9e37_79b9_7f4a_7c15)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// A file of `tests/data/tokenizers`.
fn data(name: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::read_to_string(format!("{root}/tests/data/tokenizers/{name}.json")).unwrap()
}
