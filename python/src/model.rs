//! Models by path or by name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crossrank::hub::{self, HubOptions, ModelName};
use pyo3::prelude::*;

use crate::arguments::not_one_of;
use crate::call::abandonable;

#[pyclass(frozen, module = "crossrank._native")]
pub struct ModelFiles(pub crossrank::ModelFiles);

#[pymethods]
impl ModelFiles {
    /// `config.json`.
    #[getter]
    fn config(&self) -> Vec<u8> {
        self.0.config.to_vec()
    }

    /// The files that say how an embedder makes its vectors, by their names.
    #[getter]
    fn embedding(&self) -> BTreeMap<&str, Vec<u8>> {
        self.0.embedding.iter().map(|(name, file)| (name.as_str(), file.to_vec())).collect()
    }
}

/// Reads the bundled model for a task, a model at a path, or one by its name, which is downloaded where
/// it is not in the hub's cache.
#[pyfunction]
#[pyo3(signature = (model, task, *, revision, cache, token, offline))]
pub fn read_model(
    py: Python<'_>,
    model: Option<PathBuf>,
    task: &str,
    revision: Option<String>,
    cache: Option<PathBuf>,
    token: Option<String>,
    offline: bool,
) -> PyResult<ModelFiles> {
    let bundled = match task {
        "rerank" => crossrank::ModelFiles::bundled_reranker,
        "embed" => crossrank::ModelFiles::bundled_embedder,
        _ => return Err(not_one_of("task", task, "rerank or embed")),
    };
    abandonable(py, move || {
        let Some(given) = model else { return bundled() };
        let Some(name) = ModelName::parse(&given) else {
            return crossrank::ModelFiles::read(&given);
        };
        let mut options = name.options(HubOptions::from_env());
        options.revision = revision.unwrap_or(options.revision);
        options.cache = cache.unwrap_or(options.cache);
        options.token = token.or(options.token);
        options.offline |= offline;
        if is_bundled(name.name) || hub::cached(name.name, &options)?.is_some() {
            return hub::read(name.name, &options);
        }
        hub::pull(name.name, &options)?.read()
    })
    .map(ModelFiles)
}

/// Whether a name is that of a model in this package.
#[pyfunction]
pub fn is_bundled(name: &str) -> bool {
    hub::find(name).is_some_and(|model| model.bundled)
}
