//! The steps of the pipeline one by one, for programs that schedule the scoring themselves.

use super::options::RerankOptions;
use super::pending::Pending;
use super::pipeline::Reranker;
use super::ranking::ScoredList;
use crate::cache::CacheKey;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Hasher;
use crate::runner::cancelled;
use crate::tokenizer::Encoding;

impl Reranker {
    /// The first step of [`Reranker::rerank_with`]: looks the documents up in the cache, and
    /// tokenizes the others. `progress` is not called.
    ///
    /// # Errors
    /// As [`Reranker::rerank_with`].
    pub fn prepare<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        options: &RerankOptions,
    ) -> Result<Pending> {
        let pending = self.prepare_within(usize::MAX, query, documents, options)?;
        Ok(pending.expect("no list has so many tokens"))
    }

    /// [`Reranker::prepare`], which ends as soon as the list has more than `max_tokens` tokens. It then
    /// returns `None`.
    pub(crate) fn prepare_within<D: AsRef<str>>(
        &self,
        max_tokens: usize,
        query: &str,
        documents: &[D],
        options: &RerankOptions,
    ) -> Result<Option<Pending>> {
        check_request(query, options)?;
        let (cached, keys) = match self.cache().filter(|_| !options.skip_cache) {
            Some(cache) => {
                let keys = self.cache_keys(query, documents, options);
                (cache.get(&keys), keys)
            }
            None => (vec![None; documents.len()], Vec::new()),
        };
        let query = self.tokenizer.query(query, self.limits(options))?;
        let stop = options.stop_conditions();
        let mut windows = Vec::new();
        let mut tokens: usize = cached.iter().flatten().map(|score| score.tokens).sum();
        for (i, document) in documents.iter().enumerate().filter(|(i, _)| cached[*i].is_none()) {
            if stop.is_cancelled() {
                return Err(cancelled());
            }
            if stop.is_late() {
                break;
            }
            let of_document = self.tokenizer.windows(&query, document.as_ref());
            let of_document = of_document.map_err(|e| e.at(format_args!("document {i}")))?;
            tokens += of_document.iter().map(|window| window.encoding.ids.len()).sum::<usize>();
            windows.extend(of_document.into_iter().map(|window| (i, window)));
            if tokens > max_tokens {
                break;
            }
        }
        Ok((tokens <= max_tokens).then(|| Pending::new(cached, keys, windows)))
    }

    /// The second step: the logit of each pair. Threads that have no work share it. Pairs of several lists
    /// may be scored together; batches of [`crate::BATCH_TOKENS`] tokens are the fastest. A logit
    /// does not depend on the other pairs.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`] if the model fails, [`ErrorKind::GpuFailed`] if its GPU does.
    pub fn logits(&self, pairs: &[&Encoding]) -> Result<Vec<f32>> {
        self.runner.run_batch(pairs)
    }

    /// The second step on all threads of the reranker: the logits of [`Pending::encodings`].
    ///
    /// # Errors
    /// As [`Reranker::logits`], and [`ErrorKind::Cancelled`] once `cancelled` returns true. It is
    /// called between batches and layers.
    pub fn score_pending(
        &self,
        pending: &Pending,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f32>> {
        let options = RerankOptions { cancelled: Some(cancelled), ..RerankOptions::default() };
        let logits = self.score_encodings(pending.encodings(), &options, &|_| ())?;
        Ok(logits.into_iter().map(|logit| logit.expect("there is no deadline")).collect())
    }

    /// The last step: keeps the new scores in the cache, and returns all scores in the order of the
    /// documents. `logits` are those of [`Pending::encodings`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the number of logits is not the number of pairs.
    pub fn finish(&self, pending: Pending, logits: &[f32]) -> Result<ScoredList> {
        let logits: Vec<Option<f32>> = logits.iter().copied().map(Some).collect();
        pending.finish(&logits, self.cache())
    }

    /// The keys of documents in [`LoadOptions::cache`](crate::LoadOptions::cache), one for each,
    /// for programs that look scores up themselves. Empty without a cache.
    pub fn cache_keys<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        options: &RerankOptions,
    ) -> Vec<CacheKey> {
        let Some((_, model)) = &self.cache else { return Vec::new() };
        let limits = self.limits(options).fingerprint();
        let prefix = Hasher::default().part(model).part(limits.as_bytes()).part(query.as_bytes());
        let key = |d: &D| prefix.clone().part(d.as_ref().as_bytes()).key();
        documents.iter().map(key).collect()
    }

    /// The logits of pairs, on all threads. `None` for pairs that were not scored by the deadline.
    /// `scored` is called with the indices of each batch.
    pub(super) fn score_encodings(
        &self,
        encodings: &[Encoding],
        options: &RerankOptions,
        scored: &(dyn Fn(&[usize]) + Sync),
    ) -> Result<Vec<Option<f32>>> {
        self.runner.run(encodings, options.stop_conditions(), |logit| logit[0], scored)
    }
}

/// Checks what every reranker requires of a request, whoever computes the scores.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`].
pub(crate) fn check_request(query: &str, options: &RerankOptions) -> Result<()> {
    let message = if query.chars().all(is_invisible) {
        "the query is empty; give a query"
    } else if options.top_k == Some(0) {
        "top_k must be at least 1"
    } else if options.min_score.is_some_and(f32::is_nan) {
        "min_score is not a number"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidArgument, message))
}

/// Whether nothing can be seen of a character: it is white space, a control, or one that Unicode
/// calls `Default_Ignorable_Code_Point`.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_nobody_can_see_is_empty() {
        let check = |query| check_request(query, &RerankOptions::default());
        for query in
            ["", " \t\n", "\0", "\u{200b}\u{2060}", "\u{feff}", "\u{ad}", "\u{3164}", "\u{fe0f}"]
        {
            let error = check(query).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{query:?}");
        }
        for query in ["?", "\u{200b}a", "\u{1f44d}", "\u{e000}"] {
            assert!(check(query).is_ok(), "{query:?}");
        }
    }
}
