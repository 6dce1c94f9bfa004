//! A model as it is stored: its files as bytes, and what its configuration says.

mod embedding;
mod encoder;
mod hash;
pub(crate) mod mmap;
pub(crate) mod prepared;
mod weights;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};

pub(crate) use embedding::EmbeddingSettings;
pub(crate) use encoder::{
    Activation, Encoder, Layer, Linear, Norm, PositionScheme, Refusal, Table,
};
pub(crate) use hash::{Hasher, hexadecimal};
pub(crate) use weights::{Floats, Int8, QuantizeOnRead, Weights, signed};

/// The files of a model, as Hugging Face repositories hold them.
///
/// Read them from a folder or a prepared model with [`ModelFiles::read`], from this crate with
/// [`ModelFiles::bundled_reranker`] or [`ModelFiles::bundled_embedder`], or fill the fields with bytes from
/// anywhere else: [`Bytes`] are made of a `Vec<u8>` or a `&'static [u8]` by `into()`, and a clone shares
/// them. A loaded model reads its tables in place and so keeps the graph's bytes.
#[derive(Clone, Default)]
pub struct ModelFiles {
    /// The ONNX graph with its weights: `onnx/model_quantized.onnx` or `onnx/model.onnx`; or the
    /// bytes of a prepared model, see [`ModelFiles::from_prepared`].
    pub onnx: Bytes,
    /// The files beside the graph that hold its weights, such as `model.onnx_data`, by the names
    /// that the graph has for them (ONNX's external data). Most graphs have none.
    pub external: BTreeMap<String, Bytes>,
    /// `tokenizer.json`.
    pub tokenizer: Bytes,
    /// `config.json`.
    pub config: Bytes,
    /// `tokenizer_config.json`, which may set a shorter maximum length.
    pub tokenizer_config: Option<Bytes>,
    /// What says how an embedder makes its vectors: those of [`ModelFiles::EMBEDDING`] that there
    /// are, by their names. A reranker needs none.
    pub embedding: BTreeMap<String, Bytes>,
}

/// The files of a folder of `models`, and more as given.
#[cfg(any(bundled_reranker, bundled_embedder))]
macro_rules! bundled {
    ($folder:literal, $($more:literal)?) => {{
        macro_rules! file {
            ($path:literal) => {
                Bytes::from_static(include_bytes!(concat!("../../models/", $folder, "/", $path)))
            };
        }
        ModelFiles {
            onnx: file!("onnx/model_quantized.onnx"),
            external: BTreeMap::new(),
            tokenizer: file!("tokenizer.json"),
            config: file!("config.json"),
            tokenizer_config: Some(file!("tokenizer_config.json")),
            embedding: [$(($more.to_owned(), file!($more)))?].into(),
        }
    }};
}

impl ModelFiles {
    /// The files that say how an embedder makes its vectors. `pooling.json`, of this library, says
    /// it all; the others are those of sentence-transformers.
    ///
    /// `pooling.json` holds `pooling` (`"mean"` or `"cls"`), `normalize` (true where it is left
    /// out), and, where there are such, `max_seq_length` and `prompts`, whose `query` and `document`
    /// go before each text.
    pub const EMBEDDING: [&str; 5] = [
        "pooling.json",
        "modules.json",
        "1_Pooling/config.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
    ];

    /// The reranker that was compiled into this library.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotInstalled`] where the library was built without its feature
    /// `bundled-reranker`, or from the crates.io package, which is too small to hold a model.
    pub fn bundled_reranker() -> Result<ModelFiles> {
        #[cfg(bundled_reranker)]
        return Ok(bundled!("minilm-l6-en",));
        #[cfg(not(bundled_reranker))]
        Err(not_installed("crossrank-minilm-l6-en"))
    }

    /// The embedder that was compiled into this library.
    ///
    /// # Errors
    /// As [`ModelFiles::bundled_reranker`], with the feature `bundled-embedder`.
    pub fn bundled_embedder() -> Result<ModelFiles> {
        #[cfg(bundled_embedder)]
        return Ok(bundled!("all-minilm-l6-v2", "pooling.json"));
        #[cfg(not(bundled_embedder))]
        Err(not_installed("crossrank-all-minilm-l6-v2"))
    }
}

#[cfg(not(all(bundled_reranker, bundled_embedder)))]
fn not_installed(package: &str) -> Error {
    Error::new(
        ErrorKind::ModelNotInstalled,
        format!(
            "this build carries no model; name a model folder (the npm package {package} is one)"
        ),
    )
}

/// What `config.json` and `tokenizer_config.json` say of a model.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The architecture by its name in transformers, such as `bert`.
    pub model_type: String,
    /// Rows of the token embedding table, where it is said.
    pub vocab_size: Option<usize>,
    /// The most tokens in a sequence.
    pub max_length: usize,
    /// Attention heads of a layer, where it is said.
    pub heads: Option<usize>,
    /// No token reads those behind it.
    pub is_decoder: bool,
    /// How positions are numbered, of an architecture that is known here.
    pub numbering: Option<PositionScheme>,
    /// The most tokens in a pair that the model was trained on, where it is said.
    pub trained_tokens: Option<usize>,
    pub output: Output,
}

/// What a model gives for a sequence.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// How well a document answers a query.
    Logit,
    /// A vector.
    Embedding(Pooling),
}

