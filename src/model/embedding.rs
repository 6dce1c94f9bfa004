//! How an embedder makes vectors, according to `pooling.json` or the files of sentence-transformers.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use super::files::{ModelFiles, parse_json};
use crate::error::{Error, ErrorKind, Result};

/// How the states of a text's tokens are combined into one vector.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pooling {
    /// By their mean.
    Mean,
    /// By taking the state of the first token.
    First,
}

impl Pooling {
    /// Its name in sentence-transformers.
    pub fn name(self) -> &'static str {
        match self {
            Pooling::Mean => "mean",
            Pooling::First => "cls",
        }
    }
}

/// How an embedder makes a vector of the output of its encoder.
#[derive(Clone, Debug)]
pub(crate) struct EmbeddingSettings {
    pub pooling: Pooling,
    /// Whether vectors are divided by their length.
    pub normalize: bool,
    /// The maximum number of tokens in a text, if it is given.
    pub max_length: Option<usize>,
    /// The number of elements to which vectors are truncated before they are normalized, if they are.
    pub dimensions: Option<usize>,
    pub query_prefix: String,
    pub document_prefix: String,
}

/// `pooling.json`.
#[derive(Deserialize)]
struct PoolingJson {
    pooling: String,
    normalize: Option<bool>,
    max_seq_length: Option<usize>,
    #[serde(default)]
    prompts: Prompts,
}

/// Prefixes by the kind of the text.
type Prompts = BTreeMap<String, Option<String>>;

/// An element of `modules.json`.
#[derive(Deserialize)]
pub(super) struct Module {
    #[serde(rename = "type")]
    pub class: String,
    #[serde(default)]
    pub path: String,
}

/// `1_Pooling/config.json`: a flag for each pooling mode, or the name of one.
#[derive(Deserialize)]
pub(super) struct PoolingConfig {
    pooling_mode: Option<String>,
    include_prompt: Option<bool>,
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

/// `sentence_bert_config.json`.
#[derive(Default, Deserialize)]
struct SentenceBertConfig {
    max_seq_length: Option<usize>,
    do_lower_case: Option<bool>,
}

/// `config_sentence_transformers.json`.
#[derive(Default, Deserialize)]
struct PromptConfig {
    #[serde(default)]
    prompts: Prompts,
    default_prompt_name: Option<String>,
    truncate_dim: Option<usize>,
}

impl EmbeddingSettings {
    /// Parses the files of [`ModelFiles::EMBEDDING`]. `pooling.json` takes precedence over the others.
    pub fn parse(files: &ModelFiles) -> Result<EmbeddingSettings> {
        let [pooling, modules, ..] = ModelFiles::EMBEDDING;
        if let Some(json) = files.embedding.get(pooling) {
            let settings: PoolingJson = parse_json(pooling, json)?;
            return Ok(EmbeddingSettings {
                pooling: pooling_by_name(&settings.pooling)?,
                normalize: settings.normalize.unwrap_or(true),
                max_length: settings.max_seq_length,
                dimensions: None,
                query_prefix: prefix(&settings.prompts, &["query"]),
                document_prefix: prefix(&settings.prompts, &["document"]),
            });
        }
        let Some(json) = files.embedding.get(modules) else {
            return Err(Error::new(
                ErrorKind::UnsupportedModel,
                "no file says how the model makes a vector of its tokens; add modules.json and \
                 1_Pooling/config.json of sentence-transformers, or a pooling.json such as \
                 {\"pooling\": \"mean\", \"normalize\": true}",
            ));
        };
        from_modules(parse_json(modules, json)?, &files.embedding)
    }
}

/// The settings of a sentence-transformers model.
fn from_modules(
    modules: Vec<Module>,
    files: &BTreeMap<String, Bytes>,
) -> Result<EmbeddingSettings> {
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
                pooling = Some(parse_json::<PoolingConfig>(&name, json)?);
            }
            Some("Normalize") => normalize = true,
            _ => return Err(unsupported(format!("its module {class} is not supported"))),
        }
    }
    let pooling = pooling.ok_or_else(|| unsupported("modules.json names no pooling".into()))?;
    let SentenceBertConfig { max_seq_length, do_lower_case } = optional(files, lengths)?;
    if do_lower_case == Some(true) {
        return Err(unsupported(
            "it converts texts to lower case before its tokenizer does".into(),
        ));
    }
    let PromptConfig { prompts, default_prompt_name, truncate_dim } = optional(files, prompts)?;
    if truncate_dim == Some(0) {
        return Err(unsupported("it truncates vectors to 0 elements".into()));
    }
    let default = default_prompt_name.as_deref().unwrap_or("");
    let settings = EmbeddingSettings {
        pooling: pooling.mode()?,
        normalize,
        max_length: max_seq_length,
        dimensions: truncate_dim,
        query_prefix: prefix(&prompts, &["query", default]),
        document_prefix: prefix(&prompts, &["document", "passage", "corpus", default]),
    };
    let prompted = !(settings.query_prefix.is_empty() && settings.document_prefix.is_empty());
    if prompted && pooling.include_prompt == Some(false) {
        return Err(unsupported("it leaves the tokens of its prompt out of the vector".into()));
    }
    Ok(settings)
}

impl PoolingConfig {
    pub fn mode(&self) -> Result<Pooling> {
        if let Some(name) = &self.pooling_mode {
            return pooling_by_name(name);
        }
        let flags = self.others.iter().filter(|(_, value)| **value == true);
        let modes = flags.filter_map(|(name, _)| name.strip_prefix("pooling_mode_"));
        match &modes.collect::<Vec<_>>()[..] {
            ["cls_token"] => Ok(Pooling::First),
            ["mean_tokens"] => Ok(Pooling::Mean),
            [] => Err(unsupported("its pooling names no mode".into())),
            modes => pooling_by_name(&modes.join(" and ")),
        }
    }
}

fn pooling_by_name(name: &str) -> Result<Pooling> {
    let known = [Pooling::Mean, Pooling::First].into_iter().find(|known| known.name() == name);
    known.ok_or_else(|| {
        unsupported(format!("its pooling is {name}; only mean and cls are supported"))
    })
}

/// The prompt of the first name that has one.
fn prefix(prompts: &Prompts, names: &[&str]) -> String {
    let found = names.iter().find_map(|&name| prompts.get(name)?.clone());
    found.unwrap_or_default()
}

/// An optional file, or its default.
fn optional<T: Default + for<'a> Deserialize<'a>>(
    files: &BTreeMap<String, Bytes>,
    name: &str,
) -> Result<T> {
    files.get(name).map_or_else(|| Ok(T::default()), |json| parse_json(name, json))
}

fn unsupported(reason: String) -> Error {
    Error::new(ErrorKind::UnsupportedModel, format!("this model is not supported: {reason}"))
}
