//! A list between its tokens and its scores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ranking::ScoredList;
use crate::cache::{CacheKey, ScoreCache};
use crate::error::{Error, ErrorKind, Result};
use crate::score::{BestWindow, Score};
use crate::tokenizer::{Encoding, Span, Window};

/// A list that is ready to be scored: the scores that the cache had, and the tokens of the other
/// documents. [`crate::Reranker::prepare`] makes it.
pub struct Pending {
    /// The scores from the cache, one entry for each document.
    cached: Vec<Option<Score>>,
    /// The keys in the cache, one for each document. Empty if there is no cache.
    keys: Vec<CacheKey>,
    /// The pairs of the documents without a cached score, in the order of the documents. A document
    /// that is split has several.
    encodings: Arc<[Encoding]>,
    /// The document and the window of each pair.
    origins: Vec<(usize, Option<Span>)>,
}

impl Pending {
    pub(super) fn new(
        cached: Vec<Option<Score>>,
        keys: Vec<CacheKey>,
        windows: Vec<(usize, Window)>,
    ) -> Pending {
        let origins = windows.iter().map(|(document, window)| (*document, window.span)).collect();
        let encodings = windows.into_iter().map(|(_, window)| window.encoding).collect();
        Pending { cached, keys, encodings, origins }
    }

    /// The pairs to score, which can be shared with the threads that score them.
    pub fn encodings(&self) -> &Arc<[Encoding]> {
        &self.encodings
    }

    /// The number of tokens that the model reads for the list, if nothing is cached.
    pub fn tokens(&self) -> usize {
        let cached = self.cached.iter().flatten().map(|score| score.tokens);
        cached.chain(self.encodings.iter().map(|e| e.ids.len())).sum()
    }

    pub(super) fn counter(&self) -> Counter<'_> {
        let mut left = vec![0; self.cached.len()];
        for &(document, _) in &self.origins {
            left[document] += 1;
        }
        let cached = self.cached.iter().flatten().count();
        let left = left.into_iter().map(AtomicUsize::new).collect();
        Counter { origins: &self.origins, left, scored: AtomicUsize::new(cached) }
    }

    /// Makes scores of logits, one for each of [`Pending::encodings`], and keeps them in the cache.
    /// A document has a score if all of its windows have a logit.
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
        let (mut scores, mut new) = (self.cached, Vec::new());
        let pairs: Vec<_> = self.origins.iter().zip(&*self.encodings).zip(logits).collect();
        for windows in pairs.chunk_by(|((a, _), _), ((b, _), _)| a.0 == b.0) {
            let mut best = BestWindow::new(windows.len());
            for (((document, span), encoding), logit) in windows {
                let Some(logit) = **logit else { break };
                if let Some(score) = best.add(Score::of(encoding, *span, logit)) {
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

/// Counts the documents whose score is known.
pub(super) struct Counter<'a> {
    origins: &'a [(usize, Option<Span>)],
    /// The number of pairs of each document that have no logit yet.
    left: Vec<AtomicUsize>,
    scored: AtomicUsize,
}

impl Counter<'_> {
    /// Notes that pairs have been scored, and returns the number of documents so far.
    pub fn add(&self, pairs: &[usize]) -> usize {
        let last =
            |&&pair: &&usize| self.left[self.origins[pair].0].fetch_sub(1, Ordering::Relaxed) == 1;
        let documents = pairs.iter().filter(last).count();
        self.scored.fetch_add(documents, Ordering::Relaxed) + documents
    }
}
