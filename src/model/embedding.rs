//! How an embedder makes vectors, by its own files or those of sentence-transformers.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use super::{ModelFiles, Pooling, parse_json};
use crate::error::{Error, ErrorKind, Result};

/// What makes a vector of a text, beside the encoder.
#[derive(Clone, Debug)]
pub(crate) struct EmbeddingSettings {
    pub pooling: Pooling,
    /// Vectors are divided by their length.
    pub normalize: bool,
    /// The most tokens in a text, where it is said.
    pub max_length: Option<usize>,
    pub query_prefix: String,
    pub document_prefix: String,
}

/// `pooling.json`.
#[derive(Deserialize)]
struct Own {
    pooling: String,
    normalize: Option<bool>,
    max_seq_length: Option<usize>,
    #[serde(default)]
    prompts: Prompts,
}

/// Prefixes by the kind of text.
type Prompts = BTreeMap<String, Option<String>>;

/// An element of `modules.json`.
#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    class: String,
    #[serde(default)]
    path: String,
}

/// `1_Pooling/config.json`: a flag for each way to pool, or the name of one.
#[derive(Deserialize)]
struct PoolingFile {
    pooling_mode: Option<String>,
    include_prompt: Option<bool>,
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

/// `sentence_bert_config.json`.
#[derive(Default, Deserialize)]
struct Lengths {
    max_seq_length: Option<usize>,
    do_lower_case: Option<bool>,
}

/// `config_sentence_transformers.json`.
#[derive(Default, Deserialize)]
struct PromptFile {
    #[serde(default)]
    prompts: Prompts,
    default_prompt_name: Option<String>,
}

impl EmbeddingSettings {
    /// Reads the files of [`ModelFiles::EMBEDDING`], of which `pooling.json` goes before the others.
    pub fn parse(files: &ModelFiles) -> Result<EmbeddingSettings> {
        let [own, modules, ..] = ModelFiles::EMBEDDING;
        if let Some(json) = files.embedding.get(own) {
            let own: Own = parse_json(own, json)?;
            return Ok(EmbeddingSettings {
                pooling: named(&own.pooling)?,
                normalize: own.normalize.unwrap_or(true),
                max_length: own.max_seq_length,
                query_prefix: prefix(&own.prompts, &["query"]),
                document_prefix: prefix(&own.prompts, &["document"]),
            });
        }
        let Some(json) = files.embedding.get(modules) else {
            return Err(Error::new(
                ErrorKind::UnsupportedModel,
                "nothing says how the model makes a vector of its tokens; add modules.json and \
                 1_Pooling/config.json of sentence-transformers, or a pooling.json such as \
                 {\"pooling\": \"mean\", \"normalize\": true}",
            ));
        };
        of_modules(parse_json(modules, json)?, &files.embedding)
    }
}

/// The settings of a model of sentence-transformers.
fn of_modules(modules: Vec<Module>, files: &BTreeMap<String, Bytes>) -> Result<EmbeddingSettings> {
    let [_, _, _, lengths, prompts] = ModelFiles::EMBEDDING;
    let (mut pooling, mut normalize) = (None, false);
    for Module { class, path } in modules {
        match class.rsplit('.').next() {
            Some("Transformer") => {}
            Some("Pooling") => {
                let name = format!("{path}/config.json");
                let json = files.get(&name).ok_or_else(|| {
                    let message = format!("the model lacks {name}, which modules.json names");
                    Error::new(ErrorKind::InvalidModel, message)
                })?;
                pooling = Some(parse_json::<PoolingFile>(&name, json)?);
            }
            Some("Normalize") => normalize = true,
            _ => return Err(unsupported(format!("its module {class} is none that runs here"))),
        }
    }
    let pooling = pooling.ok_or_else(|| unsupported("modules.json names no pooling".into()))?;
    let Lengths { max_seq_length, do_lower_case } = optional(files, lengths)?;
    if do_lower_case == Some(true) {
        return Err(unsupported("it has texts put in lower case before its tokenizer".into()));
    }
    let PromptFile { prompts, default_prompt_name } = optional(files, prompts)?;
    let default = default_prompt_name.as_deref().unwrap_or("");
    let settings = EmbeddingSettings {
        pooling: pooling.mode()?,
        normalize,
        max_length: max_seq_length,
        query_prefix: prefix(&prompts, &["query", default]),
        document_prefix: prefix(&prompts, &["document", "passage", "corpus", default]),
    };
    let prompted = !(settings.query_prefix.is_empty() && settings.document_prefix.is_empty());
    if prompted && pooling.include_prompt == Some(false) {
        return Err(unsupported("it leaves its prompt's tokens out of the vector".into()));
    }
    Ok(settings)
}

impl PoolingFile {
    fn mode(&self) -> Result<Pooling> {
        if let Some(name) = &self.pooling_mode {
            return named(name);
        }
        let flags = self.others.iter().filter(|(_, value)| **value == true);
        let modes = flags.filter_map(|(name, _)| name.strip_prefix("pooling_mode_"));
        match &modes.collect::<Vec<_>>()[..] {
            ["cls_token"] => Ok(Pooling::First),
            ["mean_tokens"] => Ok(Pooling::Mean),
            [] => Err(unsupported("its pooling names no mode".into())),
            modes => named(&modes.join(" and ")),
        }
    }
}

fn named(name: &str) -> Result<Pooling> {
    let known = [Pooling::Mean, Pooling::First].into_iter().find(|known| known.name() == name);
    known.ok_or_else(|| unsupported(format!("its pooling is {name}; mean and cls run here")))
}

/// The first prompt that has one of the names.
fn prefix(prompts: &Prompts, names: &[&str]) -> String {
    let found = names.iter().find_map(|&name| prompts.get(name)?.clone());
    found.unwrap_or_default()
}

fn optional<T: Default + for<'a> Deserialize<'a>>(
    files: &BTreeMap<String, Bytes>,
    name: &str,
) -> Result<T> {
    files.get(name).map_or_else(|| Ok(T::default()), |json| parse_json(name, json))
}

fn unsupported(reason: String) -> Error {
    Error::new(ErrorKind::UnsupportedModel, format!("this embedder is not supported: {reason}"))
}
