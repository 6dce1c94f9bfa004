//! What the pipeline takes and gives.

use std::sync::Arc;

use serde::Serialize;

use crate::cache::{Known, ScoreCache};
use crate::error::Result;
use crate::kernels::sigmoid;
use crate::rank;
use crate::tokenizer::{Limits, Truncation};

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
}

/// How to rerank one list. The default ranks the whole list.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct RerankOptions<'a> {
    /// The most results. Default: all.
    pub top_k: Option<usize>,
    /// The most tokens in a pair, up to [`crate::Reranker::max_length`], which is the default.
    pub max_length: Option<usize>,
    /// The most tokens of a document, before it is paired with the query. Default: no limit of
    /// its own.
    pub max_document_tokens: Option<usize>,
    /// What happens to longer texts.
    pub truncation: Truncation,
    /// Compute every score, and leave the cache as it is.
    pub skip_cache: bool,
    /// Asked between documents and between batches, from several threads at once. Where it says
    /// true, the call ends with [`crate::ErrorKind::Cancelled`]. A deadline is one, too.
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Told the number of documents scored so far, from several threads at once.
    pub progress: Option<&'a (dyn Fn(usize) + Sync)>,
}

impl RerankOptions<'_> {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            pair: self.max_length,
            document: self.max_document_tokens,
            truncation: self.truncation,
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.is_some_and(|cancelled| cancelled())
    }
}

/// A place in a ranking.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankedDocument {
    /// The document's position in the list that was given, from 0.
    pub index: usize,
    /// Relevance from 0 to 1: the sigmoid of `logit`.
    pub score: f32,
    /// The model's output.
    pub logit: f32,
    /// The document was cut to fit the model.
    pub truncated: bool,
}

/// A reranked list: highest logit first, equal logits in the order given.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ranking {
    /// The best documents, at most `top_k`.
    pub results: Vec<RankedDocument>,
    /// The query was cut in at least one pair.
    pub query_truncated: bool,
}

/// The score of one pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// Relevance from 0 to 1: the sigmoid of `logit`.
    pub score: f32,
    /// The model's output.
    pub logit: f32,
    /// The document was cut to fit the model.
    pub truncated: bool,
    /// The query was cut to fit the model.
    pub query_truncated: bool,
}

impl From<Known> for Score {
    fn from(known: Known) -> Score {
        Score {
            score: sigmoid(known.logit),
            logit: known.logit,
            truncated: known.document_truncated,
            query_truncated: known.query_truncated,
        }
    }
}

/// The scores of one list, in the order given.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScoredList {
    /// One score a document.
    pub scores: Vec<Score>,
    /// Tokens that the model reads for the list, as if nothing were cached.
    pub tokens: usize,
}

impl ScoredList {
    /// The ranking of the best `top_k`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidScore`] where a logit is not a number.
    pub fn rank(&self, top_k: usize) -> Result<Ranking> {
        let logits: Vec<f32> = self.scores.iter().map(|s| s.logit).collect();
        let results = rank::top_k(&logits, top_k)?
            .into_iter()
            .map(|index| {
                let Score { score, logit, truncated, .. } = self.scores[index];
                RankedDocument { index, score, logit, truncated }
            })
            .collect();
        let query_truncated = self.scores.iter().any(|s| s.query_truncated);
        Ok(Ranking { results, query_truncated })
    }
}
