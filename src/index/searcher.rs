//! Searches an index by words, by vectors, or by both.

use std::collections::HashMap;
use std::fmt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::chunk::model_text;
use super::store::{Ranked, Store, VectorScores, VectorSpace, wrong_model};
use crate::embedder::Embedder;
use crate::error::{Error, ErrorKind, Result};
use crate::fusion::{RRF_K, StageScores, reciprocal_rank_fusion};

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
            let names = SearchMode::ALL.map(SearchMode::name).join(", ");
            Error::new(ErrorKind::InvalidArgument, format!("mode is none of {names}"))
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

/// Options of [`Searcher::search`].
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
    fn stage<T>(&self, stage: Stage, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = run()?;
        if let Some(on_stage) = self.on_stage {
            on_stage(stage, start.elapsed());
        }
        Ok(result)
    }
}

/// A passage that a search found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// The file, as it was named to [`IndexWriter::file`](super::IndexWriter::file).
    pub path: String,
    /// The id of the document if it is a record, of which a search finds only the best passage.
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
    /// with vectors every hit has a cosine, also if only its words were found.
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
    embedder: Option<Embedder>,
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

    /// Whether the index has vectors, so that [`Searcher::with_embedder`] is of use.
    pub fn has_vectors(&self) -> bool {
        self.has_vectors
    }

    /// Adds the model that made the index's vectors, for searches by vectors.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the index has no vectors, or vectors of another model.
    pub fn with_embedder(mut self, embedder: Embedder) -> Result<Searcher> {
        if !self.has_vectors {
            return Err(no_vectors());
        }
        self.embedder = Some(embedder);
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
        match self.embedder.as_ref().map(VectorSpace::of) {
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

/// The result of a search by vectors.
struct VectorList {
    /// The best passages, best first.
    ranked: Vec<Ranked>,
    /// The cosines of all passages.
    scores: VectorScores,
}

/// What a hit is: a record, of which only one passage is shown, or a passage.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Item {
    Record(i64),
    Passage(i64),
}

fn item(ranked: &Ranked) -> Item {
    ranked.record.map_or(Item::Passage(ranked.passage), Item::Record)
}

/// Makes one list of the lists by words and by vectors, with the scores of both.
fn combine(
    mode: SearchMode,
    text: Vec<Ranked>,
    vector: Option<VectorList>,
    limit: usize,
) -> Vec<(Ranked, StageScores)> {
    let (vector, cosines) = vector.map(|list| (list.ranked, list.scores)).unzip();
    let vector: Vec<Ranked> = vector.unwrap_or_default();
    let scores = |list: &[Ranked]| -> HashMap<Item, f64> {
        list.iter().map(|ranked| (item(ranked), ranked.score)).collect()
    };
    let (text_scores, vector_scores) = (scores(&text), scores(&vector));
    let ranked = match mode {
        SearchMode::Text => text,
        SearchMode::Vector => vector,
        SearchMode::Hybrid => fuse_ranks(&[text, vector], limit),
    };
    let with_stages = ranked.into_iter().map(|ranked| {
        // A passage that only the words found has a cosine too.
        let cosine = || cosines.as_ref()?.of(ranked.passage);
        let vector = vector_scores.get(&item(&ranked)).copied().or_else(cosine);
        let text = text_scores.get(&item(&ranked)).copied();
        (ranked, StageScores { text, vector, rerank: None })
    });
    with_stages.collect()
}

/// The best `limit` items of several lists, each with the passage from the first list that has it.
fn fuse_ranks(lists: &[Vec<Ranked>], limit: usize) -> Vec<Ranked> {
    let mut passages: HashMap<Item, Ranked> = HashMap::new();
    for ranked in lists.iter().flatten() {
        passages.entry(item(ranked)).or_insert(*ranked);
    }
    let items: Vec<Vec<Item>> = lists.iter().map(|list| list.iter().map(item).collect()).collect();
    let fused = reciprocal_rank_fusion(&items, RRF_K).into_iter().take(limit);
    fused.map(|(item, score)| Ranked { score, ..passages[&item] }).collect()
}

/// Reads the passages, without those that another process has removed.
fn read_hits(store: &Store, ranked: Vec<(Ranked, StageScores)>) -> Result<Vec<Hit>> {
    let mut hits = Vec::with_capacity(ranked.len());
    for (Ranked { passage, score, .. }, stages) in ranked {
        let Some(found) = store.passage(passage)? else { continue };
        hits.push(Hit {
            id: Some(found.id).filter(|id| !id.is_empty()),
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
