//! The loaded models, and the names by which requests find them.

use std::sync::Arc;

use crate::devices::FailoverReranker;
use crate::embedder::Embedder;
use crate::error::{Error, ErrorKind, Result, one_line};

use super::error::{ApiError, ApiErrorKind};

/// A loaded reranker and its name in requests.
pub struct Model {
    /// The name, such as `minilm-l6-en`.
    pub name: String,
    /// The reranker, which may use several devices.
    pub reranker: FailoverReranker,
}

/// A loaded embedder and its name in requests.
pub struct EmbeddingModel {
    /// The name, such as `all-minilm-l6-v2`.
    pub name: String,
    /// The embedder.
    pub embedder: Embedder,
}

/// Names that programs already send.
struct KnownNames {
    /// The model that a checkpoint's names mean, where it is loaded.
    bundled: &'static str,
    /// Names of that model's checkpoint.
    checkpoints: &'static [&'static str],
    /// Names of hosted models, which mean the server's first model.
    hosted: &'static [&'static str],
}

/// What infinity's client sends where its caller names no model.
const UNSPECIFIED: &str = "default/not-specified";

/// Hosted multilingual models are left out: a small English model would answer badly in their
/// place, and nobody would notice.
const RERANKER_NAMES: KnownNames = KnownNames {
    bundled: "minilm-l6-en",
    checkpoints: &[
        "cross-encoder/ms-marco-MiniLM-L-6-v2",
        "cross-encoder/ms-marco-MiniLM-L6-v2",
        "Xenova/ms-marco-MiniLM-L-6-v2",
        "ms-marco-MiniLM-L-6-v2",
        "crossrank-minilm-l6-en",
    ],
    hosted: &[
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
        UNSPECIFIED,
    ],
};

const EMBEDDER_NAMES: KnownNames = KnownNames {
    bundled: "all-minilm-l6-v2",
    checkpoints: &[
        "sentence-transformers/all-MiniLM-L6-v2",
        "Xenova/all-MiniLM-L6-v2",
        "all-MiniLM-L6-v2",
        "crossrank-all-minilm-l6-v2",
    ],
    hosted: &[
        "text-embedding-ada-002",
        "text-embedding-3-small",
        "text-embedding-3-large",
        UNSPECIFIED,
    ],
};

/// The models of a server. There is at least one reranker.
pub(super) struct Models {
    rerankers: Vec<Arc<Model>>,
    embedders: Vec<Arc<EmbeddingModel>>,
    /// `(alias, name)`
    aliases: Vec<(String, String)>,
    /// Whether an unknown name means the first model.
    accept_any: bool,
}

