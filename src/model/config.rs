//! The configuration of a model.

use serde::Deserialize;

use super::embedding::Pooling;
use super::files::{ModelFiles, parse_json};
use super::positions::PositionScheme;
use crate::error::{Error, ErrorKind, Result};

/// The contents of `config.json` and `tokenizer_config.json`.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The number of rows of the token embedding table, if it is given.
    pub vocab_size: Option<usize>,
    /// The maximum number of tokens in a sequence, if positions are numbered by `position_scheme`.
    pub max_length: usize,
    /// The maximum number of tokens in a sequence, if no row of the positions is reserved.
    pub max_positions: usize,
    /// The number of attention heads in a layer, if it is given.
    pub heads: Option<usize>,
    /// The number of tokens that local attention sees, if it is given.
    pub local_attention: Option<usize>,
    /// Whether tokens attend only to the tokens before them.
    pub is_decoder: bool,
    /// How the models of this name number positions. A graph shows it by what it computes.
    pub position_scheme: PositionScheme,
    /// Whether an architecture is named that has a head for labels.
    pub is_classifier: bool,
    /// The names of the labels, if they are given.
    pub labels: Vec<String>,
    /// The maximum number of tokens in the pairs of the training data, if it is given.
    pub trained_tokens: Option<usize>,
    /// The revision of the weights, if it is given.
    pub revision: Option<String>,
    pub output: Output,
    /// Whether the caller wants weights in safetensors to stay in floats.
    #[cfg_attr(not(checkpoints), allow(dead_code, reason = "there are no weights in safetensors"))]
    pub keep_floats: bool,
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
    /// The same in NomicBERT's own code.
    n_positions: Option<usize>,
    /// NomicBERT's own code scales the base of its rotary positions by the length of a batch that has longer
    /// sequences than `max_trained_positions`.
    rotary_scaling_factor: Option<f64>,
    max_trained_positions: Option<usize>,
    num_attention_heads: Option<usize>,
    /// The same in DistilBERT.
    n_heads: Option<usize>,
    /// Negative if there is none.
    pad_token_id: Option<i64>,
    architectures: Option<Vec<String>>,
    is_decoder: Option<bool>,
    local_attention: Option<usize>,
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

/// The names of the label that is the relevance, in lower case and without other characters than letters.
const RELEVANCE: [&str; 3] = ["relevance", "relevant", "isrelevant"];

/// Parts of the names of the model types that number positions as RoBERTa does.
const LIKE_ROBERTA: [&str; 6] = ["roberta", "camembert", "mpnet", "data2vec-text", "ibert", "xmod"];

/// RoBERTa's padding token id, used if the configuration gives none.
const ROBERTA_PADDING: u32 = 1;

/// BERT's limit, used if the configuration gives none.
const DEFAULT_MAX_LENGTH: usize = 512;

/// The upper bound, whatever the configuration gives. Models without a table of positions read any length, and the time
/// of attention grows with its square.
const MAX_LENGTH: usize = 1 << 16;

/// Whether the name of an architecture is that of a model with a head for labels.
fn classifies(architecture: &str) -> bool {
    architecture.ends_with("ForSequenceClassification")
}

impl ConfigFile {
    /// Refuses a model that generates text.
    fn check_kind(&self) -> Result<()> {
        let generates = |name: &&String| GENERATORS.iter().any(|end| name.ends_with(end));
        if let Some(architecture) = self.architectures.iter().flatten().find(generates) {
            let model_type = self.model_type.as_deref().unwrap_or_default();
            let nearest = match model_type.starts_with("qwen") {
                true => "Alibaba-NLP/gte-multilingual-reranker-base",
                false => "BAAI/bge-reranker-v2-m3",
            };
            return Err(Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "the model generates text ({architecture}, model_type \"{model_type}\") and gives no \
                     relevance score; use a cross-encoder, whose architecture ends in \
                     ForSequenceClassification: the nearest that runs is {nearest}",
                ),
            ));
        }
        Ok(())
    }
}

impl Config {
    /// Parses the configuration of a reranker.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] if the model is not a cross-encoder with one label.
    pub fn reranker(files: &ModelFiles) -> Result<Config> {
        let config: ConfigFile = parse_json("config.json", &files.config)?;
        config.check_kind()?;
        // Without either, the graph shows the number: transformers leaves out its default of 2, and
        // encoders without a head.
        let num_labels = config.num_labels;
        let config = Config::new(config, files, Output::Logit)?;
        let given = Some(config.labels.len()).filter(|&labels| labels > 0);
        match num_labels.or(given).filter(|&labels| labels != 1) {
            Some(labels) => config.relevance_label(labels).map(|_| config),
            None => Ok(config),
        }
    }

    /// Refuses a model that generates text, by its `config.json`.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] for such a model.
    #[cfg(all(feature = "hub", checkpoints))]
    pub fn check_kind(config: &[u8]) -> Result<()> {
        parse_json::<ConfigFile>("config.json", config)?.check_kind()
    }

