//! The candidates of a query.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::{Mode, Stopwatch};
use crate::cli::Failure;
use crate::cli::store::{Ranked, Store, full_text};

/// An index open for searches, from several threads at once.
pub struct FirstStage {
    path: PathBuf,
    /// Those that are not in use: a connection serves one thread at a time.
    stores: Mutex<Vec<Store>>,
}

/// A passage that may answer the query.
#[derive(Debug, Serialize)]
pub struct Candidate {
    pub path: String,
    /// The document's `_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// From 1.
    pub line: usize,
    /// Bytes of the file; where there is an id, of the document's title, space and text.
    pub start: usize,
    pub end: usize,
    /// The document's title, or the headings above the passage.
    pub title: String,
    pub passage: String,
    /// The first stage's score.
    #[serde(skip)]
    pub score: f64,
    /// What the cross-encoder reads.
    #[serde(skip)]
    pub text: String,
}

impl AsRef<str> for Candidate {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl FirstStage {
    pub fn open(path: &Path) -> Result<FirstStage, Failure> {
        let store = Store::open(path)?;
        Ok(FirstStage { path: path.to_owned(), stores: Mutex::new(vec![store]) })
    }

    /// The best `recall` passages, best first; of a document with an `_id`, its best alone.
    pub fn candidates(
        &self,
        query: &str,
        mode: Option<Mode>,
        recall: usize,
        watch: &mut Stopwatch,
    ) -> Result<Vec<Candidate>, Failure> {
        if query.trim().is_empty() {
            return Err(Failure::new(
                "invalid-argument",
                "the query is empty; say what to look for",
            ));
        }
        let idle = self.stores.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let store = idle.map_or_else(|| Store::open(&self.path), Ok)?;
        let ranked = self.rank(&store, query, mode, recall, watch)?;
        let mut candidates = Vec::with_capacity(ranked.len());
        for Ranked { passage, score, .. } in ranked {
            let Some(found) = store.passage(passage)? else { continue };
            candidates.push(Candidate {
                id: Some(found.id).filter(|id| !id.is_empty()),
                text: full_text(&found.title, &found.text),
                path: found.path,
                line: found.line,
                start: found.start,
                end: found.end,
                title: found.title,
                passage: found.text,
                score,
            });
        }
        watch.lap("read the passages");
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).push(store);
        Ok(candidates)
    }

    fn rank(
        &self,
        store: &Store,
        query: &str,
        mode: Option<Mode>,
        recall: usize,
        watch: &mut Stopwatch,
    ) -> Result<Vec<Ranked>, Failure> {
        let Mode::Text = mode.unwrap_or(Mode::Text);
        let words = store.by_words(query, recall)?;
        watch.lap("search by words");
        Ok(words)
    }
}
