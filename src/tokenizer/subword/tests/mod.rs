//! This module's tokenizers against the `tokenizers` crate, and against what Hugging Face's Python
//! package gave.

mod bert;
mod golden;
mod unigram;

use serde_json::Value;

use super::builtin::Builtin;
use super::file::{self, Refusal};
use super::huggingface::HuggingFace;

fn both(json: &str) -> (Builtin, HuggingFace) {
    let (own, templates) = match file::read(json.as_bytes()) {
        Ok(read) => read,
        Err(Refusal::Damaged(reason) | Refusal::Other(reason)) => panic!("{reason}"),
    };
    let (general, theirs) = HuggingFace::load(json.as_bytes()).unwrap();
    assert_eq!(templates, theirs);
    assert_eq!(own.vocab_size, general.vocab_size());
    (own, general)
}

fn assert_equal((own, general): &(Builtin, HuggingFace), text: &str) {
    let (ours, theirs) = (own.tokenize(text), general.tokenize(text, true).unwrap());
    assert_eq!(ours, theirs, "{text:?}");
}

/// Every character, in words and alone. The first tokenizers read all of them, and the others every
/// `step`th 64 of them, which begin at another place for each where they are `shifted`: what differs
/// between them is in many places.
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

/// Random texts of `parts`, and of characters of the scripts up to U+3100.
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

/// A file is read here, but with none of the edits.
fn refused(json: &str, edits: &[(&str, Value)]) {
    assert!(file::read(json.as_bytes()).is_ok());
    let plain: Value = serde_json::from_str(json).unwrap();
    for (place, value) in edits {
        let mut json = plain.clone();
        *json.pointer_mut(place).unwrap() = value.clone();
        let read = file::read(json.to_string().as_bytes());
        assert!(matches!(read, Err(Refusal::Other(_))), "{place}");
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
