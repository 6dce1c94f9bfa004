//! Queries and documents: the tokens are those of Hugging Face's tokenizers, truncated as by them, and windows lie
//! in their document.

use std::fs;
use std::sync::OnceLock;

use arbitrary::Arbitrary;
use crossrank::{LoadOptions, LongDocuments, ModelFiles, RerankOptions, Reranker, Truncation};
use tokenizers::{TruncationDirection, TruncationParams};

use super::decode;
use super::model::check_error;

#[derive(Arbitrary, Debug)]
struct Pair {
    model: u8,
    max_length: u8,
    left: bool,
    repeat: u8,
    max_windows: u8,
    query: String,
    document: String,
}

/// The folders of models, and those of their `tokenizer.json`.
const MODELS: [(&str, &str); 6] = [
    ("models/minilm-l6-en", "benches/model/minilm-l6-en"),
    ("tests/data/graphs/torchscript-14", "tests/data/graphs/torchscript-14"),
    ("tests/data/graphs/roberta", "tests/data/graphs/roberta"),
    ("tests/data/graphs/modernbert", "tests/data/graphs/modernbert"),
    ("tests/data/graphs/xlm-roberta", "tests/data/graphs/xlm-roberta"),
    ("tests/data/graphs/mpnet", "tests/data/graphs/mpnet"),
];

pub fn run(data: &[u8]) {
    let Some(pair) = decode::<Pair>(data) else { return };
    let models = models();
    let (reranker, reference) = &models[usize::from(pair.model) % models.len()];
    let document = pair.document.repeat(1 + usize::from(pair.repeat % 64));
    whole(reranker, reference, &pair.query, &document);
    truncated(reranker, reference, &pair, &document);
    windows(reranker, &pair, &document);
}

fn whole(reranker: &Reranker, reference: &tokenizers::Tokenizer, query: &str, document: &str) {
    let own = reranker.encode(query, document).expect("short texts are encoded");
    if own.query_truncated || own.document_truncated {
        return;
    }
    let reference = reference.encode((query, document), true).unwrap();
    let expected = (reference.get_ids(), reference.get_type_ids());
    assert_eq!((&own.ids[..], &own.type_ids[..]), expected, "{query:?} {document:?}");
}

fn truncated(reranker: &Reranker, reference: &tokenizers::Tokenizer, pair: &Pair, document: &str) {
    let max_length = usize::from(pair.max_length).min(reranker.max_length());
    let mut options = RerankOptions::default();
    options.max_length = Some(max_length);
    options.long_documents = Some(LongDocuments::Truncate);
    options.truncation = if pair.left { Truncation::Left } else { Truncation::Right };
    let pending = match reranker.prepare(&pair.query, &[document], &options) {
        Ok(pending) => pending,
        Err(error) => return check_error(error),
    };
    let own = &pending.encodings()[0];
    assert!(own.ids.len() <= max_length);
    let direction = if pair.left { TruncationDirection::Left } else { TruncationDirection::Right };
    let mut reference = reference.clone();
    let params = TruncationParams { max_length, direction, ..TruncationParams::default() };
    if reference.with_truncation(Some(params)).is_err() {
        return;
    }
    let reference = reference.encode((pair.query.as_str(), document), true).unwrap();
    let expected = (reference.get_ids(), reference.get_type_ids());
    assert_eq!((&own.ids[..], &own.type_ids[..]), expected, "{pair:?}");
}

fn windows(reranker: &Reranker, pair: &Pair, document: &str) {
    let mut options = RerankOptions::default();
    options.long_documents = Some(LongDocuments::Windows);
    options.max_windows = Some(pair.max_windows.into());
    let pending = match reranker.prepare(&pair.query, &[document], &options) {
        Ok(pending) => pending,
        Err(error) => return check_error(error),
    };
    let encodings = pending.encodings();
    assert!((1..=usize::from(pair.max_windows)).contains(&encodings.len()));
    assert!(encodings.iter().all(|encoding| encoding.ids.len() <= reranker.max_length()));
    let logits = vec![0.5; encodings.len()];
    let scored = reranker.finish(pending, &logits).expect("each window has a logit");
    let ranking = scored.rank(1, None).unwrap();
    if let Some(span) = ranking.results[0].span {
        assert!(
            document.get(span.start..span.end).is_some_and(|text| !text.is_empty()),
            "{span:?} of {document:?}"
        );
    }
}

fn models() -> &'static [(Reranker, tokenizers::Tokenizer)] {
    static READ: OnceLock<Vec<(Reranker, tokenizers::Tokenizer)>> = OnceLock::new();
    READ.get_or_init(|| {
        let read = |(model, tokenizer)| {
            let mut options = LoadOptions::default();
            options.threads = Some(1);
            let files = ModelFiles::read(super::root().join(model)).unwrap();
            let reranker = Reranker::from_files(&files, options).unwrap();
            let json = fs::read(super::root().join(tokenizer).join("tokenizer.json")).unwrap();
            let mut reference = tokenizers::Tokenizer::from_bytes(json).unwrap();
            reference.with_padding(None);
            reference.with_truncation(None).unwrap();
            (reranker, reference)
        };
        MODELS.map(read).into()
    })
}
