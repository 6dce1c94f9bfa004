//! Embedding requests: the interface of a dialect, and the way from a body to a response.

use std::sync::Arc;

use serde::Deserialize;

use crate::embedder::{EmbedOptions, Embedding, TextKind};
use crate::tokenizer::{Encoding, Truncation};

use super::body;
use super::error::{ApiError, ApiErrorKind, ErrorFormat};
use super::metrics::Metrics;
use super::models::{EmbeddingModel, Models};
use super::options::Options;
use super::prepared::{LoadedModel, PreparedRequest};
use super::request::{Request, Response};

/// The requests and responses of one embedding API.
pub(super) trait EmbedDialect: Sync {
    /// Reads a body.
    fn parse(&self, body: &str) -> Result<EmbedBody, ApiError>;

    /// Writes the response.
    fn render(&self, answer: EmbedAnswer) -> Response;

    /// Writes errors.
    fn error_format(&self) -> &'static dyn ErrorFormat;
}

/// The content of a body.
pub(super) struct EmbedBody {
    pub model: Option<String>,
    pub texts: Vec<String>,
    pub kind: TextKind,
    pub truncation: Truncation,
    pub normalize: Option<bool>,
    /// The number of elements that a vector must have.
    pub dimensions: Option<usize>,
    pub encoding: VectorEncoding,
}

/// The form of a vector in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VectorEncoding {
    /// An array of numbers.
    Floats,
    /// The little-endian bytes of the elements.
    Base64,
}

/// What a response is made of.
pub(super) struct EmbedAnswer {
    /// The model's name, as the request gave it.
    pub model: String,
    pub embeddings: Vec<Embedding>,
    pub encoding: VectorEncoding,
}

/// The field that holds one text or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    One(String),
    Several(Vec<String>),
    Other(serde::de::IgnoredAny),
}

impl Texts {
    /// The texts. `expected` is the error's message for another value.
    pub fn into_vec(self, expected: &str) -> Result<Vec<String>, ApiError> {
        match self {
            Texts::One(text) => Ok(vec![text]),
            Texts::Several(texts) => Ok(texts),
            Texts::Other(_) => Err(ApiError::bad(expected)),
        }
    }
}

/// The field that says what the texts are. The default is a document.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum InputType {
    #[serde(alias = "search_query")]
    Query,
    #[serde(alias = "passage", alias = "search_document")]
    Document,
}

impl InputType {
    pub fn text_kind(given: Option<InputType>) -> TextKind {
        match given {
            Some(InputType::Query) => TextKind::Query,
            Some(InputType::Document) | None => TextKind::Document,
        }
    }
}

/// A request whose body was read.
pub(super) struct ParsedEmbed {
    dialect: &'static dyn EmbedDialect,
    id: String,
    model: Arc<EmbeddingModel>,
    model_name: String,
    body: EmbedBody,
    max_tokens: usize,
}

impl ParsedEmbed {
    /// Reads the body, finds the model and checks the limits.
    pub fn new(
        dialect: &'static dyn EmbedDialect,
        request: &Request,
        models: &Models,
        options: &Options,
    ) -> Result<ParsedEmbed, ApiError> {
        let limits = options.limits;
        let mut body = body::read(request, limits.body, |text| dialect.parse(text))?;
        body.model = body.model.filter(|name| !name.is_empty());
        let model = models.embedder(body.model.as_deref())?.clone();
        let dimensions = model.embedder.dimensions();
        if let Some(other) = body.dimensions.filter(|&other| other != dimensions) {
            return Err(ApiError::bad(format!(
                "dimensions is {other}, and the vectors of {} have {dimensions} and cannot be \
                 shortened; leave it out",
                model.name
            )));
        }
        let count = body.texts.len();
        if count > limits.texts {
            let message = format!(
                "too many texts: the request has {count}, and the limit is {}; send several \
                 requests",
                limits.texts
            );
            return Err(ApiError::new(ApiErrorKind::TooLong, message));
        }
        if count == 0 {
            return Err(ApiError::new(ApiErrorKind::Empty, "the request has no text to embed"));
        }
        let model_name = body.model.clone().unwrap_or_else(|| model.name.clone());
        let (id, max_tokens) = (request.id.clone(), limits.tokens);
        Ok(ParsedEmbed { dialect, id, model, model_name, body, max_tokens })
    }

    /// Tokenizes. `cancelled` is called between texts.
    pub fn prepare(
        self,
        metrics: &Arc<Metrics>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<PreparedRequest, ApiError> {
        let sequences: Arc<[Encoding]> = self.encode(cancelled)?.into();
        let metrics = metrics.clone();
        Ok(PreparedRequest {
            id: self.id.clone(),
            error_format: self.dialect.error_format(),
            model: LoadedModel::Embedder(self.model.clone()),
            sequences: vec![sequences.clone()],
            finish: Box::new(move |outputs| {
                let embeddings = self.embeddings(&sequences, &outputs)?;
                let tokens = embeddings.iter().map(|embedding| embedding.tokens).sum();
                metrics.answered_for(embeddings.len(), tokens);
                let (model, encoding) = (self.model_name, self.body.encoding);
                Ok(self.dialect.render(EmbedAnswer { model, embeddings, encoding }))
            }),
        })
    }

    fn encode(&self, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Encoding>, ApiError> {
        let EmbedBody { texts, kind, truncation, .. } = &self.body;
        let (mut encodings, mut tokens) = (Vec::with_capacity(texts.len()), 0);
        for (i, text) in texts.iter().enumerate() {
            if cancelled() {
                return Err(ApiError::new(ApiErrorKind::Deadline, "the request was cancelled"));
            }
            let encoding = self.model.embedder.encode(text, *kind, *truncation);
            let encoding = encoding.map_err(|e| e.at(format_args!("text {i}")))?;
            tokens += encoding.ids.len();
            if tokens > self.max_tokens {
                let message = format!(
                    "too many tokens: the limit is {} for a request; send fewer texts",
                    self.max_tokens
                );
                return Err(ApiError::new(ApiErrorKind::TooLong, message));
            }
            encodings.push(encoding);
        }
        Ok(encodings)
    }

    fn embeddings(
        &self,
        sequences: &[Encoding],
        outputs: &[f32],
    ) -> Result<Vec<Embedding>, ApiError> {
        let embedder = &self.model.embedder;
        let options = EmbedOptions { normalize: self.body.normalize, ..EmbedOptions::default() };
        let pairs = sequences.iter().zip(outputs.chunks(embedder.dimensions()));
        let embeddings =
            pairs.map(|(sequence, vector)| embedder.finish(sequence, vector, &options));
        embeddings.collect::<crate::error::Result<_>>().map_err(ApiError::from)
    }
}
