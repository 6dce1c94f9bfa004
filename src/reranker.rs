//! The pipeline: look up, tokenize, plan, score, rank.

mod pending;
mod types;

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::batch;
use crate::cache::Hasher;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Config, ModelFiles};
use crate::tokenizer::{Encoding, Limits, PairTokenizer};

use pending::Cache;
pub use pending::Pending;
pub use types::{LoadOptions, RankedDocument, Ranking, RerankOptions, Score, ScoredList};

/// A loaded cross-encoder. Loading takes a moment; keep it, and share it between threads.
pub struct Reranker {
    tokenizer: PairTokenizer,
    engine: Engine,
    threads: usize,
    cache: Option<Cache>,
}

impl Reranker {
    /// Loads a model folder in the Hugging Face layout; see [`ModelFiles::read`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn load(folder: impl AsRef<std::path::Path>) -> Result<Reranker> {
        Reranker::from_files(&ModelFiles::read(folder)?, LoadOptions::default())
    }

    /// Loads the model inside this library; see [`ModelFiles::embedded`].
    pub fn embedded() -> Result<Reranker> {
        Reranker::from_files(&ModelFiles::embedded()?, LoadOptions::default())
    }

    /// Loads a model from its files, and scores one pair to see that they fit together.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`], [`ErrorKind::UnsupportedModel`] or
    /// [`ErrorKind::TokenizerMismatch`] for files that cannot be used,
    /// [`ErrorKind::InvalidArgument`] for options out of range.
    pub fn from_files(files: &ModelFiles, options: LoadOptions) -> Result<Reranker> {
        Reranker::from_parts(files, Cow::Borrowed(&files.onnx), options)
    }

    /// [`Reranker::from_files`] where memory is scarce: the graph's file is dropped as soon as it
    /// is parsed.
    ///
    /// # Errors
    /// As [`Reranker::from_files`].
    pub fn from_owned_files(mut files: ModelFiles, options: LoadOptions) -> Result<Reranker> {
        let onnx = std::mem::take(&mut files.onnx);
        Reranker::from_parts(&files, onnx, options)
    }

    /// `onnx` is the graph's file, in place of the one in `files`.
    fn from_parts(files: &ModelFiles, onnx: Cow<[u8]>, options: LoadOptions) -> Result<Reranker> {
        let config = Config::parse(files)?;
        let max_length = options.max_length.unwrap_or(config.max_length);
        if max_length > config.max_length {
            return Err(invalid_argument(format!(
                "max_length is {max_length}, and the model reads at most {} tokens",
                config.max_length
            )));
        }
        let threads = match options.threads {
            Some(0) => return Err(invalid_argument("threads must be at least 1".into())),
            _ if cfg!(target_arch = "wasm32") => 1,
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, |n| n.get()),
        };
        let cache = options.cache.map(|scores| (scores, fingerprint(files, &onnx, max_length)));
        let engine = Engine::load(onnx, &config)?;
        let cache = cache.map(|(scores, model)| {
            let kernel = engine.kernel().unwrap_or("general");
            Cache { scores, model: model.part(kernel.as_bytes()).key() }
        });
        // After the engine, whose load leaves room that WebAssembly could not give back.
        let tokenizer = PairTokenizer::load(&files.tokenizer, max_length)?;
        if let Some(words) = config.vocab_size {
            check_vocabularies(tokenizer.vocab_size(), words)?;
        }
        let reranker = Reranker { tokenizer, engine, threads, cache };
        let logit = reranker.score(&[("a", "b")])?[0].logit;
        if !logit.is_finite() {
            return Err(Error::new(
                ErrorKind::InvalidModel,
                format!("the model gives {logit} for a plain pair; its file is damaged"),
            ));
        }
        Ok(reranker)
    }

    /// The most tokens in a pair.
    pub fn max_length(&self) -> usize {
        self.tokenizer.max_length()
    }

    /// Why the model runs slower than it could, where it does: its graph is not one that the
    /// engine recognises.
    pub fn warning(&self) -> Option<&str> {
        self.engine.warning.as_deref()
    }

    /// The instruction set that scores, such as `avx2`, `simd128` or `scalar`. `None` where the
    /// model runs on general operators. Scores do not depend on it.
    pub fn kernel(&self) -> Option<&'static str> {
        self.engine.kernel()
    }

    /// Puts the documents that answer the query first and returns the best `top_k`.
    ///
    /// An empty list gives an empty ranking. A `top_k` beyond the list gives all of it.
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
        let logits = self.score_encodings(pending.encodings(), options, pending.known())?;
        let scored = self.finish(pending, &logits)?;
        scored.rank(options.top_k.unwrap_or(usize::MAX))
    }

    /// The first step of [`Reranker::rerank_with`], for programs that schedule the scoring
    /// themselves: looks the documents up in the cache and tokenizes the others. `progress` is
    /// not told anything.
    ///
    /// # Errors
    /// As [`Reranker::rerank_with`].
    pub fn prepare<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        options: &RerankOptions,
    ) -> Result<Pending> {
        check_request(query, options.top_k)?;
        let cache = self.cache.as_ref().filter(|_| !options.skip_cache);
        let query_tokens = self.tokenizer.query(query, options.limits())?;
        Pending::new(query, documents, options, cache, |document| query_tokens.encode(document))
    }

    /// The second step: the logit of each pair, on the caller's thread. Pairs of several lists
    /// may go together; batches of [`crate::BATCH_TOKENS`] tokens are the fastest. A logit does
    /// not depend on the other pairs.
    pub fn logits(&self, pairs: &[&Encoding]) -> Result<Vec<f32>> {
        self.engine.logits(pairs)
    }

    /// The last step: keeps the new scores in the cache and puts all in the documents' order.
    /// `logits` are those of [`Pending::encodings`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another number of logits.
    pub fn finish(&self, pending: Pending, logits: &[f32]) -> Result<ScoredList> {
        pending.finish(logits, self.cache.as_ref())
    }

    /// Reranks one list of candidates for each query.
    ///
    /// # Errors
    /// As [`Reranker::rerank`], and [`ErrorKind::InvalidArgument`] where there are more or
    /// fewer lists than queries.
    pub fn rerank_batch<Q: AsRef<str>, D: AsRef<str>>(
        &self,
        queries: &[Q],
        candidates: &[Vec<D>],
        top_k: usize,
    ) -> Result<Vec<Ranking>> {
        if queries.len() != candidates.len() {
            return Err(invalid_argument(format!(
                "{} queries came with {} lists of candidates; give one list a query",
                queries.len(),
                candidates.len()
            )));
        }
        let lists = queries.iter().zip(candidates).enumerate();
        lists
            .map(|(i, (query, documents))| {
                self.rerank(query.as_ref(), documents, top_k)
                    .map_err(|e| e.at(format_args!("query {i}")))
            })
            .collect()
    }

    /// Scores pairs of query and document, in the order given. Either text may be empty. The
    /// cache is left aside.
    pub fn score<Q: AsRef<str>, D: AsRef<str>>(&self, pairs: &[(Q, D)]) -> Result<Vec<Score>> {
        // Pairs of one query usually lie together: it is tokenized once for them.
        let runs = pairs.chunk_by(|(a, _), (b, _)| a.as_ref() == b.as_ref());
        let mut encodings = Vec::with_capacity(pairs.len());
        for run in runs {
            let query = self.tokenizer.query(run[0].0.as_ref(), Limits::default())?;
            for (_, document) in run {
                let encoding = query.encode(document.as_ref());
                encodings
                    .push(encoding.map_err(|e| e.at(format_args!("pair {}", encodings.len())))?);
            }
        }
        let logits = self.score_encodings(&encodings, &RerankOptions::default(), 0)?;
        Ok(encodings
            .iter()
            .zip(logits)
            .map(|(e, logit)| pending::known((&logit, e)).into())
            .collect())
    }

    /// The token ids of a pair.
    pub fn encode(&self, query: &str, document: &str) -> Result<Encoding> {
        self.tokenizer.query(query, Limits::default())?.encode(document)
    }

    /// The logits of [`Pending::encodings`], by all threads of the reranker.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] once `cancelled`, which is asked between batches, says so.
    pub fn score_pending(
        &self,
        pending: &Pending,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f32>> {
        let options = RerankOptions { cancelled: Some(cancelled), ..RerankOptions::default() };
        self.score_encodings(pending.encodings(), &options, 0)
    }

    /// The logits of a list, by all threads. `known` documents of it count as scored.
    fn score_encodings(
        &self,
        encodings: &[Encoding],
        options: &RerankOptions,
        known: usize,
    ) -> Result<Vec<f32>> {
        let batches = batch::plan(encodings, self.threads);
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(known));
        // Every thread takes the next batch until none is left.
        let work = || -> Result<Vec<(usize, f32)>> {
            let mut scored = Vec::new();
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                if options.is_cancelled() {
                    return Err(cancelled());
                }
                let pairs: Vec<&Encoding> = batch.iter().map(|&i| &encodings[i]).collect();
                let logits = self.engine.logits(&pairs)?;
                scored.extend(batch.iter().copied().zip(logits));
                let done = done.fetch_add(batch.len(), Ordering::Relaxed) + batch.len();
                if let Some(progress) = options.progress {
                    progress(done);
                }
            }
            Ok(scored)
        };
        let helpers = self.threads.min(batches.len()).saturating_sub(1);
        let shares: Vec<Result<Vec<(usize, f32)>>> = std::thread::scope(|scope| {
            let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = helpers.into_iter().map(|h| h.join().expect("engine calls catch panics"));
            std::iter::once(own).chain(joined).collect()
        });

        let mut logits = vec![f32::NAN; encodings.len()];
        for share in shares {
            for (index, logit) in share? {
                logits[index] = logit;
            }
        }
        Ok(logits)
    }
}

/// What any reranker asks of a list, whoever scores it.
pub(crate) fn check_request(query: &str, top_k: Option<usize>) -> Result<()> {
    if query.trim().is_empty() {
        return Err(invalid_argument("the query is empty; give a query".into()));
    }
    if top_k == Some(0) {
        return Err(invalid_argument("top_k must be at least 1".into()));
    }
    Ok(())
}

/// What tells a model's scores from another's, but for what computes: its files, and where it cuts
/// pairs.
fn fingerprint(files: &ModelFiles, onnx: &[u8], max_length: usize) -> Hasher {
    Hasher::default()
        .part(onnx)
        .part(&files.tokenizer)
        .part(&files.config)
        .part(&(max_length as u64).to_le_bytes())
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the call was cancelled")
}

/// Exporters pad a model's table to a round number of rows, but never by as much as this.
const MOST_UNUSED_ROWS: usize = 1024;

fn check_vocabularies(tokenizer: usize, model: usize) -> Result<()> {
    if tokenizer <= model && model - tokenizer <= MOST_UNUSED_ROWS {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TokenizerMismatch,
        format!(
            "the tokenizer has {tokenizer} tokens and the model {model}; take both from one \
             repository"
        ),
    ))
}

fn invalid_argument(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
