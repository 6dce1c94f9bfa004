//! A list between its tokens and its scores.

use std::sync::Arc;

use crate::cache::{Hasher, Key, Known, ScoreCache};
use crate::error::{Error, ErrorKind, Result};
use crate::tokenizer::Encoding;

use super::types::{RerankOptions, Score, ScoredList};

/// A cache, and the key of the model that uses it.
pub(super) struct Cache {
    pub scores: Arc<ScoreCache>,
    pub model: Key,
}

/// A list that is ready to be scored: what the cache knew, and the tokens of the other pairs.
pub struct Pending {
    /// By document.
    known: Vec<Option<Known>>,
    /// Of the documents that are not known, in their order.
    encodings: Arc<[Encoding]>,
    /// Theirs, where there is a cache.
    keys: Vec<Key>,
}

impl Pending {
    pub(super) fn new<D: AsRef<str>>(
        query: &str,
        documents: &[D],
        options: &RerankOptions,
        cache: Option<&Cache>,
        encode: impl Fn(&str) -> Result<Encoding>,
    ) -> Result<Pending> {
        let (known, all_keys) = match cache {
            Some(cache) => {
                let limits = format!("{:?}", options.limits());
                let prefix = Hasher::default()
                    .part(&cache.model)
                    .part(limits.as_bytes())
                    .part(query.as_bytes());
                let key = |d: &D| prefix.clone().part(d.as_ref().as_bytes()).key();
                let keys: Vec<Key> = documents.iter().map(key).collect();
                (cache.scores.get(&keys), keys)
            }
            None => (vec![None; documents.len()], Vec::new()),
        };
        let (mut encodings, mut keys) = (Vec::new(), Vec::new());
        for (i, document) in documents.iter().enumerate().filter(|(i, _)| known[*i].is_none()) {
            if options.is_cancelled() {
                return Err(super::cancelled());
            }
            let encoding = encode(document.as_ref());
            encodings.push(encoding.map_err(|e| e.at(format_args!("document {i}")))?);
            keys.extend(all_keys.get(i));
        }
        Ok(Pending { known, encodings: encodings.into(), keys })
    }

    /// The pairs to score, to be shared with the threads that do.
    pub fn encodings(&self) -> &Arc<[Encoding]> {
        &self.encodings
    }

    /// Tokens that the model reads for the list, as if nothing were cached.
    pub fn tokens(&self) -> usize {
        let known = self.known.iter().flatten().map(|k| k.tokens as usize);
        known.chain(self.encodings.iter().map(|e| e.ids.len())).sum()
    }

    /// The number of documents that need no scoring.
    pub(super) fn known(&self) -> usize {
        self.known.len() - self.encodings.len()
    }

    pub(super) fn finish(self, logits: &[f32], cache: Option<&Cache>) -> Result<ScoredList> {
        if logits.len() != self.encodings.len() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{} logits came for {} pairs", logits.len(), self.encodings.len()),
            ));
        }
        let tokens = self.tokens();
        let new: Vec<Known> = logits.iter().zip(&*self.encodings).map(known).collect();
        if let Some(cache) = cache {
            let scored = self.keys.iter().copied().zip(new.iter().copied());
            cache.scores.insert(scored.filter(|(_, known)| known.logit.is_finite()));
        }
        let mut new = new.into_iter();
        let all = self.known.into_iter().map(|k| k.or_else(|| new.next()));
        Ok(ScoredList { scores: all.flatten().map(Score::from).collect(), tokens })
    }
}

/// What a scored pair is remembered by.
pub(super) fn known((&logit, encoding): (&f32, &Encoding)) -> Known {
    Known {
        logit,
        tokens: encoding.ids.len() as u32,
        query_truncated: encoding.query_truncated,
        document_truncated: encoding.document_truncated,
    }
}
