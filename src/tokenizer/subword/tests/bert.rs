//! BERT's tokenizer against the `tokenizers` crate.

use super::{
    assert_equal, assert_equal_on_every_character, assert_equal_on_random_texts,
    assert_unsupported, both,
};
use crate::tokenizer::subword::{builtin::Builtin, huggingface::HuggingFace};

/// A tokenizer with the given words and each of their letters.
fn small(normalizer: &str, words: &[&str]) -> String {
    let mut tokens: Vec<String> =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[SEP]a"].map(Into::into).into();
    for word in words {
        tokens.push((*word).into());
        tokens.extend(word.chars().flat_map(|c| [c.to_string(), format!("##{c}")]));
    }
    let mut vocab = serde_json::Map::new();
    for token in tokens {
        let id = vocab.len();
        vocab.entry(token).or_insert(id.into());
    }
    let added = ["[SEP]", "[MASK]", "[SEP]a"].map(|content| {
        serde_json::json!({
            "id": vocab[content], "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
        })
    });
    let normalizer: serde_json::Value = serde_json::from_str(normalizer).unwrap();
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": normalizer, "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2] },
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 12, "vocab": vocab,
        },
    })
    .to_string()
}

fn bundled() -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::read_to_string(format!("{root}/benches/model/minilm-l6-en/tokenizer.json")).unwrap()
}

/// Tokenizers with every combination of the normalizer's options, and with letters of all kinds.
fn all() -> Vec<(Builtin, HuggingFace)> {
    let words =
        ["the", "straße", "i\u{307}stanbul", "가각", "ｆｕｌｌ", "日本", "e\u{301}a\u{323}", "ǆ"];
    let mut all = vec![both(&bundled())];
    for choice in 0..16 {
        let bit = |i: u32| choice >> i & 1 == 1;
        let strip = if bit(3) { "true" } else { "null" };
        all.push(both(&small(
            &format!(
                r#"{{"type": "BertNormalizer", "clean_text": {}, "handle_chinese_chars": {},
                     "strip_accents": {strip}, "lowercase": {}}}"#,
                bit(0),
                bit(1),
                bit(2),
            ),
            &words,
        )));
    }
    all
}

#[test]
fn every_character_is_tokenized_as_by_the_crate() {
    assert_equal_on_every_character(&all(), 29, false);
}

#[test]
fn random_texts_are_tokenized_as_by_the_crate() {
    let parts = [
        "the",
        "The ",
        "unbelievable",
        " ",
        "\t",
        "\n",
        "  ",
        "[SEP]",
        "[MASK]",
        "[SEP]a",
        "[",
        "]",
        "##",
        "ing",
        "straße",
        "İ",
        "ǅ",
        "é",
        "e\u{301}",
        "\u{301}",
        "\u{323}",
        "\u{302e}",
        "\u{344}",
        "\u{1d165}",
        "각",
        "日本",
        "\u{2f800}",
        "\u{1100}\u{1161}",
        "a\u{323}\u{301}",
        "\0",
        "\u{fffd}",
        "\u{85}",
        "\u{a0}",
        "\u{200b}",
        "\u{3000}",
        "ﬁ",
        "Å",
        "😀",
        "-",
        "…",
        "«",
        "$",
        "x",
        "q",
        "7",
        "Ω",
        "\u{e000}",
        "\u{1e9b}\u{323}",
        "ο\u{313}\u{301}",
        "longerthantwelve",
        "\u{f71}\u{f72}",
    ];
    assert_equal_on_random_texts(&all(), &parts);
}

#[test]
fn added_tokens_are_found_as_by_the_crate() {
    let plain: serde_json::Value = serde_json::from_str(&bundled()).unwrap();
    let texts =
        ["a [MASK] b", "a  [MASK]  [MASK] \n b[mask]", "[MASK]", " [MASK]", "[Mask] [MÁSK]é [SEP]"];
    for choice in 0..8 {
        let mut json = plain.clone();
        let mask = json.pointer_mut("/added_tokens/4").unwrap();
        for (bit, field) in ["normalized", "lstrip", "rstrip"].iter().enumerate() {
            mask[field] = (choice >> bit & 1 == 1).into();
        }
        let tokenizers = both(&json.to_string());
        texts.iter().for_each(|text| assert_equal(&tokenizers, text));
    }
}

#[test]
fn other_tokenizers_are_left_to_the_crate() {
    let edits: [(&str, serde_json::Value); 6] = [
        ("/normalizer", serde_json::json!({ "type": "Lowercase" })),
        ("/pre_tokenizer", serde_json::json!({ "type": "Whitespace" })),
        ("/added_tokens/4/single_word", true.into()),
        ("/added_tokens/4/id", 7.into()),
        ("/added_tokens/4/content", " x".into()),
        ("/model/type", "WordLevel".into()),
    ];
    assert_unsupported(&bundled(), &edits);
}
