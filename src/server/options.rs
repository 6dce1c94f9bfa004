//! How a server is made.

use std::sync::Arc;

use crate::cache::ScoreCache;

use super::auth::Tokens;
use super::index::SearchIndex;
use super::models::EmbeddingModel;

/// The largest request that a server takes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the body.
    pub body: usize,
    /// Documents over all queries of the request.
    pub documents: usize,
    /// Texts to embed.
    pub texts: usize,
    /// Tokens of the request. The query counts once for each document. Documents in windows are
    /// cut where the windows have more tokens than this.
    pub tokens: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { body: 8 << 20, documents: 1000, texts: 2048, tokens: 300_000 }
    }
}

/// Options of a [`Server`](super::Server).
#[derive(Default)]
#[non_exhaustive]
pub struct Options {
    /// The largest request.
    pub limits: Limits,
    /// The largest number of windows of a document, for requests that give none. Default: the
    /// library's.
    pub max_windows: Option<usize>,
    /// The embedders. Requests without a model name get the first. Default: none.
    pub embedders: Vec<EmbeddingModel>,
    /// The tokens that give access. Default: requests need none.
    pub tokens: Tokens,
    /// Additional names of models: `(alias, name)`.
    pub aliases: Vec<(String, String)>,
    /// Whether an unknown model name means the first model, for programs that always send the name
    /// of a hosted one. Default: it is an error.
    pub accept_any_model: bool,
    /// A path such as `/rerankers`, below which the routes answer too. Default: none.
    pub path_prefix: String,
    /// The cache that the models share, for `/metrics`.
    pub cache: Option<Arc<ScoreCache>>,
    /// The index behind `/search`.
    pub index: Option<Arc<dyn SearchIndex>>,
    /// The number of requests that may wait or be scored at one time, for `/info`.
    pub queue: usize,
    /// The number of threads that score, for `/info`.
    pub threads: usize,
}
