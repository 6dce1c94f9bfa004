//! Trimmed tokenizers: the tokens of the texts that they are made for, and the `tokenizers` crate on the rest.

use serde_json::{Value, json};

use super::golden::texts;
use super::{both, data};
use crate::tokenizer::subword::builtin::Builtin;
use crate::tokenizer::subword::chars;
use crate::tokenizer::subword::compact::Contents;
use crate::tokenizer::subword::huggingface::HuggingFace;
use crate::tokenizer::subword::trim::{Kept, trim};

const NAMES: [&str; 5] =
    ["bert-uncased", "bert-cased", "xlm-roberta", "xlm-roberta-2020", "deberta-v2"];

/// A trimmed tokenizer, also as the crate reads it, and the ids that its tokens had.
struct Trimmed {
    own: Builtin,
    crates: HuggingFace,
    tokens: Vec<String>,
    old: Vec<u32>,
}

fn trimmed(name: &str, kept: &Kept) -> Trimmed {
    let (file, old) = trim(data(name).as_bytes(), kept).unwrap();
    let Contents { mut json, tokens, scores } = Contents::read(&file).unwrap();
    json["model"]["vocab"] = match scores.is_empty() {
        true => (0..).zip(&tokens).map(|(id, token)| (token.clone(), Value::from(id))).collect(),
        false => tokens.iter().zip(&scores).map(|piece| json!(piece)).collect(),
    };
    let (own, crates) = both(&json.to_string());
    Trimmed { own, crates, tokens, old }
}

fn short_texts() -> Vec<String> {
    texts().into_iter().filter(|text| text.len() < 2_000).collect()
}

impl Trimmed {
    /// Whether a text has the same tokens as before. Compares them with those of the crate.
    fn keeps(&self, whole: &Builtin, text: &str) -> bool {
        let (mut tokens, before) = (self.own.tokenize(text), whole.tokenize(text));
        assert_eq!(tokens, self.crates.tokenize(text, true).unwrap(), "{text:?}");
        tokens.ids.iter_mut().for_each(|id| *id = self.old[*id as usize]);
        tokens == before
    }
}

#[test]
fn texts_of_the_letters_keep_their_tokens() {
    let letters: Vec<char> = ('a'..='z').chain("äöüßáéíóú".chars()).collect();
    for name in NAMES {
        let (whole, _) = both(&data(name));
        let before = Contents::read(data(name).as_bytes()).unwrap().tokens;
        let trimmed = trimmed(name, &Kept { letters: Some(&letters), texts: &[], ids: &[] });
        for (token, &old) in trimmed.tokens.iter().zip(&trimmed.old) {
            assert_eq!(*token, before[old as usize], "{name}");
        }
        let (mut kept, mut others) = (0, 0);
        for text in short_texts() {
            let normalized = whole.model.normalize(chars::with_offsets(&text, 0));
            let is_known = |c: char| !c.is_alphabetic() || letters.contains(&c);
            let is_of_letters =
                normalized.iter().all(|c| is_known(c.char) || c.char.to_lowercase().all(is_known));
            match (is_of_letters, trimmed.keeps(&whole, &text)) {
                (true, same) => {
                    assert!(same, "{name}: {text:?}");
                    kept += 1;
                }
                (false, same) => others += usize::from(!same),
            }
        }
        let dropped = before.len() - trimmed.tokens.len();
        eprintln!(
            "{name}: {dropped} of {} tokens dropped, {kept} and {others} texts",
            before.len()
        );
        assert!(kept >= 80 && others >= 10 && dropped >= 30, "{name}");
    }
}

#[test]
fn texts_of_a_sample_keep_their_tokens() {
    let texts = short_texts();
    for name in NAMES {
        let (whole, _) = both(&data(name));
        let (sample, others) = texts.split_at(texts.len() / 8);
        let trimmed = trimmed(name, &Kept { letters: None, texts: sample, ids: &[] });
        assert!(sample.iter().all(|text| trimmed.keeps(&whole, text)), "{name}");
        let changed = others.iter().filter(|text| !trimmed.keeps(&whole, text)).count();
        assert!(changed > 0, "{name}: something is dropped");
    }
}

#[test]
fn little_else_stays() {
    let mut json: Value = serde_json::from_str(&data("xlm-roberta")).unwrap();
    let before = Contents::read(data("xlm-roberta").as_bytes()).unwrap().tokens;
    let id = |token: &str| before.iter().position(|one| one == token).unwrap();
    // Characters without a token have a score that depends on the lowest one.
    json["model"]["vocab"][id("▁closed")][1] = json!(-50.0);
    let file = json.to_string();
    let named = id("▁caffè") as u32;
    let (trimmed, old) =
        trim(file.as_bytes(), &Kept { letters: None, texts: &[], ids: &[named, 1 << 30] }).unwrap();
    assert!(old.starts_with(&[0, 1, 2, 3]) && old.contains(&named));
    let tokens = Contents::read(&trimmed).unwrap().tokens;
    let is_long = |token: &&String| token.chars().count() > 1;
    let mut long: Vec<&str> = tokens.iter().filter(is_long).map(String::as_str).collect();
    long.sort_unstable();
    assert_eq!(long, ["</s>", "<mask>", "<pad>", "<s>", "<unk>", "▁caffè", "▁closed"]);
    assert_eq!(tokens.len() - long.len(), before.len() - before.iter().filter(is_long).count());
}

#[test]
fn other_tokenizers_are_refused() {
    for name in ["roberta", "modernbert"] {
        let kept = Kept { letters: Some(&['a']), texts: &[], ids: &[] };
        let error = trim(data(name).as_bytes(), &kept).err().unwrap();
        assert!(error.to_string().contains("BERT and XLM-RoBERTa"), "{error}");
    }
}
