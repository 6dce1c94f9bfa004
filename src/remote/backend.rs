//! The common interface of local rerankers and services, and a fallback from one to another.

use crate::devices::FailoverReranker;
use crate::error::{Error, ErrorKind, Result};
use crate::reranker::{Ranking, Reranker};
use crate::score::Score;

/// A local reranker or a service, for applications that choose between them by a setting.
///
/// A `Box<dyn Backend>` holds a [`Reranker`], a [`FailoverReranker`], a [`crate::Remote`] or a
/// [`Fallback`].
pub trait Backend: Send + Sync {
    /// Ranks documents by how well they answer the query, and returns the best `top_k`, best first.
    ///
    /// # Errors
    /// Those of the implementation, such as [`Reranker::rerank`] and [`crate::Remote::rerank`].
    fn rerank(&self, query: &str, documents: &[&str], top_k: usize) -> Result<Ranking>;

    /// Scores pairs of query and document, in the order given.
    ///
    /// # Errors
    /// Those of the implementation, such as [`Reranker::score`] and [`crate::Remote::score`].
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

/// Asks one backend, and another one if the first fails through no fault of the caller. The scores
/// of the two may differ.
pub struct Fallback {
    primary: Box<dyn Backend>,
    secondary: Box<dyn Backend>,
    report: Box<dyn Fn(&Error) + Send + Sync>,
}

impl Fallback {
    /// Asks `primary` first, and `secondary` if that fails.
    pub fn new(primary: impl Backend + 'static, secondary: impl Backend + 'static) -> Fallback {
        Fallback {
            primary: Box::new(primary),
            secondary: Box::new(secondary),
            report: Box::new(|_| ()),
        }
    }

    /// Calls `report` with the error of the primary each time before the secondary is asked.
    pub fn on_fallback(self, report: impl Fn(&Error) + Send + Sync + 'static) -> Fallback {
        Fallback { report: Box::new(report), ..self }
    }

    fn call<T>(&self, call: impl Fn(&dyn Backend) -> Result<T>) -> Result<T> {
        let primary = match call(self.primary.as_ref()) {
            Err(error) if !is_caller_error(&error) => error,
            outcome => return outcome,
        };
        (self.report)(&primary);
        call(self.secondary.as_ref()).map_err(|secondary| {
            let message = format!("{secondary} (the primary backend failed too: {primary})");
            Error::new(secondary.kind(), message)
        })
    }
}

impl Backend for Fallback {
    fn rerank(&self, query: &str, documents: &[&str], top_k: usize) -> Result<Ranking> {
        self.call(|backend| backend.rerank(query, documents, top_k))
    }

    fn score(&self, pairs: &[(&str, &str)]) -> Result<Vec<Score>> {
        self.call(|backend| backend.score(pairs))
    }
}

/// Whether an error is the caller's: a bad argument fails in every backend, and a cancelled call
/// must not go on in another one.
fn is_caller_error(error: &Error) -> bool {
    use ErrorKind::{Cancelled, InputTooLarge, InvalidArgument, InvalidText};
    matches!(error.kind(), Cancelled | InputTooLarge | InvalidArgument | InvalidText)
}
