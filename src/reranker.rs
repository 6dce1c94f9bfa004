//! The pipeline: tokenize, plan, score, rank.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use crate::batch;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::kernels;
use crate::model::{Config, ModelFiles};
use crate::rank;
use crate::tokenizer::{Encoding, PairTokenizer};

/// How to load a model. The default suits most callers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LoadOptions {
    /// The most tokens in a pair; longer documents are cut. Default: the model's own maximum,
    /// which is also the limit.
    pub max_length: Option<usize>,
    /// Threads that share the documents of a call. Default: one a core; always 1 in
    /// WebAssembly. Scores do not depend on it.
    pub threads: Option<usize>,
}

/// A place in a ranking.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankedDocument {
    /// The document's position in the list that was given, from 0.
    pub index: usize,
    /// Relevance from 0 to 1: the sigmoid of `logit`.
    pub score: f32,
    /// The model's output.
    pub logit: f32,
    /// The document was cut to fit the model.
    pub truncated: bool,
}

/// A reranked list: highest logit first, equal logits in the order given.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ranking {
    /// The best documents, at most `top_k`.
    pub results: Vec<RankedDocument>,
    /// The query was cut in at least one pair.
    pub query_truncated: bool,
}

/// The score of one pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// Relevance from 0 to 1: the sigmoid of `logit`.
    pub score: f32,
    /// The model's output.
    pub logit: f32,
    /// The document was cut to fit the model.
    pub truncated: bool,
    /// The query was cut to fit the model.
    pub query_truncated: bool,
}

/// A loaded cross-encoder. Loading takes a moment; keep it, and share it between threads.
pub struct Reranker {
    tokenizer: PairTokenizer,
    engine: Engine,
    threads: usize,
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
        let tokenizer = PairTokenizer::load(&files.tokenizer, max_length)?;
        if let Some(words) = config.vocab_size {
            check_vocabularies(tokenizer.vocab_size(), words)?;
        }
        let engine = Engine::load(&files.onnx, &config)?;
        let reranker = Reranker { tokenizer, engine, threads };
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
        if query.trim().is_empty() {
            return Err(invalid_argument("the query is empty; give a query".into()));
        }
        if top_k == 0 {
            return Err(invalid_argument("top_k must be at least 1".into()));
        }
        let scores = self.score_list(query, documents, progress)?;
        let logits: Vec<f32> = scores.iter().map(|s| s.logit).collect();
        let results = rank::top_k(&logits, top_k)?
            .into_iter()
            .map(|index| {
                let Score { score, logit, truncated, .. } = scores[index];
                RankedDocument { index, score, logit, truncated }
            })
            .collect();
        Ok(Ranking { results, query_truncated: scores.iter().any(|s| s.query_truncated) })
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

    /// Scores pairs of query and document, in the order given. Either text may be empty.
    pub fn score<Q: AsRef<str>, D: AsRef<str>>(&self, pairs: &[(Q, D)]) -> Result<Vec<Score>> {
        // Pairs of one query usually lie together: it is tokenized once for them.
        let runs = pairs.chunk_by(|(a, _), (b, _)| a.as_ref() == b.as_ref());
        let mut encodings = Vec::with_capacity(pairs.len());
        for run in runs {
            let query = self.tokenizer.query(run[0].0.as_ref());
            for (_, document) in run {
                let encoding = query.encode(document.as_ref());
                encodings
                    .push(encoding.map_err(|e| e.at(format_args!("pair {}", encodings.len())))?);
            }
        }
        self.score_encodings(&encodings, &|_| ())
    }

    /// The token ids of a pair.
    pub fn encode(&self, query: &str, document: &str) -> Result<Encoding> {
        self.tokenizer.query(query).encode(document)
    }

    fn score_list<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Score>> {
        let query = self.tokenizer.query(query);
        let encodings = documents
            .iter()
            .enumerate()
            .map(|(i, document)| {
                query.encode(document.as_ref()).map_err(|e| e.at(format_args!("document {i}")))
            })
            .collect::<Result<Vec<_>>>()?;
        self.score_encodings(&encodings, progress)
    }

    fn score_encodings(
        &self,
        encodings: &[Encoding],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Score>> {
        let batches = batch::plan(encodings, self.threads);
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Every thread takes the next batch until none is left.
        let work = || -> Result<Vec<(usize, f32)>> {
            let mut scored = Vec::new();
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                let pairs: Vec<&Encoding> = batch.iter().map(|&i| &encodings[i]).collect();
                let logits = self.engine.logits(&pairs)?;
                scored.extend(batch.iter().copied().zip(logits));
                progress(done.fetch_add(batch.len(), Ordering::Relaxed) + batch.len());
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
        let scores = encodings.iter().zip(logits).map(|(encoding, logit)| Score {
            score: kernels::sigmoid(logit),
            logit,
            truncated: encoding.document_truncated,
            query_truncated: encoding.query_truncated,
        });
        Ok(scores.collect())
    }
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
