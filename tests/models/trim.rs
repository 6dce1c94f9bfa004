//! Trimmed models: the scores of the texts that they are made for keep their bits.

use std::io::Cursor;

use crate::common::{graph, root};
use crossrank::{
    Bits, Embedder, EmbedderOptions, Error, ErrorKind, LoadOptions, ModelFiles, QuantizeOptions,
    Reranker, SAMPLE, TrimOptions, Trimmed,
};
use serde_json::Value;

fn letters(letters: &str) -> TrimOptions {
    let mut options = TrimOptions::default();
    options.letters = letters.chars().collect();
    options
}

fn trim(files: &ModelFiles, options: &TrimOptions) -> Result<(ModelFiles, Trimmed), Error> {
    let mut file = Cursor::new(Vec::new());
    let trimmed = files.trim_to(options, &mut file)?;
    Ok((ModelFiles::from_prepared(file.into_inner()).unwrap(), trimmed))
}

fn logits(files: &ModelFiles, pairs: &[(&str, &str)]) -> Vec<u32> {
    let reranker = Reranker::from_files(files, LoadOptions::default()).unwrap();
    reranker.score(pairs).unwrap().iter().map(|score| score.logit.to_bits()).collect()
}

/// The model in 8 bits with a table of 8, 4 or 3.
fn quantized(files: &ModelFiles, table_bits: Bits) -> ModelFiles {
    let mut options = QuantizeOptions::default();
    options.table_bits = Some(table_bits);
    let mut file = Cursor::new(Vec::new());
    files.quantize_to(options, &SAMPLE, &mut file).unwrap();
    ModelFiles::from_prepared(file.into_inner()).unwrap()
}

#[test]
fn scores_keep_their_bits() {
    let named = |name| (name, ModelFiles::read(graph(name)).unwrap());
    let (_, floats) = named("xlm-roberta");
    let mut models: Vec<(&str, ModelFiles)> = [
        "xlm-roberta",
        "int8-xlm-roberta",
        "int8-tensor-xlm-roberta",
        "unnamed-bert",
        "torchscript-14",
        "uint8-channel",
        "uint8-tensor",
        "half-unsorted",
        "int8-weights-only",
        "position-ids",
    ]
    .map(named)
    .into();
    models.push(("a table in 8 bits", quantized(&floats, Bits::Eight)));
    models.push(("a table in 4 bits", quantized(&floats, Bits::Four)));
    models.push(("a table in 3 bits", quantized(&floats, Bits::Three)));
    let pairs = [
        ("abc face", "a bad cafe, 12"),
        ("", "dead"),
        ("a <pad>", "b [PAD] c"),
        ("FED", "bee ☃ 7"),
    ];
    let other = [("what is it", "this and that")];
    for (name, files) in &models {
        let (trimmed, numbers) = trim(files, &letters("abcdef")).unwrap();
        assert!(numbers.tokens < numbers.tokens_before, "{name}: {numbers:?}");
        assert_eq!(logits(&trimmed, &pairs), logits(files, &pairs), "{name}");
        let config: Value = serde_json::from_slice(&trimmed.config).unwrap();
        assert_eq!(config["vocab_size"], numbers.tokens, "{name}");
        logits(&trimmed, &other);

        let prepared = ModelFiles::from_prepared(files.prepare().unwrap()).unwrap();
        let (again, _) = trim(&prepared, &letters("abcdef")).unwrap();
        assert!(again.onnx == trimmed.onnx, "{name}: of the prepared model");
        let (twice, same) = trim(&trimmed, &letters("abcdef")).unwrap();
        assert!(twice.onnx == trimmed.onnx, "{name}: trimmed twice");
        assert_eq!((same.tokens, same.tokens_before), (numbers.tokens, numbers.tokens), "{name}");

        let mut options = TrimOptions::default();
        options.texts = other.iter().flat_map(|&(a, b)| [a.to_owned(), b.to_owned()]).collect();
        let (of_sample, _) = trim(files, &options).unwrap();
        assert_eq!(logits(&of_sample, &other), logits(files, &other), "{name}: a sample");
    }
}

/// The tokens of its prefixes stay too.
#[test]
fn an_embedder_keeps_its_vectors() {
    let mut files = ModelFiles::read(root().join("tests/data/embedders/bert")).unwrap();
    files.embedding.remove("config_sentence_transformers.json").unwrap();
    let pooling = br#"{"pooling": "mean", "prompts": {"query": "query: ", "document": "text: "}}"#;
    files.embedding.insert("pooling.json".into(), pooling.to_vec().into());
    let (trimmed, numbers) = trim(&files, &letters("abc")).unwrap();
    assert!(numbers.tokens < numbers.tokens_before, "{numbers:?}");
    let vectors = |files: &ModelFiles| {
        let embedder = Embedder::from_files(files, EmbedderOptions::default()).unwrap();
        let mut vectors = embedder.embed(&["abc", "a cab, b", ""]).unwrap();
        vectors.push(embedder.embed_query("cab").unwrap());
        vectors
    };
    let bits = |vectors: Vec<Vec<f32>>| -> Vec<u32> {
        vectors.into_iter().flatten().map(f32::to_bits).collect()
    };
    assert_eq!(bits(vectors(&trimmed)), bits(vectors(&files)));
}

#[test]
fn what_cannot_be_trimmed_is_refused() {
    let refused = |files: &ModelFiles, options: &TrimOptions, kind| {
        let error = trim(files, options).err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        error.to_string()
    };
    let files = ModelFiles::read(graph("xlm-roberta")).unwrap();
    let message = refused(&files, &TrimOptions::default(), ErrorKind::InvalidArgument);
    assert!(message.contains("name letters or texts"), "{message}");
    let unsupported = ErrorKind::UnsupportedModel;
    let bpe = ModelFiles::read(graph("roberta")).unwrap();
    assert!(refused(&bpe, &letters("a"), unsupported).contains("tokenizer.json"));
    let other = ModelFiles::read(graph("other-mean-pooled")).unwrap();
    refused(&other, &letters("a"), unsupported);
    let bert = ModelFiles::read(graph("torchscript-14")).unwrap();
    let big = ModelFiles { tokenizer: crate::common::bundled_files().tokenizer, ..bert };
    let message = refused(&big, &letters("a"), ErrorKind::TokenizerMismatch);
    assert!(message.contains("more tokens than the model"), "{message}");
}
