//! Unigram tokenizers with the settings of real files, against the `tokenizers` crate.

use serde_json::{Value, json};

use super::{
    Random, assert_equal, assert_equal_on_every_character, assert_equal_on_random_texts,
    assert_unsupported, both, data,
};
use crate::tokenizer::subword::{builtin::Builtin, huggingface::HuggingFace};

fn plain() -> Value {
    serde_json::from_str(&data("xlm-roberta")).unwrap()
}

fn edited(edits: &[(&str, Value)]) -> (Builtin, HuggingFace) {
    let mut json = plain();
    for (pointer, value) in edits {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        match json.pointer_mut(parent).unwrap() {
            Value::Object(fields) => fields.insert(field.into(), value.clone()),
            list => {
                Some(std::mem::replace(&mut list[field.parse::<usize>().unwrap()], value.clone()))
            }
        };
    }
    both(&json.to_string())
}

/// Tokenizers with the normalizers, pre-tokenizers and added tokens of real files, and with others.
fn all() -> Vec<(Builtin, HuggingFace)> {
    let map = plain()["normalizer"]["normalizers"][0].clone();
    let join =
        |new: &str| json!({ "type": "Replace", "pattern": { "Regex": " {2,}" }, "content": new });
    let strip = |left, right| json!({ "type": "Strip", "strip_left": left, "strip_right": right });
    let sequence = |steps: &[&Value]| json!({ "type": "Sequence", "normalizers": steps });
    let lowercase = json!({ "type": "Lowercase" });
    let normalizers = [
        Value::Null,
        map.clone(),
        sequence(&[&map, &join(" ")]),
        sequence(&[&map, &strip(false, true), &join("▁")]),
        sequence(&[&strip(true, true), &map, &join(" ")]),
        sequence(&[&lowercase, &sequence(&[&strip(true, false), &map]), &join("x ▁")]),
        sequence(&[&map, &join(""), &lowercase]),
        join(" "),
    ];
    let metaspace = |fields: Value| {
        let mut all = json!({ "type": "Metaspace", "replacement": "▁" });
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        all
    };
    let split = |last: &Value| json!({ "type": "Sequence", "pretokenizers": [{ "type": "WhitespaceSplit" }, last] });
    let always = metaspace(json!({ "add_prefix_space": true, "str_rep": "▁" }));
    let first = metaspace(json!({ "prepend_scheme": "first", "split": true }));
    let never = metaspace(json!({ "prepend_scheme": "never", "add_prefix_space": false }));
    let whole = metaspace(json!({ "prepend_scheme": "always", "split": false }));
    let pre_tokenizers = [
        always.clone(),
        split(&always),
        first.clone(),
        split(&first),
        never.clone(),
        split(&never),
        whole.clone(),
        split(&whole),
        json!({ "type": "Sequence", "pretokenizers": [first] }),
    ];
    let mut all: Vec<_> =
        ["xlm-roberta", "xlm-roberta-2020", "deberta-v2"].map(|name| both(&data(name))).into();
    for (i, normalizer) in normalizers.iter().enumerate() {
        for (j, pre_tokenizer) in pre_tokenizers.iter().enumerate() {
            let mut added = plain()["added_tokens"].clone();
            let mask = &mut added[4];
            mask["normalized"] = (i % 2 == 1).into();
            mask["lstrip"] = (j % 2 == 0).into();
            mask["rstrip"] = (j % 3 == 1).into();
            if (i + j) % 2 == 0 {
                added.as_array_mut().unwrap().remove(3);
                let mut flags = vec![(804, "Wo½rd", false), (805, "the", false)];
                // With a charsmap, its first character becomes a space, which is not supported.
                flags.extend((i == 0).then_some((806, "▁a", j % 4 < 2)));
                added.as_array_mut().unwrap().extend(flags.into_iter().map(
                    |(id, content, special)| {
                        json!({ "id": id, "content": content, "single_word": false, "lstrip": false,
                            "rstrip": special, "normalized": j % 4 < 3, "special": special })
                    },
                ));
                let known = plain()["model"]["vocab"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .position(|piece| piece[0] == "▁a");
                if let (0, Some(id)) = (i, known) {
                    added[6]["id"] = id.into();
                }
            }
            all.push(edited(&[
                ("/normalizer", normalizer.clone()),
                ("/pre_tokenizer", pre_tokenizer.clone()),
                ("/added_tokens", added),
            ]));
        }
    }
    all
}

#[test]
fn every_character_is_tokenized_as_by_the_crate() {
    assert_equal_on_every_character(&all(), 211, true);
}

#[test]
fn random_texts_are_tokenized_as_by_the_crate() {
    let parts = [
        "the",
        "The ",
        " search",
        "Word",
        "Wo½rd",
        "▁",
        "▁a",
        "▁the",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\u{a0}",
        "\u{3000}",
        "\u{200b}",
        "\0",
        "\u{1e}",
        "\u{7f}",
        "\u{85}",
        "\u{ad}",
        "\u{feff}",
        "\u{fffd}",
        "<mask>",
        "<mask",
        "<s>",
        "</s>",
        "<unk>",
        "☃",
        "ﬁ",
        "™",
        "½",
        "①",
        "é",
        "e\u{301}",
        "\u{301}",
        "\u{323}",
        "Å",
        "ガ",
        "か\u{3099}",
        "ｶﾞ",
        "각",
        "\u{1100}\u{1161}\u{11a8}",
        "日本",
        "検索",
        "क्ष",
        "ज्ञ",
        "\u{94d}",
        "กำ",
        "ى",
        "لا",
        "\u{640}",
        "\u{64b}",
        "👩‍👩‍👧",
        "🇩🇪",
        "👍🏽",
        "❤\u{fe0f}",
        "\u{200d}",
        "\u{200c}",
        "\u{34f}",
        "\u{e0001}",
        "\u{600}",
        "x",
        "7",
        "-",
        "…",
        "ß",
        "İ",
        "Ω",
        "q",
    ];
    assert_equal_on_random_texts(&all(), &parts);
}

#[test]
fn scores_decide_as_in_the_crate() {
    let mut random = Random::new();
    for round in 0..300 {
        // There are few scores, so that many sums are equal, and some letters have no piece.
        let mut pieces = vec![json!(["<unk>", 0.0]), json!(["▁", -1.0])];
        for _ in 0..random.below(30) {
            let piece: String =
                (0..1 + random.below(3)).map(|_| ['a', 'b', 'é', '▁'][random.below(4)]).collect();
            if pieces.iter().all(|known| known[0] != piece) {
                let score = [-1.0, -2.0, -0.5, 30.0, -1e-3]
                    [random.below(if round % 5 == 0 { 5 } else { 3 })];
                pieces.push(json!([piece, score]));
            }
        }
        let unknown = random.below(pieces.len());
        let mut model = json!({ "type": "Unigram", "unk_id": unknown, "vocab": pieces });
        if round % 2 == 0 {
            model.as_object_mut().unwrap().remove("type");
        }
        let tokenizers = edited(&[("/model", model), ("/added_tokens", json!([]))]);
        for _ in 0..20 {
            let text: String =
                (0..random.below(30)).map(|_| ['a', 'b', 'é', ' ', 'x'][random.below(5)]).collect();
            assert_equal(&tokenizers, &text);
        }
    }
}

#[test]
fn other_tokenizers_are_left_to_the_crate() {
    let twice = plain()["normalizer"]["normalizers"][0].clone();
    let twice = json!({ "type": "Sequence", "normalizers": [twice, twice] });
    let edits: [(&str, Value); 13] = [
        ("/normalizer", twice),
        ("/normalizer/normalizers/0", json!({ "type": "NFKC" })),
        ("/normalizer/normalizers/0/precompiled_charsmap", "ALwCAACE".into()),
        ("/normalizer/normalizers/0/precompiled_charsmap", "*".into()),
        ("/normalizer/normalizers/2/pattern", json!({ "String": " " })),
        ("/pre_tokenizer", json!({ "type": "Whitespace" })),
        ("/pre_tokenizer", json!({ "type": "Sequence", "pretokenizers": [] })),
        ("/pre_tokenizer/prepend_scheme", "last".into()),
        ("/added_tokens/4/single_word", true.into()),
        ("/model/unk_id", Value::Null),
        ("/model/unk_id", 100_000.into()),
        ("/model/byte_fallback", true.into()),
        ("/model/vocab/5", json!(["▁", -1.0])),
    ];
    assert_unsupported(&data("xlm-roberta"), &edits);
}

#[test]
fn special_tokens_of_roberta_are_parsed() {
    let post = json!({ "type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
                       "trim_offsets": false, "add_prefix_space": true });
    assert_equal(&edited(&[("/post_processor", post.clone())]), "Ġthe end");
    let mut trimming = post;
    trimming["trim_offsets"] = true.into();
    assert_unsupported(&data("xlm-roberta"), &[("/post_processor", trimming)]);
}

#[test]
fn time_grows_with_the_length_of_a_text() {
    let (own, _) = both(&data("xlm-roberta"));
    for part in
        ["a", "e\u{301}", "\u{301}", "🇩", "👩\u{200d}", "क\u{94d}", "☃", " ", "<mask>", "▁", "検索"]
    {
        let text = part.repeat((1 << 20) / part.len());
        let started = std::time::Instant::now();
        let tokens = own.tokenize(&text);
        assert!(tokens.offsets.iter().all(|&(start, end)| start < end && end <= text.len()));
        let seconds = started.elapsed().as_secs_f64();
        assert!(seconds < 10.0, "{part:?} took {seconds} s");
    }
}
