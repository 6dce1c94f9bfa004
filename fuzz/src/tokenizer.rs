//! `tokenizer.json`: what loads gives the same tokens as Hugging Face's tokenizers, also in its compact form.

use std::sync::OnceLock;

use arbitrary::Arbitrary;
use crossrank::{LoadOptions, ModelFiles, Reranker};
use serde_json::Value;

use super::decode;
use super::json::JsonEdit;
use super::model::{TEXTS, check_error, files};

#[derive(Arbitrary, Debug)]
struct Changed {
    tokenizer: u8,
    edits: Vec<JsonEdit>,
    query: String,
    document: String,
}

/// Models with a tokenizer of each kind.
const MODELS: [&str; 6] = [
    "graphs/torchscript-14",
    "graphs/roberta",
    "graphs/modernbert",
    "graphs/xlm-roberta",
    "graphs/mpnet",
    "embedders/bert",
];

const WORDS: [&str; 58] = [
    "type",
    "Sequence",
    "Lowercase",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "StripAccents",
    "Strip",
    "Replace",
    "Prepend",
    "Nmt",
    "ByteLevel",
    "Metaspace",
    "WhitespaceSplit",
    "Whitespace",
    "Punctuation",
    "Digits",
    "Split",
    "BertPreTokenizer",
    "BertNormalizer",
    "Precompiled",
    "TemplateProcessing",
    "BertProcessing",
    "RobertaProcessing",
    "WordPiece",
    "BPE",
    "Unigram",
    "WordLevel",
    "vocab",
    "merges",
    "unk_token",
    "unk_id",
    "byte_fallback",
    "dropout",
    "fuse_unk",
    "ignore_merges",
    "lstrip",
    "rstrip",
    "single_word",
    "normalized",
    "special",
    "prepend_scheme",
    "always",
    "never",
    "first",
    "pattern",
    "Regex",
    "String",
    "content",
    " {2,}",
    "[UNK]",
    "<s>",
    "##",
    "▁",
    "Ġ",
    "A",
    "B",
];

/// A changed file.
pub fn run(data: &[u8]) {
    let Some(changed) = decode::<Changed>(data) else { return };
    let models = models();
    let (files, tokenizer) = &models[usize::from(changed.tokenizer) % models.len()];
    let mut tokenizer = tokenizer.clone();
    changed.edits.iter().take(6).for_each(|edit| edit.apply(&mut tokenizer, &WORDS));
    check(files, tokenizer.to_string().as_bytes(), &changed.query, &changed.document);
}

/// A file that may be a tokenizer, in either form.
pub fn bytes(data: &[u8]) {
    check(&models()[0].0, data, TEXTS[0], TEXTS[3]);
}

fn check(files: &ModelFiles, tokenizer: &[u8], query: &str, document: &str) {
    let mut files = files.clone();
    files.tokenizer = tokenizer.to_vec().into();
    let mut options = LoadOptions::default();
    options.threads = Some(1);
    let reranker = match Reranker::from_files(&files, options.clone()) {
        Ok(reranker) => reranker,
        Err(error) => return check_error(error),
    };
    // The model may have an id for each token and yet not a row, so nothing is scored here.
    let pairs =
        [(TEXTS[0], TEXTS[2]), (TEXTS[2], TEXTS[3]), (TEXTS[1], TEXTS[2]), (query, document)];
    let compact = files
        .prepare()
        .and_then(ModelFiles::from_prepared)
        .expect("a model that loads is prepared");
    let compact = Reranker::from_files(&compact, options).expect("a prepared model loads");
    let reference = tokenizers::Tokenizer::from_bytes(tokenizer).ok().map(|mut reference| {
        reference.with_padding(None);
        reference.with_truncation(None).unwrap();
        reference
    });
    for (query, document) in pairs {
        let own = match reranker.encode(query, document) {
            Ok(own) => own,
            Err(error) => {
                check_error(error);
                continue;
            }
        };
        assert_eq!(compact.encode(query, document).unwrap(), own, "the compact form");
        if own.query_truncated || own.document_truncated {
            continue;
        }
        let Some(reference) = &reference else { continue };
        let Ok(reference) = reference.encode((query, document), true) else { continue };
        assert_eq!(
            (&own.ids[..], &own.type_ids[..]),
            (reference.get_ids(), reference.get_type_ids()),
            "{query:?} {document:?}"
        );
    }
}

fn models() -> &'static [(ModelFiles, Value)] {
    static READ: OnceLock<Vec<(ModelFiles, Value)>> = OnceLock::new();
    READ.get_or_init(|| {
        let read = |folder| {
            let graph = files(folder);
            let mut files = ModelFiles::from_prepared(graph.prepare().unwrap()).unwrap();
            files.embedding.clear();
            (files, serde_json::from_slice(&graph.tokenizer).unwrap())
        };
        MODELS.map(read).into()
    })
}
