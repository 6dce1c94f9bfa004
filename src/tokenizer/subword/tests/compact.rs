//! The compact form of tokenizers.

use super::golden::texts;
use super::{both, data};
use crate::error::ErrorKind;
use crate::tokenizer::subword::compact::{Contents, is_compact};
use crate::tokenizer::subword::file;
use crate::tokenizer::subword::tokenizer::{Tokenizer, compact};

#[test]
fn tokens_are_those_of_the_json() {
    let texts = texts();
    for name in ["bert-uncased", "bert-cased", "xlm-roberta", "xlm-roberta-2020", "deberta-v2"] {
        let json = data(name);
        let compact_form = compact(json.as_bytes()).unwrap();
        // Much of these small files is the table of the normalizer.
        assert!(is_compact(&compact_form) && compact_form.len() < json.len(), "{name}");
        assert!(compact(&compact_form).is_none(), "{name}: it is compact already");
        let (whole, _) = both(&json);
        let (builtin, templates) = file::parse(&compact_form).ok().unwrap();
        assert_eq!(templates, file::parse(json.as_bytes()).ok().unwrap().1, "{name}");
        assert_eq!(builtin.vocab_size, whole.vocab_size, "{name}");
        for text in &texts {
            assert_eq!(builtin.tokenize(text), whole.tokenize(text), "{name}: {text:?}");
        }
        let contents = Contents::read(json.as_bytes()).unwrap();
        assert!(contents.write() == compact_form);
        assert!(Contents::read(&compact_form).unwrap().write() == compact_form, "{name}");
    }
}

/// Scores that are no floats of 32 bits keep all bits.
#[test]
fn scores_are_exact() {
    for scores in [vec![0.0, -1.5, -2.25], vec![0.0, -1.5, -2.3]] {
        let mut contents = Contents::read(data("xlm-roberta").as_bytes()).unwrap();
        contents.tokens.truncate(scores.len());
        contents.scores.clone_from(&scores);
        let single = scores[2] == -2.25;
        let file = contents.write();
        assert_eq!(Contents::read(&file).unwrap().scores, scores);
        contents.scores.clear();
        let per_score = if single { 4 } else { 8 };
        assert_eq!(file.len() - contents.write().len(), per_score * scores.len());
    }
}

#[test]
fn other_tokenizers_have_none() {
    assert!(compact(data("roberta").as_bytes()).is_none());
    assert!(compact(b"{}").is_none());
    let mut json: serde_json::Value = serde_json::from_str(&data("bert-cased")).unwrap();
    json["model"]["vocab"]["[CLS]"] = 1_000_000.into();
    assert!(compact(json.to_string().as_bytes()).is_none(), "an id is not in the list");
    let vocabulary = json["model"]["vocab"].as_object_mut().unwrap();
    vocabulary.insert("x".repeat(256), 2.into());
    vocabulary.remove("[CLS]");
    assert!(compact(json.to_string().as_bytes()).is_none(), "a token is too long");
}

#[test]
fn damaged_files_are_refused() {
    let whole = compact(data("deberta-v2").as_bytes()).unwrap();
    let load = |file: &[u8]| Tokenizer::load(file).err().map(|error| error.kind());
    assert_eq!(load(&whole), None);
    let mut longer = whole.clone();
    longer.push(b'x');
    let mut not_text = whole.clone();
    *not_text.last_mut().unwrap() = 0xff;
    let mut other_size = whole.clone();
    other_size[16] = 5;
    let mut many = whole.clone();
    many[12..16].fill(0xff);
    let cut = &whole[..whole.len() - 1];
    for file in [&longer, &not_text, &other_size, &many, cut, &whole[..30], &whole[..10]] {
        assert_eq!(load(file), Some(ErrorKind::TokenizerMismatch));
    }
}
