//! Searches an index by words, by vectors, or by both.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::chunk::model_text;
use super::combine::{VectorList, combine};
use super::search_options::{SearchMode, SearchOptions, Stage};
use super::store::{Ranked, Store, VectorSpace, wrong_model};
use crate::embedder::Embedder;
use crate::error::{Error, ErrorKind, Result};
use crate::fusion::StageScores;

/// A passage that a search found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// The file, as it was named to [`IndexWriter::file`](super::IndexWriter::file).
    pub path: String,
    /// The id of the document if it is a record that has one. A search finds only the best passage
    /// of a record.
    pub id: Option<String>,
    /// The line of the file on which the passage begins, from 1. For a record, the record's line.
    pub line: usize,
    /// The first byte of the passage in the file. For a record, the first byte in its title, a
    /// space, and its text.
    pub start: usize,
    /// The byte after the last one of the passage, counted like `start`.
    pub end: usize,
    /// The title of the document, or the headings above the passage; may be empty.
    pub title: String,
    /// The passage, in which each run of white space is one space.
    pub passage: String,
    /// What a cross-encoder should read: title and passage.
    pub text: String,
    /// The score in the chosen mode; higher is better. BM25, a cosine, or in a hybrid search the
    /// fused reciprocal ranks.
    pub score: f64,
    /// The scores of the words and of the vectors, for [`fuse`](crate::fusion::fuse). In the modes
    /// with vectors every hit has a cosine, even if only its words were found.
    pub stages: StageScores,
}

/// The text for the cross-encoder: hits can be passed to
/// [`Reranker::rerank`](crate::Reranker::rerank).
impl AsRef<str> for Hit {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// An index that is open for searches, from several threads at the same time.
pub struct Searcher {
    path: PathBuf,
    /// Connections that are not in use. A connection serves one thread at a time.
    stores: Mutex<Vec<Store>>,
    has_vectors: bool,
    /// The model that made the vectors.
    embedder: Option<Arc<Embedder>>,
}

impl Searcher {
    /// Opens an index, for searches by words.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidInput`] for a file that is not an index, is damaged, or is an index of
    ///   another version.
    /// - [`ErrorKind::Io`] if there is no such file, if it cannot be opened for writing, or if
    ///   another process keeps writing to it.
    pub fn open(path: impl AsRef<Path>) -> Result<Searcher> {
        let path = path.as_ref().to_owned();
        let store = Store::open(&path)?;
        let has_vectors = store.space().is_some();
        Ok(Searcher { path, stores: Mutex::new(vec![store]), has_vectors, embedder: None })
    }

    /// Whether the index has vectors, so that [`Searcher::with_embedder`] is useful.
    pub fn has_vectors(&self) -> bool {
        self.has_vectors
    }

    /// Adds the model that made the index's vectors, for searches by vectors.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the index has no vectors, or vectors of another model.
    pub fn with_embedder(mut self, embedder: impl Into<Arc<Embedder>>) -> Result<Searcher> {
        if !self.has_vectors {
            return Err(no_vectors());
        }
        self.embedder = Some(embedder.into());
        let store = self.take_store()?;
        let store = self.checked(store)?;
        self.return_store(store);
        Ok(self)
    }

    /// The best passages for a query, best first; of a record only its best passage.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] for an empty query, for a limit of 0, and for a mode with
    ///   vectors if the index has none or the searcher has no embedder.
    /// - Those of [`Embedder::embed_query`] and of [`Searcher::open`].
    pub fn search(&self, query: &str, options: &SearchOptions) -> Result<Vec<Hit>> {
        if query.trim().is_empty() {
            return Err(invalid("the query is empty; say what to look for"));
        }
        if options.limit == 0 {
            return Err(invalid("the limit is 0 and must be at least 1"));
        }
        let default = if self.embedder.is_some() { SearchMode::Hybrid } else { SearchMode::Text };
        let mode = options.mode.unwrap_or(default);
        let (text, vector) = match mode {
            SearchMode::Text => (self.search_text(query, options)?, None),
            SearchMode::Vector => (Vec::new(), Some(self.search_vectors(query, options)?)),
            SearchMode::Hybrid => {
                let (text, vector) = std::thread::scope(|scope| {
                    let text = scope.spawn(|| self.search_text(query, options));
                    let vector = self.search_vectors(query, options);
                    (text.join().unwrap_or_else(|panic| resume_unwind(panic)), vector)
                });
                let vector = vector?;
                (text?, Some(vector))
            }
        };
        options.stage(Stage::ReadPassages, || {
            let ranked = combine(mode, text, vector, options.limit);
            self.with_store(|store| read_hits(store, ranked))
        })
    }

    fn search_text(&self, query: &str, options: &SearchOptions) -> Result<Vec<Ranked>> {
        options.stage(Stage::SearchText, || {
            self.with_store(|store| store.search_text(query, options.limit))
        })
    }

    fn search_vectors(&self, query: &str, options: &SearchOptions) -> Result<VectorList> {
        let embedder = match &self.embedder {
            Some(embedder) => embedder,
            None if self.has_vectors => {
                return Err(invalid("no embedding model was loaded; load it, or search by text"));
            }
            None => return Err(no_vectors()),
        };
        let vector = options.stage(Stage::EmbedQuery, || embedder.embed_query(query))?;
        options.stage(Stage::SearchVectors, || {
            self.with_store(|store| {
                let scores = store.vector_scores(&vector)?;
                Ok(VectorList { ranked: store.search_vectors(&scores, options.limit)?, scores })
            })
        })
    }

    /// Calls `run` with a connection that no other thread uses.
    fn with_store<T>(&self, run: impl FnOnce(&Store) -> Result<T>) -> Result<T> {
        let store = self.take_store()?;
        let result = run(&store);
        self.return_store(store);
        result
    }

    fn take_store(&self) -> Result<Store> {
        let idle = self.stores.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(store) => Ok(store),
            None => self.checked(Store::open(&self.path)?),
        }
    }

    fn return_store(&self, store: Store) {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).push(store);
    }

    /// Checks that the vectors are the embedder's. Since the last connection was opened, the file may
    /// have been created again with another model.
    fn checked(&self, store: Store) -> Result<Store> {
        match self.embedder.as_deref().map(VectorSpace::of) {
            Some(space) if store.space() != Some(&space) => Err(wrong_model(&self.path)),
            _ => Ok(store),
        }
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

fn no_vectors() -> Error {
    invalid(
        "the index has words only; search in the mode text, or make an index without --text-only",
    )
}

/// Reads the passages, without those that another process has removed.
fn read_hits(store: &Store, ranked: Vec<(Ranked, StageScores)>) -> Result<Vec<Hit>> {
    let mut hits = Vec::with_capacity(ranked.len());
    for (Ranked { passage, score, .. }, stages) in ranked {
        let Some(found) = store.passage(passage)? else { continue };
        hits.push(Hit {
            id: found.id,
            text: model_text(&found.title, &found.text),
            path: found.path,
            line: found.line,
            start: found.start,
            end: found.end,
            title: found.title,
            passage: found.text,
            score,
            stages,
        });
    }
    Ok(hits)
}
