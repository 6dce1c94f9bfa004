//! The embedder.

use std::sync::Arc;

use crossrank::{EmbedOptions, EmbedderOptions, TextKind};
use pyo3::prelude::*;
use pyo3::types::PyByteArray;

use crate::arguments::{not_one_of, texts, truncation};
use crate::call::{abandonable, interruptible};
use crate::model::ModelFiles;

#[pyclass(frozen, module = "crossrank._native")]
pub struct Embedder(pub Arc<crossrank::Embedder>);

#[pymethods]
impl Embedder {
    #[new]
    #[pyo3(signature = (files, *, max_length, threads, query_prefix, document_prefix, keep_floats))]
    fn new(
        py: Python<'_>,
        files: &ModelFiles,
        max_length: Option<usize>,
        threads: Option<usize>,
        query_prefix: Option<String>,
        document_prefix: Option<String>,
        keep_floats: bool,
    ) -> PyResult<Embedder> {
        let mut options = EmbedderOptions::default();
        options.max_length = max_length;
        options.threads = threads;
        options.query_prefix = query_prefix;
        options.document_prefix = document_prefix;
        options.keep_floats = keep_floats;
        let files = files.0.clone();
        let load = move || crossrank::Embedder::from_owned_files(files, options);
        Ok(Embedder(Arc::new(abandonable(py, load)?)))
    }

    /// The vectors, one after another, in floats of 32 bits.
    fn embed<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<PyAny>,
        kind: &str,
        truncation: &str,
        normalize: Option<bool>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        let texts = self::texts(texts, "texts")?;
        let truncation = self::truncation(truncation)?;
        let kind = match kind {
            "document" => TextKind::Document,
            "query" => TextKind::Query,
            _ => return Err(not_one_of("kind", kind, "document or query")),
        };
        let embeddings = interruptible(py, progress.as_ref(), None, |hooks| {
            let (cancelled, progress) = (|| hooks.is_cancelled(), |done| hooks.progress(done));
            let mut options = EmbedOptions::default();
            options.kind = kind;
            options.truncation = truncation;
            options.normalize = normalize;
            options.cancelled = Some(&cancelled);
            options.progress = Some(&progress);
            self.0.embed_with(&texts, &options)
        })?;
        let elements = embeddings.iter().flat_map(|embedding| &embedding.vector);
        let length = embeddings.len() * self.0.dimensions() * size_of::<f32>();
        PyByteArray::new_with(py, length, |bytes| {
            for (bytes, element) in bytes.chunks_exact_mut(size_of::<f32>()).zip(elements) {
                bytes.copy_from_slice(&element.to_ne_bytes());
            }
            Ok(())
        })
    }

    #[getter]
    fn dimensions(&self) -> usize {
        self.0.dimensions()
    }

    #[getter]
    fn max_length(&self) -> usize {
        self.0.max_length()
    }

    #[getter]
    fn normalizes(&self) -> bool {
        self.0.normalizes()
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }

    #[getter]
    fn warning(&self) -> Option<&str> {
        self.0.warning()
    }

    #[getter]
    fn kernel(&self) -> Option<&str> {
        self.0.kernel()
    }
}
