//! Requests for vectors.

use std::sync::Arc;

use serde::Deserialize;

use crate::embedder::{EmbedOptions, Embedding, TextKind};
use crate::tokenizer::{Encoding, Truncation};

use super::error::{ApiError, ApiErrorKind};
use super::message::{Request, Response};
use super::work::{LoadedModel, PreparedRequest};
use super::{EmbedApi, EmbeddingModel, Server, openai, tei};

/// What one API's body says.
pub(super) struct Parsed {
    pub model: Option<String>,
    pub texts: Vec<String>,
    pub kind: TextKind,
    pub truncation: Truncation,
    pub normalize: Option<bool>,
    pub form: Form,
}

/// A body's texts.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    One(String),
    Several(Vec<String>),
    Other(serde::de::IgnoredAny),
}

impl Texts {
    /// The texts, or what to say where they are neither.
    pub fn list(self, otherwise: &str) -> Result<Vec<String>, ApiError> {
        match self {
            Texts::One(text) => Ok(vec![text]),
            Texts::Several(texts) => Ok(texts),
            Texts::Other(_) => Err(ApiError::bad(otherwise)),
        }
    }
}

/// What a body says that its texts are. Without it they are documents.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Query,
    #[serde(alias = "passage")]
    Document,
}

impl Kind {
    pub fn of(given: Option<Kind>) -> TextKind {
        match given {
            Some(Kind::Query) => TextKind::Query,
            Some(Kind::Document) | None => TextKind::Document,
        }
    }
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Numbers,
    Base64,
}

/// What a response is made of.
pub(super) struct Answer {
    pub model: String,
    pub embeddings: Vec<Embedding>,
    pub form: Form,
}

/// Texts to embed for one request.
pub(super) struct EmbedJob {
    api: EmbedApi,
    id: String,
    model: Arc<EmbeddingModel>,
    model_name: String,
    parsed: Parsed,
    most_tokens: usize,
}

impl EmbedJob {
    /// Reads a request's body.
    pub fn parse(server: &Server, api: EmbedApi, request: &Request) -> Result<EmbedJob, ApiError> {
        let limits = server.options.limits;
        if request.body.len() > limits.body {
            return Err(ApiError::body_too_large(limits.body));
        }
        let parsed = match api {
            EmbedApi::OpenAi => openai::parse(&request.body),
            EmbedApi::Tei => tei::parse_embed(&request.body),
        }?;
        let model = server.embedder(parsed.model.as_deref())?.clone();
        let count = parsed.texts.len();
        if count > limits.documents {
            let message = format!(
                "too many texts: {count} came, and the limit is {} in one request; send them in \
                 several",
                limits.documents
            );
            return Err(ApiError::new(ApiErrorKind::TooLong, message));
        }
        if count == 0 {
            return Err(ApiError::new(ApiErrorKind::Empty, "there is no text to embed"));
        }
        let model_name = parsed.model.clone().unwrap_or_else(|| model.name.clone());
        let (id, most_tokens) = (request.id.clone(), limits.tokens);
        Ok(EmbedJob { api, id, model, model_name, parsed, most_tokens })
    }

    /// Texts to tokens.
    pub fn prepare(
        self,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<PreparedRequest, Response> {
        let sequences: Arc<[Encoding]> =
            self.encode(cancelled).map_err(|failure| self.refuse(failure))?.into();
        Ok(PreparedRequest {
            reader: LoadedModel::Embedder(self.model.clone()),
            sequences: vec![sequences.clone()],
            finish: Box::new(move |server, outputs| {
                let embeddings = outputs.and_then(|outputs| self.embeddings(&sequences, &outputs));
                match embeddings {
                    Ok(embeddings) => {
                        let tokens = embeddings.iter().map(|embedding| embedding.tokens).sum();
                        server.metrics.answered_for(embeddings.len(), tokens);
                        self.answer(embeddings)
                    }
                    Err(failure) => self.refuse(failure),
                }
            }),
        })
    }

    fn encode(&self, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Vec<Encoding>, ApiError> {
        let Parsed { texts, kind, truncation, .. } = &self.parsed;
        let (mut encodings, mut tokens) = (Vec::with_capacity(texts.len()), 0);
        for (i, text) in texts.iter().enumerate() {
            if cancelled() {
                return Err(ApiError::new(ApiErrorKind::Deadline, "the request was cancelled"));
            }
            let encoding = self.model.embedder.encode(text, *kind, *truncation);
            let encoding = encoding.map_err(|e| e.at(format_args!("text {i}")))?;
            tokens += encoding.ids.len();
            if tokens > self.most_tokens {
                let message = format!(
                    "too many tokens: the limit is {} in one request; send fewer texts",
                    self.most_tokens
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
        let options = EmbedOptions { normalize: self.parsed.normalize, ..EmbedOptions::default() };
        let vectors = outputs.chunks(embedder.dimensions());
        let pairs = sequences.iter().zip(vectors);
        let embeddings =
            pairs.map(|(sequence, vector)| embedder.finish(sequence, vector, &options));
        embeddings.collect::<crate::error::Result<_>>().map_err(ApiError::from)
    }

    fn answer(self, embeddings: Vec<Embedding>) -> Response {
        let answer = Answer { model: self.model_name, embeddings, form: self.parsed.form };
        match self.api {
            EmbedApi::OpenAi => openai::response(&answer),
            EmbedApi::Tei => tei::embed_response(&answer),
        }
    }

    fn refuse(&self, failure: ApiError) -> Response {
        failure.response(self.api.form(), &self.id)
    }
}
