//! `crossrank trim` as a user runs it.

use std::fs;

use crate::command::{fails, stdout};

#[test]
fn a_model_is_trimmed_to_languages_or_to_a_sample() {
    let folder = temp_dir::TempDir::new().unwrap();
    let [path, sample] = ["small.crossrank", "sample.txt"].map(|name| folder.path().join(name));
    let [path, sample] = [&path, &sample].map(|path| path.to_str().unwrap());
    let logits = |model: &str| {
        let line =
            br#"{"id": 1, "query": "what is it", "documents": ["this and that", "ab, cd 12"]}"#;
        stdout(&["rerank", "--jsonl", "--model", model], line)
    };
    let model = "tests/data/graphs/xlm-roberta";

    let told = stdout(&["trim", model, "-o", path, "--languages", "en, pt-BR"], b"");
    assert!(told.contains(" tokens are left\n"), "{told}");
    assert_eq!(logits(path), logits(model));
    let few = stdout(&["trim", path, "-o", path, "--languages", "ru"], b"");
    assert_ne!(few.lines().last(), told.lines().last());
    assert_ne!(logits(path), logits(model), "Russian has other letters");

    fs::write(sample, "what is it\nthis and that\nab, cd 12\n").unwrap();
    stdout(&["trim", model, "-o", path, "--sample", sample], b"");
    assert_eq!(logits(path), logits(model));
    stdout(&["trim", model, "-o", path, "--sample", sample, "--languages", "ru"], b"");
    assert_eq!(logits(path), logits(model));

    for unknown in ["xx", "english", "en,,de", "#"] {
        let message =
            fails(&["trim", model, "-o", path, "--languages", unknown], b"", "invalid-argument");
        assert!(message.contains("such as en, de, pt"), "{message}");
    }
    fs::write(sample, "\n").unwrap();
    fails(&["trim", model, "-o", path, "--sample", sample], b"", "invalid-input");
    fails(&["trim", model, "-o", path], b"", "invalid-argument");
    fails(
        &["trim", "tests/data/graphs/roberta", "-o", path, "--languages", "en"],
        b"",
        "unsupported-model",
    );
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "a command that fails leaves nothing behind");
}
