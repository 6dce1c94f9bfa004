//! `config.json`, `tokenizer_config.json` and the files that say how vectors are made.

use std::sync::OnceLock;

use arbitrary::Arbitrary;
use crossrank::ModelFiles;
use serde_json::{Value, json};

use super::decode;
use super::json::JsonEdit;
use super::model::{files, load_and_run};

#[derive(Arbitrary, Debug)]
struct Changed {
    model: u8,
    edits: Vec<(u8, JsonEdit)>,
    /// Bytes in the place of `config.json`.
    config: Option<Vec<u8>>,
}

const MODELS: [&str; 7] = [
    "graphs/torchscript-14",
    "graphs/roberta",
    "graphs/modernbert",
    "graphs/jina-bert",
    "graphs/deberta-v2",
    "graphs/int8-tensor",
    "embedders/bert",
];

const WORDS: [&str; 34] = [
    "model_type",
    "vocab_size",
    "max_position_embeddings",
    "num_attention_heads",
    "n_heads",
    "pad_token_id",
    "architectures",
    "is_decoder",
    "local_attention",
    "num_labels",
    "id2label",
    "crossrank",
    "trained_tokens",
    "revision",
    "model_max_length",
    "pooling",
    "mean",
    "cls",
    "normalize",
    "max_seq_length",
    "prompts",
    "query",
    "document",
    "bert",
    "roberta",
    "BertForSequenceClassification",
    "GPT2ForCausalLM",
    "pooling_mode_mean_tokens",
    "pooling_mode_cls_token",
    "include_prompt",
    "default_prompt_name",
    "path",
    "type",
    "sentence_transformers.models.Pooling",
];

/// Changed files of a small model.
pub fn run(data: &[u8]) {
    let Some(changed) = decode::<Changed>(data) else { return };
    let models = models();
    let (mut files, mut documents) = models[usize::from(changed.model) % models.len()].clone();
    for (which, edit) in changed.edits.iter().take(6) {
        let count = documents.len();
        edit.apply(&mut documents[usize::from(*which) % count].1, &WORDS);
    }
    for (name, document) in documents {
        let json = document.to_string().into_bytes().into();
        match name {
            "config.json" => files.config = json,
            "tokenizer_config.json" => files.tokenizer_config = Some(json),
            name => drop(files.embedding.insert(name.to_owned(), json)),
        }
    }
    if let Some(config) = changed.config {
        files.config = config.into();
    }
    load_and_run(&files);
}

type Documents = Vec<(&'static str, Value)>;

fn models() -> &'static [(ModelFiles, Documents)] {
    static READ: OnceLock<Vec<(ModelFiles, Documents)>> = OnceLock::new();
    READ.get_or_init(|| {
        let read = |folder| {
            let files = files(folder);
            let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
            let mut documents = vec![("config.json", json(&files.config))];
            let tokenizer_config =
                files.tokenizer_config.as_deref().map_or_else(|| json!({}), json);
            documents.push(("tokenizer_config.json", tokenizer_config));
            for name in ModelFiles::EMBEDDING {
                documents.extend(files.embedding.get(name).map(|file| (name, json(file))));
            }
            (files, documents)
        };
        MODELS.map(read).into()
    })
}
