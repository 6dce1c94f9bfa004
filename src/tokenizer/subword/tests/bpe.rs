//! Byte-level tokenizers with the settings of real files, against the `tokenizers` crate.

use serde_json::{Value, json};

use super::{
    assert_equal, assert_equal_on_every_character, assert_equal_on_random_texts,
    assert_unsupported, both, data,
};
use crate::tokenizer::subword::{builtin::Builtin, huggingface::HuggingFace};

fn edited(name: &str, edits: &[(&str, Value)]) -> (Builtin, HuggingFace) {
    let mut json: Value = serde_json::from_str(&data(name)).unwrap();
    for (pointer, value) in edits {
        *json.pointer_mut(pointer).unwrap() = value.clone();
    }
    both(&json.to_string())
}

/// Added tokens as in ModernBERT: runs of spaces, and a word, in normalized text.
fn with_spaces() -> Value {
    let mut json: Value = serde_json::from_str(&data("modernbert")).unwrap();
    let size = json["model"]["vocab"].as_object().unwrap().len();
    let added = json["added_tokens"].as_array_mut().unwrap();
    let contents = ["        ", "   ", "  ", "|||PHONE|||", "naïve"];
    // The mask is the only added token that is not in the vocabulary.
    added.extend(contents.iter().zip(size + 1..).map(|(content, id)| {
        json!({ "id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": true, "special": false })
    }));
    json["added_tokens"].clone()
}

/// Merges as texts with a space, as older files have them.
fn joined(name: &str) -> Value {
    let json: Value = serde_json::from_str(&data(name)).unwrap();
    let join = |merge: &Value| match merge {
        Value::Array(pair) => {
            let [left, right] = [0, 1].map(|i| pair[i].as_str().unwrap());
            json!(format!("{left} {right}"))
        }
        text => text.clone(),
    };
    json["model"]["merges"].as_array().unwrap().iter().map(join).collect()
}

fn all() -> Vec<(Builtin, HuggingFace)> {
    vec![
        both(&data("roberta")),
        both(&data("modernbert")),
        edited("roberta", &[("/post_processor/trim_offsets", false.into())]),
        edited("roberta", &[("/normalizer", json!({ "type": "Lowercase" }))]),
        edited("modernbert", &[("/added_tokens", with_spaces())]),
        edited("modernbert", &[("/model/merges", joined("modernbert"))]),
    ]
}

/// The crate moves the places of tokens where it has put a space, in another way at the beginning of a text
/// than behind an added token. They are not compared.
#[test]
fn a_space_is_put_before_texts() {
    let (ours, theirs) = edited("roberta", &[("/pre_tokenizer/add_prefix_space", true.into())]);
    for text in
        ["search", " search", "", " ", "don't", "<mask>search", "a <mask> b", "the\nWord", "書館"]
    {
        let expected = theirs.tokenize(text, true).unwrap().ids;
        assert_eq!(ours.tokenize(text).ids, expected, "{text:?}");
    }
}

#[test]
fn every_character_is_tokenized_as_by_the_crate() {
    assert_equal_on_every_character(&all(), 53, true);
}

#[test]
fn random_texts_are_tokenized_as_by_the_crate() {
    let parts = [
        "the",
        "The ",
        " search",
        "Word",
        "it's",
        "'",
        "'s",
        "'re",
        "'ll",
        "' ",
        " 'd",
        "I'm",
        "don't",
        " ",
        "  ",
        "   ",
        "        ",
        "\t",
        "\n",
        "\r\n",
        "\n\n",
        "\u{a0}",
        "\u{3000}",
        "\u{200b}",
        "\0",
        "\u{85}",
        "é",
        "e\u{301}",
        "\u{301}",
        "\u{323}",
        "Å",
        "각",
        "\u{1100}\u{1161}\u{11a8}",
        "\u{fb2c}",
        "日本",
        "検索",
        "क्ष",
        "กำ",
        "ى",
        "½",
        "①",
        "Ⅷ",
        "٣",
        "²",
        "12",
        "7",
        "3.5",
        "-",
        "…",
        "!!",
        "<mask>",
        " <mask>",
        "[MASK]",
        "<s>",
        "[SEP]",
        "|||PHONE|||",
        "naïve",
        "nai\u{308}ve",
        "👩‍👩‍👧",
        "🇩🇪",
        "❤\u{fe0f}",
    ];
    assert_equal_on_random_texts(&all(), &parts);
}

#[test]
fn other_tokenizers_are_left_to_the_crate() {
    let edits: [(&str, Value); 8] = [
        ("/pre_tokenizer/use_regex", false.into()),
        ("/pre_tokenizer", json!({ "type": "Whitespace" })),
        ("/normalizer", json!({ "type": "NFKC" })),
        ("/model/dropout", 0.1.into()),
        ("/model/end_of_word_suffix", "</w>".into()),
        ("/model/ignore_merges", true.into()),
        ("/model/byte_fallback", true.into()),
        ("/model/merges/3", "Ġ☃ x".into()),
    ];
    assert_unsupported(&data("modernbert"), &edits);
}

#[test]
fn a_long_word_is_joined_as_by_the_crate() {
    let tokenizers = both(&data("modernbert"));
    for part in ["a", "the", "search", "é", "日本", "-"] {
        assert_equal(&tokenizers, &part.repeat(20_000 / part.len()));
    }
}
