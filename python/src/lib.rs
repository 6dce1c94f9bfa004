//! The native part of the Python package: thin classes over the library. The package's Python code
//! checks arguments, makes numpy arrays, and has the documentation.

mod arguments;
mod cache;
mod call;
mod embedder;
mod error;
mod model;
mod reranker;
mod searcher;

#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::cache::ScoreCache;
    #[pymodule_export]
    use crate::call::Cancellation;
    #[pymodule_export]
    use crate::embedder::Embedder;
    #[pymodule_export]
    use crate::model::{ModelFiles, is_bundled, read_model};
    #[pymodule_export]
    use crate::reranker::Reranker;
    #[pymodule_export]
    use crate::searcher::Searcher;
}
