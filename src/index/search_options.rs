//! The options of a search.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// How a search finds passages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchMode {
    /// By the words of the query, ranked by BM25.
    Text,
    /// By the meaning of the query, ranked by the cosine of vectors.
    Vector,
    /// By both, ranked by reciprocal rank fusion.
    Hybrid,
}

impl SearchMode {
    /// All modes.
    pub const ALL: [SearchMode; 3] = [SearchMode::Text, SearchMode::Vector, SearchMode::Hybrid];

    /// The name: `text`, `vector` or `hybrid`.
    pub fn name(self) -> &'static str {
        match self {
            SearchMode::Text => "text",
            SearchMode::Vector => "vector",
            SearchMode::Hybrid => "hybrid",
        }
    }
}

impl fmt::Display for SearchMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SearchMode {
    type Err = Error;

    /// Reads a mode's name.
    fn from_str(name: &str) -> Result<SearchMode> {
        SearchMode::ALL.into_iter().find(|mode| mode.name() == name).ok_or_else(|| {
            let [first, second, third] = SearchMode::ALL.map(SearchMode::name);
            let message = format!("mode must be {first}, {second} or {third}");
            Error::new(ErrorKind::InvalidArgument, message)
        })
    }
}

/// A stage of a search, for [`SearchOptions::on_stage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Making the vector of the query.
    EmbedQuery,
    /// Searching by words.
    SearchText,
    /// Comparing the vector of the query with all vectors.
    SearchVectors,
    /// Fusing the lists, and reading the passages found.
    ReadPassages,
}

/// Options of [`Searcher::search`](super::Searcher::search).
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct SearchOptions<'a> {
    /// How to find passages; by default [`SearchMode::Hybrid`] if the searcher has an embedder, else
    /// [`SearchMode::Text`].
    pub mode: Option<SearchMode>,
    /// The largest number of hits, at least 1; by default 100.
    pub limit: usize,
    /// Called after each stage with the time that it took. In a hybrid search, the stages of the
    /// two lists run at the same time and call from two threads.
    pub on_stage: Option<&'a (dyn Fn(Stage, Duration) + Sync)>,
}

impl Default for SearchOptions<'_> {
    fn default() -> Self {
        SearchOptions { mode: None, limit: 100, on_stage: None }
    }
}

impl SearchOptions<'_> {
    /// Runs a stage, and tells the observer when it is done.
    pub(super) fn stage<T>(&self, stage: Stage, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = run()?;
        if let Some(on_stage) = self.on_stage {
            on_stage(stage, start.elapsed());
        }
        Ok(result)
    }
}
