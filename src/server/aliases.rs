//! Names of models that programs already send.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

use super::failure::{Failure, FailureKind};
use super::{Model, Server};

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

impl Server {
    /// The model that a request names; the first for one that names none.
    pub(super) fn model(&self, name: Option<&str>) -> Result<&Arc<Model>, Failure> {
        let Some(name) = name else { return Ok(&self.models[0]) };
        let loaded = |name: &str| self.models.iter().find(|m| m.name == name);
        let alias = |name: &str| {
            let own = self.options.aliases.iter().map(|(a, n)| (a.as_str(), n.as_str()));
            own.chain(CHECKPOINTS).find(|(a, _)| *a == name).and_then(|(_, n)| loaded(n))
        };
        let hosted = || HOSTED.contains(&name).then(|| &self.models[0]);
        loaded(name).or_else(|| alias(name)).or_else(hosted).ok_or_else(|| {
            Failure::new(
                FailureKind::NoModel,
                format!(
                    "model '{}' not found; this server answers to {}",
                    super::short(name),
                    self.names().join(", ")
                ),
            )
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

pub(super) fn check(models: &[Model], aliases: &[(String, String)]) -> Result<()> {
    let invalid = |message| Err(Error::new(ErrorKind::InvalidArgument, message));
    if models.is_empty() {
        return invalid("a server needs a model".to_owned());
    }
    for (i, model) in models.iter().enumerate() {
        if models[..i].iter().any(|m| m.name == model.name) {
            return invalid(format!("two models are called {}; name one anew", model.name));
        }
    }
    match aliases.iter().find(|(_, name)| !models.iter().any(|m| m.name == *name)) {
        Some((alias, name)) => invalid(format!("alias {alias} is for {name}, which is not loaded")),
        None => Ok(()),
    }
}
