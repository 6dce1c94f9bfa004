//! The ids and offsets that Hugging Face's tokenizers gave: see `tests/generate`.

use serde::Deserialize;

use super::data;
use crate::tokenizer::subword::tokenizer::{Backend, Tokenizer};

#[derive(Deserialize)]
struct Texts {
    texts: Vec<(String, usize)>,
}

#[derive(Deserialize)]
struct Expected {
    small: bool,
    texts: Vec<Tokens>,
    pairs: Vec<(usize, usize, Vec<u32>)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Tokens {
    All {
        ids: Vec<u32>,
        #[serde(rename = "places")]
        offsets: Vec<usize>,
    },
    Many {
        length: usize,
        sum: u64,
    },
}

/// The index of the character that each byte belongs to, because Python counts characters.
fn characters(text: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    for (i, char) in text.chars().enumerate() {
        numbers.resize(numbers.len() + char.len_utf8(), i);
    }
    numbers.push(text.chars().count());
    numbers
}

/// The texts of all tokenizers.
pub fn texts() -> Vec<String> {
    let Texts { texts } = serde_json::from_str(&data("texts")).unwrap();
    texts.into_iter().map(|(text, times)| text.repeat(times)).collect()
}

#[test]
fn tokens_are_those_of_hugging_face() {
    let texts = texts();
    assert!(texts.len() >= 200);
    let names = [
        "bert-uncased",
        "bert-cased",
        "xlm-roberta",
        "xlm-roberta-2020",
        "deberta-v2",
        "roberta",
        "modernbert",
    ];
    for name in names {
        let tokenizer = Tokenizer::load(data(name).as_bytes()).unwrap();
        let expected: Expected = serde_json::from_str(&data(&format!("{name}.expected"))).unwrap();
        let small = expected.small;
        // Tokens of bytes may begin or end within a character.
        let exact = small && !["roberta", "modernbert"].contains(&name);
        assert_eq!(matches!(tokenizer.backend, Backend::Builtin(_)), small, "{name}");
        assert_eq!(expected.texts.len(), texts.len());
        for (text, expected) in texts.iter().zip(&expected.texts) {
            let tokens = tokenizer.tokenize(text, true).unwrap();
            match expected {
                Tokens::All { ids, offsets } => {
                    assert_eq!(tokens.ids, *ids, "{name}: {text:?}");
                    let numbers = characters(text);
                    let equal = |ours: (usize, usize), theirs: &[usize]| match exact {
                        true => ours == (theirs[0], theirs[1]),
                        // Theirs exclude parts of a character, and what was trimmed.
                        false => ours.0 <= theirs[0] && theirs[1] <= ours.1,
                    };
                    let ours = tokens.offsets.iter().map(|&(a, b)| (numbers[a], numbers[b]));
                    let mut both = ours.zip(offsets.chunks(2));
                    assert!(both.all(|(ours, theirs)| equal(ours, theirs)), "{name}: {text:?}");
                }
                Tokens::Many { length, sum } => {
                    let ids = tokens.ids.iter().enumerate();
                    let ours =
                        ids.map(|(i, &id)| (i as u64 + 1) * (u64::from(id) + 1)).sum::<u64>();
                    assert_eq!(
                        (tokens.len(), ours % (1 << 31)),
                        (*length, *sum),
                        "{name}: {text:.40?}"
                    );
                }
            }
        }
        for (a, b, ids) in expected.pairs {
            let [a, b] = [a, b].map(|i| tokenizer.tokenize(&texts[i], false).unwrap());
            assert_eq!(tokenizer.join(&[&a, &b]).0, ids, "{name}");
        }
    }
}