    /// Which of so many labels is the relevance: the only one, or the only one with such a name.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] if none is.
    pub fn relevance_label(&self, labels: usize) -> Result<usize> {
        let is_relevance = |name: &String| {
            let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
            RELEVANCE.iter().any(|known| letters.eq_ignore_ascii_case(known))
        };
        let named = (0..self.labels.len()).filter(|&label| is_relevance(&self.labels[label]));
        match named.collect::<Vec<_>>()[..] {
            _ if labels == 1 => Ok(0),
            [label] if labels == self.labels.len() => Ok(label),
            _ => Err(self.wrong_labels(labels)),
        }
    }

    /// The error for a reranker with this number of labels.
    fn wrong_labels(&self, labels: usize) -> Error {
        let names = match self.labels.len() == labels {
            true => format!(" ({})", self.labels.join(", ")),
            false => String::new(),
        };
        let message = format!(
            "the model has {labels} labels{names}, and a reranker has one, or one that is called relevance \
             or relevant; use a cross-encoder that was trained for ranking"
        );
        Error::new(ErrorKind::UnsupportedModel, message)
    }

    /// The error for a graph that gives `found` and not the output of a model of this kind.
    pub fn wrong_output(&self, found: &str) -> Error {
        let message = match self.output {
            Output::Logit if self.is_classifier => format!(
                "the graph gives {found} and no logit: it was exported without the head of its \
                 model; export it with `optimum-cli export onnx --task text-classification`"
            ),
            Output::Logit => format!(
                "the graph gives {found} and no logit, so the model makes vectors; load it as an \
                 embedder (`crossrank embed`), or use a cross-encoder"
            ),
            Output::Embedding(_) => format!(
                "the graph gives {found} and not the states of tokens, of which vectors are made; \
                 load a cross-encoder as a reranker (`crossrank rerank`), and export an embedding \
                 model with `optimum-cli export onnx --task feature-extraction`"
            ),
        };
        Error::new(ErrorKind::UnsupportedModel, message)
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
        let is_classifier = config.architectures.iter().flatten().any(|name| classifies(name));
        let padding = config.pad_token_id.and_then(|id| u32::try_from(id).ok());
        let position_scheme = match LIKE_ROBERTA.iter().any(|name| model_type.contains(name)) {
            true => PositionScheme::AfterPadding(padding.unwrap_or(ROBERTA_PADDING)),
            false => PositionScheme::FromZero,
        };
        let unscaled = config.rotary_scaling_factor.and(config.max_trained_positions);
        let rows = config.max_position_embeddings.or(config.n_positions);
        let rows = rows.map(|rows| rows.min(unscaled.unwrap_or(rows)));
        let free = rows.map(|rows| rows.saturating_sub(position_scheme.reserved()));
        let [max_length, max_positions] = [free, rows].map(|positions| {
            let positions = positions.unwrap_or(DEFAULT_MAX_LENGTH).min(MAX_LENGTH);
            match tokenizer_config.model_max_length {
                Some(limit) if limit >= 1.0 => positions.min(limit as usize),
                _ => positions,
            }
        });
        let ConfigFile {
            vocab_size,
            num_attention_heads,
            n_heads,
            local_attention,
            id2label,
            crossrank,
            ..
        } = config;
        let heads = num_attention_heads.or(n_heads);
        let is_decoder = config.is_decoder == Some(true);
        let id2label = id2label.unwrap_or_default();
        let mut labels = vec![String::new(); id2label.len()];
        for (id, name) in &id2label {
            let slot = id.parse().ok().and_then(|id: usize| labels.get_mut(id));
            if let (Some(slot), Some(name)) = (slot, name.as_str()) {
                name.clone_into(slot);
            }
        }
        let CrossrankConfig { trained_tokens, revision } = crossrank;
        Ok(Config {
            vocab_size,
            max_length,
            max_positions,
            heads,
            local_attention,
            is_decoder,
            position_scheme,
            is_classifier,
            labels,
            trained_tokens,
            revision,
            output,
            keep_floats: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_has_a_largest_length_whatever_the_configuration_says() {
        let length = |positions: &str, limit: &str| {
            let config = format!(r#"{{"max_position_embeddings": {positions}}}"#);
            let tokenizer_config = format!(r#"{{"model_max_length": {limit}}}"#);
            let files = ModelFiles {
                config: config.into(),
                tokenizer_config: Some(tokenizer_config.into()),
                ..ModelFiles::default()
            };
            let config = Config::reranker(&files).unwrap();
            assert_eq!(config.max_length, config.max_positions);
            config.max_length
        };
        assert_eq!(length("8192", "1e30"), 8192);
        assert_eq!(length("8192", "512"), 512);
        assert_eq!(length("65535", "1e30"), MAX_LENGTH - 1);
        assert_eq!(length("65536", "1e30"), MAX_LENGTH);
        assert_eq!(length("65537", "1e30"), MAX_LENGTH);
        assert_eq!(length("18446744073709551615", "1e30"), MAX_LENGTH);
        assert_eq!(length("18446744073709551615", "600"), 600);
    }
}
