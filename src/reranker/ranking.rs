//! What reranking returns.

use serde::Serialize;

use crate::error::Result;
use crate::rank;
use crate::score::Score;
use crate::tokenizer::Span;

/// A document in a [`Ranking`].
///
/// ```
/// # fn main() -> crossrank::Result<()> {
/// # if cfg!(not(feature = "bundled-reranker")) { return Ok(()) }
/// let reranker = crossrank::Reranker::bundled()?;
/// let documents = ["A fox sleeps by day.", "Tides follow the moon."];
/// let best = reranker.rerank("what causes tides", &documents, 1)?.results[0];
/// assert_eq!(documents[best.index], "Tides follow the moon.");
/// assert!((0.0..=1.0).contains(&best.score) && !best.truncated);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankedDocument {
    /// The position of the document in the list that was given, from 0.
    pub index: usize,
    /// Relevance from 0 to 1: the sigmoid of `logit`. NaN if the document was not scored, see
    /// [`Ranking::partial`].
    pub score: f32,
    /// The output of the model, unbounded. NaN if the document was not scored.
    pub logit: f32,
    /// The document was cut to fit the model.
    pub truncated: bool,
    /// The window of the document that has this score, if the document was split into windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// A reranked list: highest logit first, equal logits in the order given.
///
/// ```
/// # fn main() -> crossrank::Result<()> {
/// # if cfg!(not(feature = "bundled-reranker")) { return Ok(()) }
/// let reranker = crossrank::Reranker::bundled()?;
/// let documents = ["A fox sleeps by day.", "Tides follow the moon.", "Foxes hunt at night."];
/// let ranking = reranker.rerank("what causes tides", &documents, 2)?;
/// assert_eq!(ranking.results.len(), 2);
/// assert!(ranking.results[0].score >= ranking.results[1].score);
/// assert!(!ranking.partial);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ranking {
    /// The best documents, at most `top_k`.
    pub results: Vec<RankedDocument>,
    /// The query was cut in at least one pair.
    pub query_truncated: bool,
    /// The deadline passed before all documents were scored. The documents without a score follow
    /// the others in the order given, unless there is a `min_score`.
    pub partial: bool,
}

/// The scores of one list, in the order given.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScoredList {
    /// One score for each document. `None` if the document was not scored by the deadline.
    pub scores: Vec<Option<Score>>,
}

impl ScoredList {
    /// The number of tokens that the model reads for the list, if nothing is cached.
    pub fn tokens(&self) -> usize {
        self.scores.iter().flatten().map(|score| score.tokens).sum()
    }

    /// The number of documents that were cut.
    pub fn truncated(&self) -> usize {
        self.scores.iter().flatten().filter(|score| score.truncated).count()
    }

    /// Ranks the best `top_k` documents, without those whose score is below `min_score`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidScore`] if a logit is not a number.
    pub fn rank(&self, top_k: usize, min_score: Option<f32>) -> Result<Ranking> {
        let logits: Vec<Option<f32>> = self.scores.iter().map(|s| s.map(|s| s.logit)).collect();
        let document = |index| match self.scores[index] {
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
        let ranked = rank::top_k(&logits, top_k)?.into_iter().map(document);
        let results = match min_score {
            Some(min) => ranked.filter(|document| document.score >= min).collect(),
            None => ranked.collect(),
        };
        Ok(Ranking {
            results,
            query_truncated: self.scores.iter().flatten().any(|s| s.query_truncated),
            partial: self.scores.iter().any(Option::is_none),
        })
    }
}
