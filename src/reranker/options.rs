//! How to load a reranker, and how to rerank one list.

use std::sync::Arc;
use std::time::Instant;

use crate::cache::ScoreCache;
use crate::runner::StopConditions;
use crate::tokenizer::Truncation;

/// How to load a model. The defaults suit most callers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoadOptions {
    /// The maximum number of tokens in a pair. Longer documents are truncated. Default: what the
    /// model reads, which is also the upper bound.
    pub max_length: Option<usize>,
    /// The number of threads that share the work of a call. Default: one for each core. In
    /// WebAssembly it is always 1. Scores do not depend on it.
    pub threads: Option<usize>,
    /// A cache of scores, which several rerankers may share. Default: every score is computed.
    pub cache: Option<Arc<ScoreCache>>,
    /// What happens to long documents if a call does not say. Default: they are truncated if
    /// `max_length` is given. Otherwise it depends on the model, see
    /// [`crate::Reranker::long_documents`].
    pub long_documents: Option<LongDocuments>,
    /// What distinguishes the scores of this model from those of others in the cache, such as
    /// hashes of its files. Default: the hashes, which take a moment to compute.
    pub fingerprint: Option<String>,
    /// Compute with the floats of `model.safetensors`. Default: they are quantized to int8 when the model is
    /// loaded, as [`ModelFiles::quantize_to`](crate::ModelFiles::quantize_to) does it, which is faster. ONNX
    /// graphs and prepared models always compute with the weights that they hold.
    pub keep_floats: bool,
    /// The name of the kernel that computes on the CPU. Default: the fastest. It is for measurements:
    /// scores do not depend on it.
    #[doc(hidden)]
    pub kernel: Option<String>,
}

/// What happens to a document that is longer than the model reads well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LongDocuments {
    /// The document is cut, see [`Truncation`].
    Truncate,
    /// The document is split into windows that overlap by a quarter. The score of the best window
    /// is the score of the document.
    ///
    /// A window has as many tokens as the model was trained on, query included
    /// (`"crossrank": {"trained_tokens": 340}` in `config.json`; otherwise the maximum that the model
    /// reads). A long query leaves at least half of these tokens for the document. Where the model
    /// cannot read that many, documents are truncated.
    Windows,
}

/// How to rerank one list. The defaults rank the whole list.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct RerankOptions<'a> {
    /// The maximum number of results. Default: all.
    pub top_k: Option<usize>,
    /// The maximum number of tokens in a pair. Default and upper bound:
    /// [`crate::Reranker::max_length`]. Longer documents are truncated, unless `long_documents`
    /// says otherwise.
    pub max_length: Option<usize>,
    /// The maximum number of tokens of a document, before it is paired with the query. Default: no
    /// separate limit.
    pub max_document_tokens: Option<usize>,
    /// How longer texts are truncated.
    pub truncation: Truncation,
    /// What happens to longer documents, before any truncation. Default:
    /// [`crate::Reranker::long_documents`] with [`Truncation::Right`] and without `max_length`.
    /// Otherwise they are truncated.
    pub long_documents: Option<LongDocuments>,
    /// The maximum number of windows of a document. The rest of the document is left out, and the
    /// result says so. With [`Truncation::Never`] the call fails instead. Default: 32.
    pub max_windows: Option<usize>,
    /// Leave out results with a lower score, from 0 to 1.
    pub min_score: Option<f32>,
    /// Soon after this moment the call returns with the scores that it has, see
    /// [`Ranking::partial`](crate::Ranking::partial). It is checked between layers of the model.
    pub deadline: Option<Instant>,
    /// Compute every score, and leave the cache as it is.
    pub skip_cache: bool,
    /// Called between documents and between layers, from several threads at once. If it returns
    /// true, the call fails with [`crate::ErrorKind::Cancelled`].
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Called with the number of documents scored so far, from several threads at once.
    pub progress: Option<&'a (dyn Fn(usize) + Sync)>,
}

impl RerankOptions<'_> {
    pub(super) fn stop_conditions(&self) -> StopConditions<'_> {
        StopConditions { cancelled: self.cancelled, deadline: self.deadline }
    }
}
