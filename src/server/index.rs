//! What `/search` needs of an index.

use crate::fusion::StageScores;

use super::error::ApiError;

/// The first stage of a search. Calls may block, and several may run at one time.
pub trait SearchIndex: Send + Sync {
    /// The `recall` best passages for a query, best first. `mode` names how they are found; `None`
    /// is the index's default.
    ///
    /// # Errors
    /// [`BadRequest`](super::ApiErrorKind::BadRequest) for a query or a mode that the index does
    /// not support, otherwise [`Internal`](super::ApiErrorKind::Internal).
    fn find(
        &self,
        query: &str,
        mode: Option<&str>,
        recall: usize,
    ) -> Result<Vec<SearchHit>, ApiError>;
}

/// A passage that an index found.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchHit {
    /// The path of the file.
    pub path: String,
    /// The document's `_id`, for files of JSON lines.
    pub id: Option<String>,
    /// The number of the line in the file, from 1.
    pub line: usize,
    /// The first byte of the passage in the file; for a document with an id, in its title, a space
    /// and its text.
    pub start: usize,
    /// The end of the passage, exclusive, counted in the same way.
    pub end: usize,
    /// The document's title, or the headings above the passage.
    pub title: String,
    /// The passage.
    pub passage: String,
    /// The text that the cross-encoder reads.
    pub text: String,
    /// The first stage's score.
    pub score: f64,
    /// The scores for words and for vectors.
    pub stages: StageScores,
}
