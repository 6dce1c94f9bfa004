//! A loaded reranker, and the whole pipeline in one call.

use std::sync::Arc;

use super::options::{LongDocuments, RerankOptions};
use super::pending::Pending;
use super::ranking::Ranking;
use crate::cache::{CacheKey, ScoreCache};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "gpu")]
use crate::gpu::Gpu;
use crate::runner::{Runner, cancelled};
use crate::score::Score;
use crate::tokenizer::{Encoding, Limits, PairTokenizer, Truncation, WindowLimits};

/// A loaded cross-encoder. Loading takes a moment: keep it, and share it between threads.
///
/// ```
/// # fn main() -> crossrank::Result<()> {
/// # if cfg!(not(feature = "bundled-reranker")) { return Ok(()) }
/// let reranker = crossrank::Reranker::bundled()?;
/// let documents = ["SQL queries relational data.", "Milvus is a vector database."];
/// let ranking = reranker.rerank("what is a vector database", &documents, 2)?;
/// assert_eq!(ranking.results[0].index, 1);
/// # Ok(())
/// # }
/// ```
pub struct Reranker {
    pub(super) tokenizer: PairTokenizer,
    pub(super) runner: Runner,
    /// The cache, and the key of this model in it.
    pub(super) cache: Option<(Arc<ScoreCache>, CacheKey)>,
    pub(super) trained_tokens: Option<usize>,
    pub(super) revision: Option<String>,
    pub(super) long_documents: LongDocuments,
}

/// The maximum number of windows of a document, if the caller does not say. It bounds the time that
/// one document can take.
const MAX_WINDOWS: usize = 32;

impl Reranker {
    /// The GPU that computes, if one does.
    #[cfg(feature = "gpu")]
    pub fn gpu(&self) -> Option<&Gpu> {
        self.runner.plan().gpu()
    }

    /// The maximum number of tokens in a pair.
    pub fn max_length(&self) -> usize {
        self.tokenizer.max_length()
    }

    /// The revision of the model's weights, if its `config.json` has one
    /// (`"crossrank": {"revision": "2"}`), as the bundled model's has. Scores differ between revisions, so
    /// thresholds may have to be chosen anew.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// Why the model runs slower than it could: the library does not recognize its graph. It also says
    /// why, if such a graph was not checked when it was loaded. `None` for a recognized graph.
    pub fn warning(&self) -> Option<&str> {
        self.runner.plan().warning()
    }

