//! The configuration of a model.

use serde::Deserialize;

use super::embedding::{EmbeddingSettings, Pooling};
use super::files::{ModelFiles, parse_json};
use super::positions::PositionScheme;
use crate::error::{Error, ErrorKind, Result};

/// The contents of `config.json` and `tokenizer_config.json`.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The name of the architecture in transformers, such as `bert`.
    pub model_type: String,
    /// The number of rows of the token embedding table, if it is given.
    pub vocab_size: Option<usize>,
    /// The maximum number of tokens in a sequence.
    pub max_length: usize,
    /// The number of attention heads in a layer, if it is given.
    pub heads: Option<usize>,
    /// Whether tokens attend only to the tokens before them.
    pub is_decoder: bool,
    /// How positions are numbered, or `None` if the architecture is unknown.
    pub position_scheme: Option<PositionScheme>,
    /// The maximum number of tokens in the pairs of the training data, if it is given.
    pub trained_tokens: Option<usize>,
    /// The revision of the weights, if it is given.
    pub revision: Option<String>,
    pub output: Output,
}

/// The output of a model for a sequence.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// The relevance of a document to a query.
    Logit,
    /// A vector.
    Embedding(Pooling),
}

impl Output {
    /// Its names in a graph with several outputs: those of transformers and of sentence-transformers.
    pub fn names(&self) -> &'static [&'static str] {
        match self {
            Output::Logit => &["logits"],
            Output::Embedding(_) => &["last_hidden_state", "token_embeddings"],
        }
    }
}

#[derive(Deserialize)]
struct ConfigFile {
    model_type: Option<String>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    num_attention_heads: Option<usize>,
    /// The same in DistilBERT.
    n_heads: Option<usize>,
    /// Negative if there is none.
    pad_token_id: Option<i64>,
    architectures: Option<Vec<String>>,
    is_decoder: Option<bool>,
    num_labels: Option<usize>,
    id2label: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    crossrank: CrossrankConfig,
}

/// Settings for this library alone.
#[derive(Default, Deserialize)]
struct CrossrankConfig {
    trained_tokens: Option<usize>,
    revision: Option<String>,
}

#[derive(Default, Deserialize)]
struct TokenizerConfigFile {
    // transformers writes 1e30 for "no limit", so this may be a float.
    model_max_length: Option<f64>,
}

/// The endings of the names of generative architectures in transformers.
const GENERATORS: [&str; 2] = ["ForCausalLM", "ForConditionalGeneration"];

/// RoBERTa's padding token id, used if the configuration gives none.
const ROBERTA_PADDING: u32 = 1;

/// BERT's limit, used if the configuration gives none.
const DEFAULT_MAX_LENGTH: usize = 512;

impl Config {
    /// Parses the configuration of a reranker.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] if the model is not a cross-encoder with one label.
    pub fn reranker(files: &ModelFiles) -> Result<Config> {
        let config: ConfigFile = parse_json("config.json", &files.config)?;
        let generates = |name: &&String| GENERATORS.iter().any(|end| name.ends_with(end));
        if let Some(architecture) = config.architectures.iter().flatten().find(generates) {
            return Err(Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "the model generates text ({architecture}, model_type \"{}\") and gives no \
                     relevance score; use a cross-encoder, whose architecture ends in \
                     ForSequenceClassification",
                    config.model_type.unwrap_or_default()
                ),
            ));
        }
        // transformers writes id2label if a model has labels, and leaves out the default number of 2.
        let id2label = config.id2label.as_ref().map(|labels| labels.len());
        let labels = config.num_labels.or(id2label).unwrap_or(2);
        if labels != 1 {
            return Err(Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "the model has {labels} labels, and a reranker has one; use a cross-encoder \
                     that was trained for ranking"
                ),
            ));
        }
        Config::new(config, files, Output::Logit)
    }

    /// Parses the configuration of a reranker, or, if there are files that say how vectors are made, of
    /// an embedder.
    pub fn reranker_or_embedder(files: &ModelFiles) -> Result<Config> {
        let embedder = || Config::embedder(files, EmbeddingSettings::parse(files)?.pooling);
        if files.embedding.is_empty() {
            return Config::reranker(files);
        }
        // The configuration of an encoder may have one label although there is no head for it.
        let config: ConfigFile = parse_json("config.json", &files.config)?;
        let classifies = |name: &String| name.ends_with("ForSequenceClassification");
        match config.architectures.iter().flatten().any(classifies) {
            true => Config::reranker(files).or_else(|_| embedder()),
            false => embedder(),
        }
    }

    /// Parses the configuration of an embedder.
    pub fn embedder(files: &ModelFiles, pooling: Pooling) -> Result<Config> {
        let config = parse_json("config.json", &files.config)?;
        Config::new(config, files, Output::Embedding(pooling))
    }

    fn new(config: ConfigFile, files: &ModelFiles, output: Output) -> Result<Config> {
        let tokenizer_config = match &files.tokenizer_config {
            Some(json) => parse_json("tokenizer_config.json", json)?,
            None => TokenizerConfigFile::default(),
        };
        let model_type = config.model_type.unwrap_or_default();
        let padding = config.pad_token_id.and_then(|id| u32::try_from(id).ok());
        let like_roberta = PositionScheme::AfterPadding(padding.unwrap_or(ROBERTA_PADDING));
        let position_scheme = match model_type.as_str() {
            "bert" | "distilbert" => Some(PositionScheme::FromZero),
            "roberta" | "xlm-roberta" | "camembert" => Some(like_roberta),
            _ => None,
        };
        let reserved = match position_scheme {
            Some(position_scheme) => position_scheme.reserved(),
            // Related architectures that the engine does not know, such as xlm-roberta-xl.
            None if model_type.contains("roberta") => like_roberta.reserved(),
            None => 0,
        };
        let positions = config.max_position_embeddings.map(|n| n.saturating_sub(reserved));
        let positions = positions.unwrap_or(DEFAULT_MAX_LENGTH);
        let max_length = match tokenizer_config.model_max_length {
            Some(limit) if limit >= 1.0 => positions.min(limit as usize),
            _ => positions,
        };
        let ConfigFile { vocab_size, num_attention_heads, n_heads, crossrank, .. } = config;
        let heads = num_attention_heads.or(n_heads);
        let is_decoder = config.is_decoder == Some(true);
        let CrossrankConfig { trained_tokens, revision } = crossrank;
        Ok(Config {
            model_type,
            vocab_size,
            max_length,
            heads,
            is_decoder,
            position_scheme,
            trained_tokens,
            revision,
            output,
        })
    }
}
