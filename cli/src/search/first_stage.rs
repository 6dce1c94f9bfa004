//! The candidates of a query.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crossrank::Embedder;
use crossrank::fusion::{RRF_K, StageScores, reciprocal_rank_fusion};
use serde::Serialize;

use super::{Mode, Stopwatch};
use crate::CliError;
use crate::store::{Cosines, Ranked, Store, VectorSpace, full_text, other_model};

/// An index open for searches, from several threads at once.
pub struct FirstStage {
    path: PathBuf,
    /// Those that are not in use: a connection serves one thread at a time.
    stores: Mutex<Vec<Store>>,
    /// The model of the index's vectors.
    embedder: Option<Embedder>,
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
    /// What the words and the vectors gave.
    #[serde(skip)]
    pub stages: StageScores,
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
    /// Opens an index. Where it has vectors `load` gives their model, or `None` where nothing but
    /// words will be asked for.
    pub fn open(
        path: &Path,
        load: impl FnOnce() -> Result<Option<Embedder>, CliError>,
    ) -> Result<FirstStage, CliError> {
        let store = Store::open(path)?;
        let embedder = store.space().map_or(Ok(None), |_| load())?;
        let first_stage = FirstStage { path: path.to_owned(), stores: Mutex::default(), embedder };
        first_stage.give_back(first_stage.checked(store)?);
        Ok(first_stage)
    }

    /// A connection to an index whose vectors are the embedder's: between two connections the file
    /// may have been made anew by another model.
    fn checked(&self, store: Store) -> Result<Store, CliError> {
        match self.embedder.as_ref().map(VectorSpace::of) {
            Some(space) if store.space() != Some(&space) => Err(other_model(&self.path)),
            _ => Ok(store),
        }
    }

    fn give_back(&self, store: Store) {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).push(store);
    }

    /// The best `recall` passages, best first; of a document with an `_id`, its best alone.
    pub fn candidates(
        &self,
        query: &str,
        mode: Option<Mode>,
        recall: usize,
        watch: &mut Stopwatch,
    ) -> Result<Vec<Candidate>, CliError> {
        if query.trim().is_empty() {
            return Err(CliError::new(
                "invalid-argument",
                "the query is empty; say what to look for",
            ));
        }
        let ranked = self.rank(query, mode, recall, watch)?;
        let candidates = self.with_store(|store| read(store, ranked))?;
        watch.lap("read the passages");
        Ok(candidates)
    }

    /// Runs something on a connection that nobody else uses meanwhile.
    fn with_store<T>(
        &self,
        run: impl FnOnce(&Store) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let idle = self.stores.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let store = match idle {
            Some(store) => store,
            None => self.checked(Store::open(&self.path)?)?,
        };
        let result = run(&store);
        self.give_back(store);
        result
    }

    /// The first stage: searches by words and by vectors, and makes one list of theirs.
    fn rank(
        &self,
        query: &str,
        mode: Option<Mode>,
        recall: usize,
        watch: &mut Stopwatch,
    ) -> Result<Vec<(Ranked, StageScores)>, CliError> {
        let usual = if self.embedder.is_some() { Mode::Hybrid } else { Mode::Text };
        let mode = mode.unwrap_or(usual);
        let (by_words, by_vector, cosines) = match mode {
            Mode::Text => (self.by_words(query, recall, watch)?, Vec::new(), None),
            Mode::Vector => {
                let (by_vector, cosines) = self.by_vector(query, recall, watch)?;
                (Vec::new(), by_vector, Some(cosines))
            }
            Mode::Hybrid => {
                let mut beside = watch.clone();
                let (by_words, by_vector) = std::thread::scope(|scope| {
                    let by_words = scope.spawn(|| self.by_words(query, recall, &mut beside));
                    let by_vector = self.by_vector(query, recall, watch);
                    (by_words.join().unwrap_or_else(|panic| resume_unwind(panic)), by_vector)
                });
                watch.wait_for(&beside);
                let (by_vector, cosines) = by_vector?;
                (by_words?, by_vector, Some(cosines))
            }
        };
        let scores = |list: &[Ranked]| -> HashMap<Item, f64> {
            list.iter().map(|ranked| (item(ranked), ranked.score)).collect()
        };
        let (texts, vectors) = (scores(&by_words), scores(&by_vector));
        let ranked = match mode {
            Mode::Text => by_words,
            Mode::Vector => by_vector,
            Mode::Hybrid => fuse(&[by_words, by_vector], recall),
        };
        let with_stages = ranked.into_iter().map(|ranked| {
            // What only words found has a cosine too.
            let cosine = || cosines.as_ref()?.of(ranked.passage);
            let vector = vectors.get(&item(&ranked)).copied().or_else(cosine);
            let text = texts.get(&item(&ranked)).copied();
            (ranked, StageScores { text, vector, rerank: None })
        });
        Ok(with_stages.collect())
    }

    fn by_words(
        &self,
        query: &str,
        recall: usize,
        watch: &mut Stopwatch,
    ) -> Result<Vec<Ranked>, CliError> {
        let found = self.with_store(|store| store.by_words(query, recall))?;
        watch.lap("search by words");
        Ok(found)
    }

    fn by_vector(
        &self,
        query: &str,
        recall: usize,
        watch: &mut Stopwatch,
    ) -> Result<(Vec<Ranked>, Cosines), CliError> {
        let embedder = self.embedder.as_ref().ok_or_else(|| {
            let message = "the index has words only; search in the mode text, or make an index \
                           without --text-only";
            CliError::new("invalid-argument", message)
        })?;
        let vector = embedder.embed_query(query)?;
        watch.lap("embed the query");
        let found = self.with_store(|store| {
            let cosines = store.cosines(&vector)?;
            Ok((store.by_vector(&cosines, recall)?, cosines))
        })?;
        watch.lap("search by vector");
        Ok(found)
    }
}

/// The passages, less those that another process has removed.
fn read(store: &Store, ranked: Vec<(Ranked, StageScores)>) -> Result<Vec<Candidate>, CliError> {
    let mut candidates = Vec::with_capacity(ranked.len());
    for (Ranked { passage, score, .. }, stages) in ranked {
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
            stages,
        });
    }
    Ok(candidates)
}

/// What results are: a document with an `_id`, or a passage.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Item {
    Document(i64),
    Passage(i64),
}

fn item(ranked: &Ranked) -> Item {
    match ranked.document {
        Some(document) => Item::Document(document),
        None => Item::Passage(ranked.passage),
    }
}

/// The best `recall` items of several lists, each with the passage that the first list shows.
fn fuse(lists: &[Vec<Ranked>], recall: usize) -> Vec<Ranked> {
    let mut first: HashMap<Item, Ranked> = HashMap::new();
    for ranked in lists.iter().flatten() {
        first.entry(item(ranked)).or_insert(*ranked);
    }
    let items: Vec<Vec<Item>> = lists.iter().map(|list| list.iter().map(item).collect()).collect();
    let fused = reciprocal_rank_fusion(&items, RRF_K).into_iter().take(recall);
    fused.map(|(item, score)| Ranked { score, ..first[&item] }).collect()
}
