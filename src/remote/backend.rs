//! What a local reranker and a service have in common, and the one in place of the other.

use crate::devices::FailoverReranker;
use crate::error::{Error, ErrorKind, Result};
use crate::reranker::{Ranking, Reranker};
use crate::score::Score;

/// A reranker that a setting chooses: `Box<dyn Backend>` holds a [`Reranker`], a [`FailoverReranker`], a
/// [`crate::Remote`] or a [`Fallback`].
pub trait Backend: Send + Sync {
    /// Puts the documents that answer the query first and returns the best `top_k`.
    fn rerank(&self, query: &str, documents: &[&str], top_k: usize) -> Result<Ranking>;

    /// Scores pairs of query and document, in the order given.
    fn score(&self, pairs: &[(&str, &str)]) -> Result<Vec<Score>>;
}

impl Backend for Reranker {
    fn rerank(&self, query: &str, documents: &[&str], top_k: usize) -> Result<Ranking> {
        Reranker::rerank(self, query, documents, top_k)
    }

    fn score(&self, pairs: &[(&str, &str)]) -> Result<Vec<Score>> {
        Reranker::score(self, pairs)
    }
}

impl Backend for FailoverReranker {
    fn rerank(&self, query: &str, documents: &[&str], top_k: usize) -> Result<Ranking> {
        self.call(|reranker| reranker.rerank(query, documents, top_k))
    }

    fn score(&self, pairs: &[(&str, &str)]) -> Result<Vec<Score>> {
        self.call(|reranker| reranker.score(pairs))
    }
}

/// Asks one backend, and another one where the first fails through no fault of the caller. The
/// two may score differently.
pub struct Fallback {
    primary: Box<dyn Backend>,
    secondary: Box<dyn Backend>,
    report: Box<dyn Fn(&Error) + Send + Sync>,
}

impl Fallback {
    /// Asks `primary` first.
    pub fn new(primary: impl Backend + 'static, secondary: impl Backend + 'static) -> Fallback {
        Fallback {
            primary: Box::new(primary),
            secondary: Box::new(secondary),
            report: Box::new(|_| ()),
        }
    }

    /// Calls `report` with why the primary failed, each time before the secondary is asked.
    pub fn on_fallback(self, report: impl Fn(&Error) + Send + Sync + 'static) -> Fallback {
        Fallback { report: Box::new(report), ..self }
    }

    fn either<T>(&self, call: impl Fn(&dyn Backend) -> Result<T>) -> Result<T> {
        let first = match call(self.primary.as_ref()) {
            Err(error) if !is_callers_doing(&error) => error,
            outcome => return outcome,
        };
        (self.report)(&first);
        call(self.secondary.as_ref()).map_err(|second| {
            let message = format!("{second} (the second choice; the first: {first})");
            Error::new(second.kind(), message)
        })
    }
}

impl Backend for Fallback {
    fn rerank(&self, query: &str, documents: &[&str], top_k: usize) -> Result<Ranking> {
        self.either(|backend| backend.rerank(query, documents, top_k))
    }

    fn score(&self, pairs: &[(&str, &str)]) -> Result<Vec<Score>> {
        self.either(|backend| backend.score(pairs))
    }
}

/// What the caller did wrong goes wrong in any backend, and what it cancelled it wants nowhere.
fn is_callers_doing(error: &Error) -> bool {
    use ErrorKind::{Cancelled, InputTooLarge, InvalidArgument, InvalidText};
    matches!(error.kind(), Cancelled | InputTooLarge | InvalidArgument | InvalidText)
}