    /// The instruction set that computes, such as `avx2`, `neon`, `simd128` or `scalar`, on which
    /// scores do not depend; or `gpu-f16` or `gpu-f32`, on which they do. `None` if the model runs on
    /// general operators.
    pub fn kernel(&self) -> Option<&'static str> {
        self.runner.plan().kernel()
    }

    /// What happens to long documents if [`RerankOptions::long_documents`] does not say. This is
    /// [`LoadOptions::long_documents`](crate::LoadOptions::long_documents), if that is given.
    /// Otherwise a model that names the length it was trained on gets windows, unless
    /// [`LoadOptions::max_length`](crate::LoadOptions::max_length) is given.
    pub fn long_documents(&self) -> LongDocuments {
        self.long_documents
    }

    /// Puts the documents that answer the query first, and returns the best `top_k`.
    ///
    /// An empty list gives an empty ranking. A `top_k` beyond the end of the list gives all of it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an empty query or a `top_k` of 0,
    /// [`ErrorKind::InputTooLarge`] for a text over [`crate::MAX_TEXT_BYTES`].
    pub fn rerank<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        top_k: usize,
    ) -> Result<Ranking> {
        self.rerank_with_progress(query, documents, top_k, &|_| ())
    }

    /// [`Reranker::rerank`], which tells `progress` the number of documents scored so far. It
    /// may be called from several threads at once.
    ///
    /// # Errors
    /// As [`Reranker::rerank`].
    pub fn rerank_with_progress<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        top_k: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Ranking> {
        let (top_k, progress) = (Some(top_k), Some(progress));
        let options = RerankOptions { top_k, progress, ..RerankOptions::default() };
        self.rerank_with(query, documents, &options)
    }

    /// [`Reranker::rerank`] with options.
    ///
    /// # Errors
    /// As [`Reranker::rerank`], [`ErrorKind::InvalidArgument`] for options out of range, and
    /// [`ErrorKind::Cancelled`].
    pub fn rerank_with<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        options: &RerankOptions,
    ) -> Result<Ranking> {
        let pending = self.prepare(query, documents, options)?;
        let logits = match options.progress {
            None => self.score_encodings(pending.encodings(), options, &|_| ())?,
            Some(progress) => {
                let counter = pending.counter();
                let scored = |pairs: &[usize]| progress(counter.add(pairs));
                self.score_encodings(pending.encodings(), options, &scored)?
            }
        };
        let scored = pending.finish(&logits, self.cache())?;
        scored.rank(options.top_k.unwrap_or(usize::MAX), options.min_score)
    }

    /// Reranks one list of candidates for each query.
    ///
    /// # Errors
    /// As [`Reranker::rerank`], and [`ErrorKind::InvalidArgument`] if the number of lists is not
    /// the number of queries.
    pub fn rerank_batch<Q: AsRef<str>, D: AsRef<str>>(
        &self,
        queries: &[Q],
        candidates: &[Vec<D>],
        top_k: usize,
    ) -> Result<Vec<Ranking>> {
        if queries.len() != candidates.len() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "there are {} queries and {} lists of candidates; give one list for each query",
                    queries.len(),
                    candidates.len()
                ),
            ));
        }
        let lists = queries.iter().zip(candidates).enumerate();
        lists
            .map(|(i, (query, documents))| {
                self.rerank(query.as_ref(), documents, top_k)
                    .map_err(|e| e.at(format_args!("query {i}")))
            })
            .collect()
    }

    /// Scores pairs of a query and a document, in the order given. Either text may be empty. The
    /// cache is not used.
    ///
    /// # Errors
    /// [`ErrorKind::InputTooLarge`] for a text over [`crate::MAX_TEXT_BYTES`].
    pub fn score<Q: AsRef<str>, D: AsRef<str>>(&self, pairs: &[(Q, D)]) -> Result<Vec<Score>> {
        self.score_with(pairs, &RerankOptions::default())
    }

    /// [`Reranker::score`] with options. Of those, `top_k`, `min_score`, `progress` and
    /// `skip_cache` do nothing.
    ///
    /// # Errors
    /// As [`Reranker::score`], [`ErrorKind::InvalidArgument`] for options out of range, and
    /// [`ErrorKind::Cancelled`] if the call is cancelled or its deadline has passed.
    pub fn score_with<Q: AsRef<str>, D: AsRef<str>>(
        &self,
        pairs: &[(Q, D)],
        options: &RerankOptions,
    ) -> Result<Vec<Score>> {
        // Pairs of one query usually stand together: it is tokenized once for them.
        let of_queries = pairs.chunk_by(|(a, _), (b, _)| a.as_ref() == b.as_ref());
        let (mut windows, mut pair) = (Vec::with_capacity(pairs.len()), 0);
        let stop = options.stop_conditions();
        for of_query in of_queries {
            let query = self.tokenizer.query(of_query[0].0.as_ref(), self.limits(options))?;
            for (_, document) in of_query {
                if stop.is_cancelled() || stop.is_late() {
                    return Err(cancelled());
                }
                let of_pair = self.tokenizer.windows(&query, document.as_ref());
                let of_pair = of_pair.map_err(|e| e.at(format_args!("pair {pair}")))?;
                windows.extend(of_pair.into_iter().map(|window| (pair, window)));
                pair += 1;
            }
        }
        let pending = Pending::new(vec![None; pairs.len()], Vec::new(), windows);
        let logits = self.score_encodings(pending.encodings(), options, &|_| ())?;
        let scores = pending.finish(&logits, None)?.scores.into_iter();
        scores.map(|score| score.ok_or_else(cancelled)).collect()
    }

    /// The token ids of a pair.
    ///
    /// # Errors
    /// [`ErrorKind::InputTooLarge`] for a text over [`crate::MAX_TEXT_BYTES`].
    pub fn encode(&self, query: &str, document: &str) -> Result<Encoding> {
        self.tokenizer.pair(&self.tokenizer.query(query, Limits::default())?, document)
    }

    #[cfg(feature = "server")]
    pub(crate) fn runner(&self) -> &Runner {
        &self.runner
    }

    /// The number of threads that share the documents of a call.
    #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
    pub(crate) fn threads(&self) -> usize {
        self.runner.threads()
    }

    pub(super) fn cache(&self) -> Option<&ScoreCache> {
        self.cache.as_ref().map(|(cache, _)| &**cache)
    }

    pub(super) fn limits(&self, options: &RerankOptions) -> Limits {
        // A caller who says how to cut, or how long a pair may be, wants documents truncated.
        let default = match (options.truncation, options.max_length) {
            (Truncation::Right, None) => self.long_documents,
            _ => LongDocuments::Truncate,
        };
        let windows = match options.long_documents.unwrap_or(default) {
            LongDocuments::Truncate => None,
            LongDocuments::Windows => Some(WindowLimits {
                pair: self.trained_tokens.unwrap_or(self.max_length()),
                max_windows: options.max_windows.unwrap_or(MAX_WINDOWS),
            }),
        };
        Limits {
            pair: options.max_length,
            document: options.max_document_tokens,
            truncation: options.truncation,
            windows,
        }
    }
}