/// How the states of a text's tokens become one vector.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pooling {
    /// Their mean.
    Mean,
    /// The first token's state.
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

impl Output {
    /// Its names in a graph with several outputs: of transformers, and of sentence-transformers.
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
    /// DistilBERT's name of the same.
    n_heads: Option<usize>,
    /// Negative where there is none.
    pad_token_id: Option<i64>,
    architectures: Option<Vec<String>>,
    is_decoder: Option<bool>,
    num_labels: Option<usize>,
    id2label: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    crossrank: OwnConfig,
}

/// What a model says to this library alone.
#[derive(Default, Deserialize)]
struct OwnConfig {
    trained_tokens: Option<usize>,
}

#[derive(Default, Deserialize)]
struct TokenizerConfigFile {
    // transformers writes 1e30 for "no limit", so this may be a float.
    model_max_length: Option<f64>,
}

/// How transformers names architectures that give tokens, not logits of labels.
const GENERATORS: [&str; 2] = ["ForCausalLM", "ForConditionalGeneration"];

/// The padding's token id where a RoBERTa's configuration names none.
const ROBERTA_PADDING: u32 = 1;

/// The limit of a model whose configuration names none: BERT's.
const USUAL_MAX_LENGTH: usize = 512;

impl Config {
    /// Reads the configuration, and refuses what is not a cross-encoder with one score.
    pub fn reranker(files: &ModelFiles) -> Result<Config> {
        let config: ConfigFile = parse_json("config.json", &files.config)?;
        let writes = |name: &&String| GENERATORS.iter().any(|end| name.ends_with(end));
        if let Some(architecture) = config.architectures.iter().flatten().find(writes) {
            return Err(Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "the model writes text ({architecture}, model_type \"{}\") and gives no \
                     relevance; use a cross-encoder, whose architecture ends in \
                     ForSequenceClassification",
                    config.model_type.unwrap_or_default()
                ),
            ));
        }
        // transformers writes id2label where a model has labels, and leaves out its default of 2.
        let id2label = config.id2label.as_ref().map(|labels| labels.len());
        let labels = config.num_labels.or(id2label).unwrap_or(2);
        if labels != 1 {
            return Err(Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "the model has {labels} labels and a reranker has one; use a cross-encoder \
                     trained for ranking"
                ),
            ));
        }
        Config::read(config, files, Output::Logit)
    }

    /// Reads the configuration of a reranker, or, where there are files that say how vectors are
    /// made, of an embedder.
    pub fn either(files: &ModelFiles) -> Result<Config> {
        let embedder = || Config::embedder(files, EmbeddingSettings::parse(files)?.pooling);
        if files.embedding.is_empty() {
            return Config::reranker(files);
        }
        // Encoders may have one label in their configuration without a head that gives it.
        let config: ConfigFile = parse_json("config.json", &files.config)?;
        let classifies = |name: &String| name.ends_with("ForSequenceClassification");
        match config.architectures.iter().flatten().any(classifies) {
            true => Config::reranker(files).or_else(|_| embedder()),
            false => embedder(),
        }
    }

    /// Reads the configuration of an embedder.
    pub fn embedder(files: &ModelFiles, pooling: Pooling) -> Result<Config> {
        let config = parse_json("config.json", &files.config)?;
        Config::read(config, files, Output::Embedding(pooling))
    }

    fn read(config: ConfigFile, files: &ModelFiles, output: Output) -> Result<Config> {
        let tokenizer_config = match &files.tokenizer_config {
            Some(json) => parse_json("tokenizer_config.json", json)?,
            None => TokenizerConfigFile::default(),
        };
        let model_type = config.model_type.unwrap_or_default();
        let padding = config.pad_token_id.and_then(|id| u32::try_from(id).ok());
        let like_roberta = PositionScheme::AfterPadding(padding.unwrap_or(ROBERTA_PADDING));
        let numbering = match model_type.as_str() {
            "bert" | "distilbert" => Some(PositionScheme::FromZero),
            "roberta" | "xlm-roberta" | "camembert" => Some(like_roberta),
            _ => None,
        };
        let reserved = match numbering {
            Some(numbering) => numbering.reserved(),
            // Descendants that the engine does not know, such as xlm-roberta-xl.
            None if model_type.contains("roberta") => like_roberta.reserved(),
            None => 0,
        };
        let positions = config.max_position_embeddings.map(|n| n.saturating_sub(reserved));
        let positions = positions.unwrap_or(USUAL_MAX_LENGTH);
        let max_length = match tokenizer_config.model_max_length {
            Some(limit) if limit >= 1.0 => positions.min(limit as usize),
            _ => positions,
        };
        let ConfigFile { vocab_size, num_attention_heads, n_heads, crossrank, .. } = config;
        let heads = num_attention_heads.or(n_heads);
        let is_decoder = config.is_decoder == Some(true);
        let trained_tokens = crossrank.trained_tokens;
        Ok(Config {
            model_type,
            vocab_size,
            max_length,
            heads,
            is_decoder,
            numbering,
            trained_tokens,
            output,
        })
    }
}

fn parse_json<T: for<'a> Deserialize<'a>>(name: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| {
        Error::new(
            ErrorKind::InvalidModel,
            format!("{name} is not as Hugging Face's libraries write it ({e})"),
        )
    })
}
