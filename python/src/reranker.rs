//! The reranker.

use std::time::{Duration, Instant};

use crossrank::{LoadOptions, LongDocuments, RerankOptions};
use pyo3::prelude::*;

use crate::arguments::{long_documents, pairs, text, texts, truncation};
use crate::cache::ScoreCache;
use crate::call::{Cancellation, Hooks, abandonable, interruptible};
use crate::model::ModelFiles;

#[pyclass(frozen, module = "crossrank._native")]
pub struct Reranker(crossrank::Reranker);

/// Index, score, logit, truncated, span in characters.
type Row = (usize, f32, f32, bool, Option<(usize, usize)>);

/// Score, logit, truncated, query truncated, tokens, span in characters.
type ScoreRow = (f32, f32, bool, bool, usize, Option<(usize, usize)>);

/// The options of a call. Those that are missing have their defaults, except for `truncation`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Options {
    #[pyo3(default)]
    top_k: Option<usize>,
    #[pyo3(default)]
    max_length: Option<usize>,
    #[pyo3(default)]
    max_document_tokens: Option<usize>,
    truncation: String,
    #[pyo3(default)]
    long_documents: Option<String>,
    #[pyo3(default)]
    max_windows: Option<usize>,
    #[pyo3(default)]
    min_score: Option<f32>,
    /// In seconds.
    #[pyo3(default)]
    timeout: Option<f64>,
    #[pyo3(default)]
    skip_cache: bool,
    #[pyo3(default)]
    progress: Option<Py<PyAny>>,
    #[pyo3(default)]
    cancellation: Option<Py<Cancellation>>,
}

impl Options {
    /// Runs `work` with the library's options.
    fn call<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&RerankOptions) -> crossrank::Result<T> + Send,
    ) -> PyResult<T> {
        let long_documents = self.long_documents.as_deref().map(long_documents).transpose()?;
        let truncation = truncation(&self.truncation)?;
        let timeout = self.timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let cancellation = self.cancellation.as_ref().map(Py::get);
        interruptible(py, self.progress.as_ref(), cancellation, |hooks: &Hooks| {
            let (cancelled, progress) = (|| hooks.is_cancelled(), |done| hooks.progress(done));
            let mut options = RerankOptions::default();
            options.top_k = self.top_k;
            options.max_length = self.max_length;
            options.max_document_tokens = self.max_document_tokens;
            options.truncation = truncation;
            options.long_documents = long_documents;
            options.max_windows = self.max_windows;
            options.min_score = self.min_score;
            options.deadline = deadline;
            options.skip_cache = self.skip_cache;
            options.cancelled = Some(&cancelled);
            options.progress = Some(&progress);
            work(&options)
        })
    }
}

#[pymethods]
impl Reranker {
    #[new]
    #[pyo3(signature = (files, *, max_length, threads, cache, long_documents, keep_floats))]
    fn new(
        py: Python<'_>,
        files: &ModelFiles,
        max_length: Option<usize>,
        threads: Option<usize>,
        cache: Option<&ScoreCache>,
        long_documents: Option<&str>,
        keep_floats: bool,
    ) -> PyResult<Reranker> {
        let mut options = LoadOptions::default();
        options.max_length = max_length;
        options.threads = threads;
        options.cache = cache.map(|cache| cache.0.clone());
        options.long_documents = long_documents.map(self::long_documents).transpose()?;
        options.keep_floats = keep_floats;
        let files = files.0.clone();
        abandonable(py, move || crossrank::Reranker::from_owned_files(files, options)).map(Reranker)
    }

    /// The rows of the results, whether the query was truncated, and whether the ranking is partial.
    fn rerank(
        &self,
        py: Python<'_>,
        query: &Bound<PyAny>,
        documents: &Bound<PyAny>,
        options: Options,
    ) -> PyResult<(Vec<Row>, bool, bool)> {
        let (query, documents) = (text(query, "query")?, texts(documents, "documents")?);
        let ranking =
            options.call(py, |options| self.0.rerank_with(&query, &documents, options))?;
        let rows = ranking.results.iter().map(|result| {
            let span = result.span.map(|span| characters(&documents[result.index], span));
            (result.index, result.score, result.logit, result.truncated, span)
        });
        Ok((rows.collect(), ranking.query_truncated, ranking.partial))
    }

    fn score(
        &self,
        py: Python<'_>,
        pairs: &Bound<PyAny>,
        options: Options,
    ) -> PyResult<Vec<ScoreRow>> {
        let pairs = self::pairs(pairs, "pairs")?;
        let scores = options.call(py, |options| self.0.score_with(&pairs, options))?;
        let rows = scores.iter().zip(&pairs).map(|(score, (_, document))| {
            let span = score.span.map(|span| characters(document, span));
            let crossrank::Score { truncated, query_truncated, tokens, .. } = *score;
            (score.score, score.logit, truncated, query_truncated, tokens, span)
        });
        Ok(rows.collect())
    }

    #[getter]
    fn max_length(&self) -> usize {
        self.0.max_length()
    }

    #[getter]
    fn revision(&self) -> Option<&str> {
        self.0.revision()
    }

    #[getter]
    fn warning(&self) -> Option<&str> {
        self.0.warning()
    }

    #[getter]
    fn kernel(&self) -> Option<&str> {
        self.0.kernel()
    }

    #[getter]
    fn long_documents(&self) -> &str {
        match self.0.long_documents() {
            LongDocuments::Windows => "windows",
            _ => "truncate",
        }
    }
}

/// A part of a text in characters, as Python counts.
fn characters(text: &str, span: crossrank::Span) -> (usize, usize) {
    let start = text[..span.start].chars().count();
    (start, start + text[span.start..span.end].chars().count())
}
