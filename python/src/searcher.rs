//! Searches of an index.

use std::path::PathBuf;
use std::sync::Arc;

use crossrank::index::{SearchMode, SearchOptions};
use pyo3::prelude::*;

use crate::arguments::{not_one_of, text};
use crate::call::abandonable;
use crate::embedder::Embedder;

#[pyclass(frozen, module = "crossrank._native")]
pub struct Searcher(Arc<crossrank::index::Searcher>);

/// Path, id, line, start, end, title, passage, text, score, score by words, score by vectors.
type Row = (
    String,
    Option<String>,
    usize,
    usize,
    usize,
    String,
    String,
    String,
    f64,
    Option<f64>,
    Option<f64>,
);

#[pymethods]
impl Searcher {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Searcher> {
        let searcher = abandonable(py, move || crossrank::index::Searcher::open(path))?;
        Ok(Searcher(Arc::new(searcher)))
    }

    /// A searcher of the same index with the model that made its vectors.
    #[staticmethod]
    fn with_embedder(py: Python<'_>, path: PathBuf, embedder: &Embedder) -> PyResult<Searcher> {
        let embedder = embedder.0.clone();
        let open = move || crossrank::index::Searcher::open(path)?.with_embedder(embedder);
        Ok(Searcher(Arc::new(abandonable(py, open)?)))
    }

    #[getter]
    fn has_vectors(&self) -> bool {
        self.0.has_vectors()
    }

    fn search(
        &self,
        py: Python<'_>,
        query: &Bound<PyAny>,
        mode: Option<&str>,
        limit: usize,
    ) -> PyResult<Vec<Row>> {
        let query = text(query, "query")?.to_string();
        let known = |name: &str| name.parse::<SearchMode>().ok();
        let mode = mode
            .map(|name| {
                known(name).ok_or_else(|| not_one_of("mode", name, "text, vector or hybrid"))
            })
            .transpose()?;
        let searcher = self.0.clone();
        let hits = abandonable(py, move || {
            let mut options = SearchOptions::default();
            options.mode = mode;
            options.limit = limit;
            searcher.search(&query, &options)
        })?;
        let rows = hits.into_iter().map(|hit| {
            let crossrank::index::Hit { path, id, line, start, end, title, passage, text, .. } =
                hit;
            let stages = hit.stages;
            (
                path,
                id,
                line,
                start,
                end,
                title,
                passage,
                text,
                hit.score,
                stages.text,
                stages.vector,
            )
        });
        Ok(rows.collect())
    }
}
