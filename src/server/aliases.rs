//! Names of models that programs already send.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

use super::error::{ApiError, ApiErrorKind};
use super::{EmbeddingModel, Model, Server};

/// Names of hosted models: they mean the server's first model. Multilingual ones are not among
/// them, for a small English model would answer them badly without a word.
const HOSTED: [&str; 14] = [
    "rerank-english-v2.0",
    "rerank-english-light-v2.0",
    "rerank-english-v3.0",
    "rerank-v3.5",
    "rerank-v4.0-fast",
    "rerank-v4.0-pro",
    "jina-reranker-v1-base-en",
    "jina-reranker-v1-turbo-en",
    "jina-reranker-v1-tiny-en",
    "rerank-1",
    "rerank-2",
    "rerank-2-lite",
    "rerank-2.5",
    "rerank-2.5-lite",
];

/// Names of one checkpoint: they mean that model, where it is loaded.
const CHECKPOINTS: [(&str, &str); 5] = [
    ("cross-encoder/ms-marco-MiniLM-L-6-v2", BUNDLED),
    ("cross-encoder/ms-marco-MiniLM-L6-v2", BUNDLED),
    ("Xenova/ms-marco-MiniLM-L-6-v2", BUNDLED),
    ("ms-marco-MiniLM-L-6-v2", BUNDLED),
    ("crossrank-minilm-l6-en", BUNDLED),
];

const BUNDLED: &str = "minilm-l6-en";

/// Names of hosted embedders: they mean the server's first one.
const HOSTED_EMBEDDERS: [&str; 3] =
    ["text-embedding-ada-002", "text-embedding-3-small", "text-embedding-3-large"];

/// Names of one embedder's checkpoint: they mean that model, where it is loaded.
const EMBEDDER_CHECKPOINTS: [&str; 4] = [
    "sentence-transformers/all-MiniLM-L6-v2",
    "Xenova/all-MiniLM-L6-v2",
    "all-MiniLM-L6-v2",
    "crossrank-all-minilm-l6-v2",
];

const BUNDLED_EMBEDDER: &str = "all-minilm-l6-v2";

impl Server {
    /// The model that a request names; the first for one that names none.
    pub(super) fn model(&self, name: Option<&str>) -> Result<&Arc<Model>, ApiError> {
        let Some(name) = name else { return Ok(&self.models[0]) };
        let loaded = |name: &str| self.models.iter().find(|m| m.name == name);
        let alias = |name: &str| {
            let own = self.options.aliases.iter().map(|(a, n)| (a.as_str(), n.as_str()));
            own.chain(CHECKPOINTS).find(|(a, _)| *a == name).and_then(|(_, n)| loaded(n))
        };
        let hosted = || HOSTED.contains(&name).then(|| &self.models[0]);
        loaded(name).or_else(|| alias(name)).or_else(hosted).ok_or_else(|| {
            ApiError::new(
                ApiErrorKind::NoModel,
                format!(
                    "model '{}' not found; this server answers to {}",
                    super::short(name),
                    self.names().join(", ")
                ),
            )
        })
    }

    /// The embedder that a request names; the first for one that names none.
    pub(super) fn embedder(&self, name: Option<&str>) -> Result<&Arc<EmbeddingModel>, ApiError> {
        let Some(first) = self.embedders.first() else {
            let message = "this server has no embedder; start it with --embedder";
            return Err(ApiError::new(ApiErrorKind::NoModel, message));
        };
        let Some(name) = name else { return Ok(first) };
        let loaded = |name: &str| self.embedders.iter().find(|m| m.name == name);
        let alias = || {
            let own = self.options.aliases.iter().map(|(a, n)| (a.as_str(), n.as_str()));
            let checkpoints = EMBEDDER_CHECKPOINTS.map(|a| (a, BUNDLED_EMBEDDER));
            own.chain(checkpoints).find(|(a, _)| *a == name).and_then(|(_, n)| loaded(n))
        };
        let hosted = || HOSTED_EMBEDDERS.contains(&name).then_some(first);
        loaded(name).or_else(alias).or_else(hosted).ok_or_else(|| {
            let names: Vec<&str> = self.embedders.iter().map(|m| m.name.as_str()).collect();
            let message = format!(
                "model '{}' not found; this server embeds with {}",
                super::short(name),
                names.join(", ")
            );
            ApiError::new(ApiErrorKind::NoModel, message)
        })
    }

    /// Every name that finds a model.
    fn names(&self) -> Vec<&str> {
        let models = self.models.iter().map(|m| m.name.as_str());
        let own = self.options.aliases.iter().map(|(alias, _)| alias.as_str());
        let is_loaded = |name: &str| self.models.iter().any(|m| m.name == name);
        let checkpoints = CHECKPOINTS.into_iter().filter(|(_, n)| is_loaded(n)).map(|(a, _)| a);
        models.chain(own).chain(checkpoints).chain(HOSTED).collect()
    }
}

pub(super) fn check(
    models: &[Model],
    embedders: &[EmbeddingModel],
    aliases: &[(String, String)],
) -> Result<()> {
    let invalid = |message| Err(Error::new(ErrorKind::InvalidArgument, message));
    if models.is_empty() {
        return invalid("a server needs a model".to_owned());
    }
    let names = models.iter().map(|m| &m.name).chain(embedders.iter().map(|m| &m.name));
    let names: Vec<&String> = names.collect();
    if let Some((_, name)) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return invalid(format!("two models are called {name}; name one anew"));
    }
    match aliases.iter().find(|(_, name)| !names.contains(&name)) {
        Some((alias, name)) => invalid(format!("alias {alias} is for {name}, which is not loaded")),
        None => Ok(()),
    }
}