/// A loaded model that a name means.
pub(super) enum NamedModel<'a> {
    Reranker(&'a Arc<Model>),
    Embedder(&'a Arc<EmbeddingModel>),
}

impl Models {
    /// Checks the names.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for no rerankers, two models of the same name, or an alias of
    /// a model that is not loaded.
    pub fn new(
        rerankers: Vec<Model>,
        embedders: Vec<EmbeddingModel>,
        aliases: Vec<(String, String)>,
        accept_any: bool,
    ) -> Result<Models> {
        let invalid = |message| Err(Error::new(ErrorKind::InvalidArgument, message));
        if rerankers.is_empty() {
            return invalid("a server needs a model".to_owned());
        }
        let names = rerankers.iter().map(|m| &m.name).chain(embedders.iter().map(|m| &m.name));
        let names: Vec<&String> = names.collect();
        let twice = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name));
        if let Some((_, name)) = twice {
            return invalid(format!("two models are called {name}; rename one"));
        }
        if let Some((alias, name)) = aliases.iter().find(|(_, name)| !names.contains(&name)) {
            return invalid(format!("alias {alias} is for {name}, which is not loaded"));
        }
        Ok(Models {
            rerankers: rerankers.into_iter().map(Arc::new).collect(),
            embedders: embedders.into_iter().map(Arc::new).collect(),
            aliases,
            accept_any,
        })
    }

    /// The reranker of requests that name none.
    pub fn first_reranker(&self) -> &Arc<Model> {
        &self.rerankers[0]
    }

    /// The reranker that a request names; the first for a request that names none.
    pub fn reranker(&self, name: Option<&str>) -> std::result::Result<&Arc<Model>, ApiError> {
        let Some(name) = name else { return Ok(self.first_reranker()) };
        let any = || self.accept_any.then(|| self.first_reranker());
        self.find_reranker(name).or_else(any).ok_or_else(|| {
            let KnownNames { bundled, checkpoints, hosted } = RERANKER_NAMES;
            let loaded = self.reranker_names();
            let mut names = loaded.clone();
            names.extend(self.aliases.iter().map(|(alias, _)| alias.as_str()));
            names.extend(checkpoints.iter().filter(|_| loaded.contains(&bundled)));
            names.extend(hosted);
            not_found(name, &names)
        })
    }

    /// The embedder that a request names; the first for a request that names none.
    pub fn embedder(
        &self,
        name: Option<&str>,
    ) -> std::result::Result<&Arc<EmbeddingModel>, ApiError> {
        let Some(first) = self.embedders.first() else {
            let message = "this server has no embedder; start it with --embedder";
            return Err(ApiError::new(ApiErrorKind::NoModel, message));
        };
        let Some(name) = name else { return Ok(first) };
        let any = || self.accept_any.then_some(first);
        let found = self.find_embedder(name).or_else(any);
        found.ok_or_else(|| not_found(name, &self.embedder_names()))
    }

    /// The names of all models and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let aliases = self.aliases.iter().map(|(alias, _)| alias.as_str());
        self.reranker_names().into_iter().chain(self.embedder_names()).chain(aliases)
    }

    /// The model of any kind that a name means.
    pub fn named(&self, name: &str) -> std::result::Result<NamedModel<'_>, ApiError> {
        let reranker = self.find_reranker(name).map(NamedModel::Reranker);
        let found = reranker.or_else(|| self.find_embedder(name).map(NamedModel::Embedder));
        found.ok_or_else(|| not_found(name, &self.names().collect::<Vec<_>>()))
    }

    fn find_reranker(&self, name: &str) -> Option<&Arc<Model>> {
        let position = self.find(&RERANKER_NAMES, &self.reranker_names(), name);
        position.map(|i| &self.rerankers[i])
    }

    fn find_embedder(&self, name: &str) -> Option<&Arc<EmbeddingModel>> {
        let position = self.find(&EMBEDDER_NAMES, &self.embedder_names(), name);
        position.and_then(|i| self.embedders.get(i))
    }

    fn reranker_names(&self) -> Vec<&str> {
        self.rerankers.iter().map(|model| model.name.as_str()).collect()
    }

    fn embedder_names(&self) -> Vec<&str> {
        self.embedders.iter().map(|model| model.name.as_str()).collect()
    }

    /// The position in `loaded` of the model that a name means.
    fn find(&self, known: &KnownNames, loaded: &[&str], name: &str) -> Option<usize> {
        let position = |name: &str| loaded.iter().position(|loaded| *loaded == name);
        let alias = self.aliases.iter().find(|(alias, _)| alias == name);
        let checkpoint = known.checkpoints.contains(&name).then_some(known.bundled);
        let meant = alias.map(|(_, name)| name.as_str()).or(checkpoint);
        let hosted = || known.hosted.contains(&name).then_some(0);
        position(name).or_else(|| position(meant?)).or_else(hosted)
    }
}

fn not_found(name: &str, names: &[&str]) -> ApiError {
    let (name, names) = (one_line(name), names.join(", "));
    let message = format!("model '{name}' not found; known names: {names}");
    ApiError::new(ApiErrorKind::NoModel, message)
}
