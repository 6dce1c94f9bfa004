//! A list between its tokens and its scores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cache::{CacheKey, ScoreCache};
use crate::error::{Error, ErrorKind, Result};
use crate::score::{BestWindow, Score};
use crate::tokenizer::{Encoding, Span, Window};

use super::types::ScoredList;

/// A list that is ready to be scored: what the cache knew, and the tokens of the other documents.
pub struct Pending {
    /// By document.
    known: Vec<Option<Score>>,
    /// By document, where there is a cache.
    keys: Vec<CacheKey>,
    /// Of the documents that are not known, in their order; of one that is split, several.
    encodings: Arc<[Encoding]>,
    /// Document and window of each of them.
    places: Vec<(usize, Option<Span>)>,
}

impl Pending {
    pub(super) fn new(
        known: Vec<Option<Score>>,
        keys: Vec<CacheKey>,
        windows: Vec<(usize, Window)>,
    ) -> Pending {
        let places = windows.iter().map(|(document, window)| (*document, window.span)).collect();
        let encodings = windows.into_iter().map(|(_, window)| window.encoding).collect();
        Pending { known, keys, encodings, places }
    }

    /// The pairs to score, to be shared with the threads that do.
    pub fn encodings(&self) -> &Arc<[Encoding]> {
        &self.encodings
    }

    /// Tokens that the model reads for the list, as if nothing were cached.
    pub fn tokens(&self) -> usize {
        let known = self.known.iter().flatten().map(|score| score.tokens);
        known.chain(self.encodings.iter().map(|e| e.ids.len())).sum()
    }

    pub(super) fn counter(&self) -> Counter<'_> {
        let mut left = vec![0; self.known.len()];
        for &(document, _) in &self.places {
            left[document] += 1;
        }
        let known = self.known.iter().flatten().count();
        let left = left.into_iter().map(AtomicUsize::new).collect();
        Counter { places: &self.places, left, scored: AtomicUsize::new(known) }
    }

    /// A document has a score where all its windows have a logit.
    pub(super) fn finish(
        self,
        logits: &[Option<f32>],
        cache: Option<&ScoreCache>,
    ) -> Result<ScoredList> {
        if logits.len() != self.encodings.len() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{} logits came for {} pairs", logits.len(), self.encodings.len()),
            ));
        }
        let (mut scores, mut new) = (self.known, Vec::new());
        let pairs: Vec<_> = self.places.iter().zip(&*self.encodings).zip(logits).collect();
        for windows in pairs.chunk_by(|((a, _), _), ((b, _), _)| a.0 == b.0) {
            let mut sum = BestWindow::new(windows.len());
            for (((document, span), encoding), logit) in windows {
                let Some(logit) = **logit else { break };
                if let Some(score) = sum.add(Score::of(encoding, *span, logit)) {
                    scores[*document] = Some(score);
                    new.extend(self.keys.get(*document).map(|&key| (key, score)));
                }
            }
        }
        if let Some(cache) = cache {
            cache.insert(new);
        }
        Ok(ScoredList { scores })
    }
}

/// Counts the documents that need no more scoring.
pub(super) struct Counter<'a> {
    places: &'a [(usize, Option<Span>)],
    /// Pairs that are left, by document.
    left: Vec<AtomicUsize>,
    scored: AtomicUsize,
}

impl Counter<'_> {
    /// Notes that pairs have been scored, and returns the number of documents so far.
    pub fn add(&self, pairs: &[usize]) -> usize {
        let last =
            |&&pair: &&usize| self.left[self.places[pair].0].fetch_sub(1, Ordering::Relaxed) == 1;
        let documents = pairs.iter().filter(last).count();
        self.scored.fetch_add(documents, Ordering::Relaxed) + documents
    }
}
