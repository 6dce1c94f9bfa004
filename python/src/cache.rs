//! The score cache.

use std::sync::Arc;

use pyo3::prelude::*;

#[pyclass(frozen, module = "crossrank._native")]
pub struct ScoreCache(pub Arc<crossrank::ScoreCache>);

#[pymethods]
impl ScoreCache {
    #[new]
    fn new(bytes: usize) -> ScoreCache {
        ScoreCache(Arc::new(crossrank::ScoreCache::new(bytes)))
    }

    /// Hits, misses, entries, bytes.
    fn stats(&self) -> (u64, u64, usize, usize) {
        let stats = self.0.stats();
        (stats.hits, stats.misses, stats.entries, stats.bytes)
    }

    fn clear(&self) {
        self.0.clear();
    }

    fn save(&self) -> Vec<u8> {
        self.0.save()
    }

    fn restore(&self, saved: &[u8]) {
        self.0.restore(saved);
    }
}
