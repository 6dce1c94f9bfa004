//! What the pipeline takes and gives.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::cache::ScoreCache;
use crate::error::Result;
use crate::rank;
use crate::runner::StopConditions;
use crate::score::Score;
use crate::tokenizer::{Span, Truncation};

/// How to load a model. The default suits most callers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoadOptions {
    /// The most tokens in a pair; longer documents are cut. Default: the model's own maximum,
    /// which is also the limit.
    pub max_length: Option<usize>,
    /// Threads that share the documents of a call. Default: one a core; always 1 in
    /// WebAssembly. Scores do not depend on it.
    pub threads: Option<usize>,
    /// Remembers scores; rerankers may share one. Default: every score is computed.
    pub cache: Option<Arc<ScoreCache>>,
    /// What becomes of long documents where a call does not say. Default: they are cut where
    /// `max_length` is given; else the model decides, see [`crate::Reranker::long_documents`].
    pub long_documents: Option<LongDocuments>,
    /// What tells this model's scores from others' in the cache, such as the hashes of its files.
    /// Default: those, which take a moment.
    pub fingerprint: Option<String>,
}

/// What becomes of a document that is longer than the model reads well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LongDocuments {
    /// It is cut, see [`Truncation`].
    Truncate,
    /// It is split into windows that overlap by a quarter, each of as many tokens as the model was
    /// trained on (`"crossrank": {"trained_tokens": 160}` in `config.json`; else the model's
    /// maximum), query included. The best window's score is the document's. A long query leaves a
    /// window at least half of these tokens; where the model does not read so much, documents are
    /// cut.
    Windows,
}

/// How to rerank one list. The default ranks the whole list.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct RerankOptions<'a> {
    /// The most results. Default: all.
    pub top_k: Option<usize>,
    /// The most tokens in a pair, up to [`crate::Reranker::max_length`], which is the default;
    /// longer documents are cut, unless `long_documents` says otherwise.
    pub max_length: Option<usize>,
    /// The most tokens of a document, before it is paired with the query. Default: no limit of
    /// its own.
    pub max_document_tokens: Option<usize>,
    /// What happens to longer texts.
    pub truncation: Truncation,
    /// What happens to longer documents, before they are cut. Default:
    /// [`crate::Reranker::long_documents`] with [`Truncation::Right`] and without `max_length`, and
    /// else they are cut.
    pub long_documents: Option<LongDocuments>,
    /// The most windows of a document; what lies behind them is left out, and the
    /// result says so; with [`Truncation::Never`] the call fails. Default: 32.
    pub max_windows: Option<usize>,
    /// Leave out results with a lower score.
    pub min_score: Option<f32>,
    /// The call ends soon after this moment with what has been scored so far, see
    /// [`Ranking::partial`]. It is looked at between layers of the model.
    pub deadline: Option<Instant>,
    /// Compute every score, and leave the cache as it is.
    pub skip_cache: bool,
    /// Asked between documents and between layers, from several threads at once. Where it says
    /// true, the call ends with [`crate::ErrorKind::Cancelled`].
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Told the number of documents scored so far, from several threads at once.
    pub progress: Option<&'a (dyn Fn(usize) + Sync)>,
}

impl RerankOptions<'_> {
    pub(super) fn halt(&self) -> StopConditions<'_> {
        StopConditions { cancelled: self.cancelled, deadline: self.deadline }
    }
}

/// A place in a ranking.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankedDocument {
    /// The document's position in the list that was given, from 0.
    pub index: usize,
    /// Relevance from 0 to 1: the sigmoid of `logit`. NaN where the document was not scored, see
    /// [`Ranking::partial`].
    pub score: f32,
    /// The model's output. NaN where the document was not scored.
    pub logit: f32,
    /// The document was cut to fit the model.
    pub truncated: bool,
    /// The window of the document that the score is of, where it was split into windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// A reranked list: highest logit first, equal logits in the order given.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ranking {
    /// The best documents, at most `top_k`.
    pub results: Vec<RankedDocument>,
    /// The query was cut in at least one pair.
    pub query_truncated: bool,
    /// The deadline came before all documents were scored. Those that were not follow the others
    /// in the order given, unless there is a `min_score`.
    pub partial: bool,
}

/// The scores of one list, in the order given.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScoredList {
    /// One score a document; `None` for those that a deadline came before.
    pub scores: Vec<Option<Score>>,
}

impl ScoredList {
    /// Tokens that the model reads for the list, as if nothing were cached.
    pub fn tokens(&self) -> usize {
        self.scores.iter().flatten().map(|score| score.tokens).sum()
    }

    /// Documents that were cut.
    pub fn truncated(&self) -> usize {
        self.scores.iter().flatten().filter(|score| score.truncated).count()
    }

    /// The ranking of the best `top_k`, without those of a score below `min_score`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidScore`] where a logit is not a number.
    pub fn rank(&self, top_k: usize, min_score: Option<f32>) -> Result<Ranking> {
        let logits: Vec<Option<f32>> = self.scores.iter().map(|s| s.map(|s| s.logit)).collect();
        let place = |index| match self.scores[index] {
            Some(Score { score, logit, truncated, span, .. }) => {
                RankedDocument { index, score, logit, truncated, span }
            }
            None => RankedDocument {
                index,
                score: f32::NAN,
                logit: f32::NAN,
                truncated: false,
                span: None,
            },
        };
        let places = rank::top_k(&logits, top_k)?.into_iter().map(place);
        let results = match min_score {
            Some(least) => places.filter(|place| place.score >= least).collect(),
            None => places.collect(),
        };
        Ok(Ranking {
            results,
            query_truncated: self.scores.iter().flatten().any(|s| s.query_truncated),
            partial: self.scores.iter().any(Option::is_none),
        })
    }
}
