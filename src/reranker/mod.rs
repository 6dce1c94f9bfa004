//! The pipeline: look up, tokenize, plan, score, rank.

mod incremental;
mod pending;
mod types;

use std::sync::Arc;

use bytes::Bytes;

use crate::cache::{CacheKey, ScoreCache};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "gpu")]
use crate::gpu::{Adapter, Gpu, Precision};
use crate::model::{Config, Hasher, ModelFiles};
use crate::runner::{Runner, cancelled, max_length};
use crate::score::Score;
use crate::tokenizer::{Encoding, Limits, PairTokenizer, Truncation, WindowLimits};

pub use incremental::IncrementalScoring;
pub use pending::Pending;
pub use types::{LoadOptions, LongDocuments, RankedDocument, Ranking, RerankOptions, ScoredList};

/// A loaded cross-encoder. Loading takes a moment; keep it, and share it between threads.
pub struct Reranker {
    tokenizer: PairTokenizer,
    runner: Runner,
    /// The cache, and the key of this model.
    cache: Option<(Arc<ScoreCache>, CacheKey)>,
    trained_tokens: Option<usize>,
    long_documents: LongDocuments,
}

impl Reranker {
    /// Loads a model folder in the Hugging Face layout, or a prepared model; see
    /// [`ModelFiles::read`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn load(path: impl AsRef<std::path::Path>) -> Result<Reranker> {
        Reranker::from_files(&ModelFiles::read(path)?, LoadOptions::default())
    }

    /// Loads the model inside this library; see [`ModelFiles::bundled_reranker`].
    pub fn bundled() -> Result<Reranker> {
        Reranker::from_files(&ModelFiles::bundled_reranker()?, LoadOptions::default())
    }

    /// Loads a model from its files, and scores one pair to see that they fit together.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`], [`ErrorKind::UnsupportedModel`] or
    /// [`ErrorKind::TokenizerMismatch`] for files that cannot be used,
    /// [`ErrorKind::InvalidArgument`] for options out of range.
    pub fn from_files(files: &ModelFiles, options: LoadOptions) -> Result<Reranker> {
        Reranker::from_owned_files(files.clone(), options)
    }

    /// [`Reranker::from_files`] where memory is scarce: what is not read in place of the graph's file
    /// is dropped as soon as it is packed.
    ///
    /// # Errors
    /// As [`Reranker::from_files`].
    pub fn from_owned_files(files: ModelFiles, options: LoadOptions) -> Result<Reranker> {
        let parts = Parts::new(&files, options)?;
        let runner = Runner::load(files, &parts.config, parts.options.threads)?;
        let reranker = parts.into_reranker(runner)?;
        check_logit(reranker.score(&[PLAIN_PAIR])?[0].logit)?;
        Ok(reranker)
    }

    /// Loads a recognized model on a GPU, which computes in its place: nothing is loaded for the
    /// CPU. Calls fail with [`ErrorKind::GpuFailed`] where the GPU does; [`crate::Devices`] takes the
    /// CPU then. Scores differ from the CPU's, see [`crate::gpu`].
    ///
    /// # Errors
    /// As [`Reranker::from_files`], and [`ErrorKind::GpuFailed`].
    #[cfg(feature = "gpu")]
    pub async fn on_gpu(
        files: &ModelFiles,
        options: LoadOptions,
        adapter: &Adapter,
        precision: Precision,
    ) -> Result<Reranker> {
        let parts = Parts::new(files, options)?;
        let gpu = files.load_on_gpu(adapter, precision).await?;
        let runner = Runner::on_gpu(gpu, &parts.config);
        let reranker = parts.into_reranker(runner)?;
        let engine = &reranker.runner.engine;
        let (query, document) = PLAIN_PAIR;
        let logits = engine.wait(&mut engine.start(&[&reranker.encode(query, document)?])).await?;
        check_logit(logits[0])?;
        Ok(reranker)
    }

    /// The GPU that computes, where one does.
    #[cfg(feature = "gpu")]
    pub fn gpu(&self) -> Option<&Gpu> {
        self.runner.engine.gpu()
    }

    /// The most tokens in a pair.
    pub fn max_length(&self) -> usize {
        self.tokenizer.max_length()
    }

    /// Why the model runs slower than it could, where it does: its graph is not one that the
    /// engine recognizes.
    pub fn warning(&self) -> Option<&str> {
        self.runner.engine.warning.as_deref()
    }

    /// The instruction set that scores, such as `avx2`, `simd128` or `scalar`, on which scores do not
    /// depend; or `gpu-f16` or `gpu-f32`, on which they do. `None` where the model runs on general
    /// operators.
    pub fn kernel(&self) -> Option<&'static str> {
        self.runner.engine.kernel()
    }

    /// What becomes of long documents where [`RerankOptions::long_documents`] does not say: where
    /// [`LoadOptions::long_documents`] does not say either, a model that names the length it was
    /// trained on gets windows, unless [`LoadOptions::max_length`] is given.
    pub fn long_documents(&self) -> LongDocuments {
        self.long_documents
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
        check_request(query, options)?;
        let (known, keys) = match self.cache().filter(|_| !options.skip_cache) {
            Some(cache) => {
                let keys = self.cache_keys(query, documents, options);
                (cache.get(&keys), keys)
            }
            None => (vec![None; documents.len()], Vec::new()),
        };
        let query = self.tokenizer.query(query, self.limits(options))?;
        let halt = options.halt();
        let mut windows = Vec::new();
        for (i, document) in documents.iter().enumerate().filter(|(i, _)| known[*i].is_none()) {
            if halt.is_cancelled() {
                return Err(cancelled());
            }
            if halt.is_late() {
                break;
            }
            let of_document = self.tokenizer.windows(&query, document.as_ref());
            let of_document = of_document.map_err(|e| e.at(format_args!("document {i}")))?;
            windows.extend(of_document.into_iter().map(|window| (i, window)));
        }
        Ok(Pending::new(known, keys, windows))
    }

    /// The second step: the logit of each pair, on the caller's thread. Pairs of several lists
    /// may go together; batches of [`crate::BATCH_TOKENS`] tokens are the fastest. A logit does
    /// not depend on the other pairs.
    pub fn logits(&self, pairs: &[&Encoding]) -> Result<Vec<f32>> {
        self.runner.engine.run(pairs)
    }

    /// The last step: keeps the new scores in the cache and puts all in the documents' order.
    /// `logits` are those of [`Pending::encodings`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another number of logits.
    pub fn finish(&self, pending: Pending, logits: &[f32]) -> Result<ScoredList> {
        let logits: Vec<Option<f32>> = logits.iter().copied().map(Some).collect();
        pending.finish(&logits, self.cache())
    }

    /// Begins to score lists in small pieces; see [`IncrementalScoring`] for the options that count. Queries
    /// may be empty.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for options out of range, [`ErrorKind::InputTooLarge`] for a
    /// query over [`crate::MAX_TEXT_BYTES`]. Where there are several lists the message names the
    /// query.
    pub fn start(
        &self,
        lists: Vec<(String, Vec<String>)>,
        options: &RerankOptions,
    ) -> Result<IncrementalScoring> {
        IncrementalScoring::new(self, lists, options)
    }

    /// The keys of documents in [`LoadOptions::cache`], for programs that look scores up
    /// themselves. Without a cache there are none.
    pub fn cache_keys<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        options: &RerankOptions,
    ) -> Vec<CacheKey> {
        let Some((_, model)) = &self.cache else { return Vec::new() };
        let limits = format!("{:?}", self.limits(options));
        let prefix = Hasher::default().part(model).part(limits.as_bytes()).part(query.as_bytes());
        let key = |d: &D| prefix.clone().part(d.as_ref().as_bytes()).key();
        documents.iter().map(key).collect()
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
        self.score_with(pairs, &RerankOptions::default())
    }

    /// [`Reranker::score`] with options. Of those, `top_k`, `min_score`, `progress` and
    /// `skip_cache` do nothing.
    ///
    /// # Errors
    /// As [`Reranker::score`], [`ErrorKind::InvalidArgument`] for options out of range, and
    /// [`ErrorKind::Cancelled`], also once the deadline has come.
    pub fn score_with<Q: AsRef<str>, D: AsRef<str>>(
        &self,
        pairs: &[(Q, D)],
        options: &RerankOptions,
    ) -> Result<Vec<Score>> {
        // Pairs of one query usually lie together: it is tokenized once for them.
        let runs = pairs.chunk_by(|(a, _), (b, _)| a.as_ref() == b.as_ref());
        let (mut windows, mut pair) = (Vec::with_capacity(pairs.len()), 0);
        let halt = options.halt();
        for run in runs {
            let query = self.tokenizer.query(run[0].0.as_ref(), self.limits(options))?;
            for (_, document) in run {
                if halt.is_cancelled() || halt.is_late() {
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
    pub fn encode(&self, query: &str, document: &str) -> Result<Encoding> {
        self.tokenizer.pair(&self.tokenizer.query(query, Limits::default())?, document)
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
        let logits = self.score_encodings(pending.encodings(), &options, &|_| ())?;
        Ok(logits.into_iter().map(|logit| logit.expect("there is no deadline")).collect())
    }

    /// The logits of a list, by all threads; `None` for those that the deadline came before.
    /// `scored` is told of each batch.
    fn score_encodings(
        &self,
        encodings: &[Encoding],
        options: &RerankOptions,
        scored: &(dyn Fn(&[usize]) + Sync),
    ) -> Result<Vec<Option<f32>>> {
        self.runner.run(encodings, options.halt(), |logit| logit[0], scored)
    }

    #[cfg(feature = "server")]
    pub(crate) fn runner(&self) -> &Runner {
        &self.runner
    }

    fn cache(&self) -> Option<&ScoreCache> {
        self.cache.as_ref().map(|(cache, _)| &**cache)
    }

    fn limits(&self, options: &RerankOptions) -> Limits {
        // Who says how to cut, or how long a pair may be, wants documents cut.
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

/// What is known of a reranker before its graph is loaded.
struct Parts {
    config: Config,
    tokenizer: Bytes,
    max_length: usize,
    /// The cache, and the key of the model so far.
    cache: Option<(Arc<ScoreCache>, Hasher)>,
    options: LoadOptions,
}

impl Parts {
    fn new(files: &ModelFiles, mut options: LoadOptions) -> Result<Parts> {
        let config = Config::reranker(files)?;
        let max_length = max_length(config.max_length, options.max_length)?;
        let cache = options.cache.take().map(|cache| {
            let key = files.hasher(options.fingerprint.as_deref());
            // Caches outlive a program, so that the version is part of the key.
            let key = key.part(&(max_length as u64).to_le_bytes());
            (cache, key.part(env!("CARGO_PKG_VERSION").as_bytes()))
        });
        Ok(Parts { config, tokenizer: files.tokenizer.clone(), max_length, cache, options })
    }

    /// The tokenizer is loaded after the engine, whose load leaves room that WebAssembly could not
    /// give back.
    fn into_reranker(self, runner: Runner) -> Result<Reranker> {
        let Parts { config, tokenizer, max_length, cache, options } = self;
        let cache = cache.map(|(cache, model)| {
            let kernel = runner.engine.kernel().unwrap_or("general");
            let key = model.part(kernel.as_bytes());
            // Drivers round differently.
            #[cfg(feature = "gpu")]
            let key = match runner.engine.gpu().map(Gpu::adapter) {
                Some(adapter) => key.part(adapter.to_string().as_bytes()),
                None => key,
            };
            (cache, key.key())
        });
        let tokenizer = PairTokenizer::load(&tokenizer, max_length, config.vocab_size)?;
        let trained_tokens = config.trained_tokens;
        // Who says how long a pair may be wants documents cut.
        let windows = trained_tokens.is_some() && options.max_length.is_none();
        let long_documents = options.long_documents.unwrap_or(match windows {
            true => LongDocuments::Windows,
            false => LongDocuments::Truncate,
        });
        Ok(Reranker { tokenizer, runner, cache, trained_tokens, long_documents })
    }
}

/// What a new model is tried with.
const PLAIN_PAIR: (&str, &str) = ("a", "b");

fn check_logit(logit: f32) -> Result<()> {
    if logit.is_finite() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidModel,
        format!("the model gives {logit} for a plain pair; its file is damaged"),
    ))
}

/// What any reranker asks of a list, whoever scores it.
pub(crate) fn check_request(query: &str, options: &RerankOptions) -> Result<()> {
    if query.trim().is_empty() {
        return Err(invalid_argument("the query is empty; give a query".into()));
    }
    if options.top_k == Some(0) {
        return Err(invalid_argument("top_k must be at least 1".into()));
    }
    if options.min_score.is_some_and(f32::is_nan) {
        return Err(invalid_argument("min_score is not a number".into()));
    }
    Ok(())
}

/// The most windows of a document, where the caller does not say. It bounds the time that one
/// document can take.
const MAX_WINDOWS: usize = 32;

fn invalid_argument(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
