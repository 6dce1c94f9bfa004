//! The CPU in place of a GPU that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::reranker::Reranker;

/// A reranker on the CPU and, if there is one, the same model on a GPU, which computes for as long
/// as it works.
///
/// All scores of a call come from one device: if the GPU fails, the CPU makes the whole call.
///
/// ```
/// # fn main() -> crossrank::Result<()> {
/// # if cfg!(not(feature = "bundled-reranker")) { return Ok(()) }
/// use crossrank::{FailoverReranker, Reranker};
///
/// let reranker = FailoverReranker::from(Reranker::bundled()?);
/// let documents = ["A fox sleeps by day.", "Tides follow the moon."];
/// let ranking = reranker.call(|on| on.rerank("what causes tides", &documents, 1))?;
/// assert_eq!(ranking.results[0].index, 1);
/// # Ok(())
/// # }
/// ```
pub struct FailoverReranker {
    cpu: Arc<Reranker>,
    gpu: Option<Arc<Reranker>>,
    gpu_failed: AtomicBool,
    report: Box<dyn Fn(&Error) + Send + Sync>,
}

impl From<Reranker> for FailoverReranker {
    /// A reranker without a GPU to fail.
    fn from(cpu: Reranker) -> FailoverReranker {
        let (gpu_failed, report) = (AtomicBool::new(false), Box::new(|_: &Error| ()));
        FailoverReranker { cpu: Arc::new(cpu), gpu: None, gpu_failed, report }
    }
}

impl FailoverReranker {
    /// The same model on both devices. `report` is called once, with the error after which the GPU
    /// is no longer used.
    #[cfg(feature = "gpu")]
    pub fn new(
        cpu: Reranker,
        gpu: Reranker,
        report: impl Fn(&Error) + Send + Sync + 'static,
    ) -> FailoverReranker {
        let (gpu, report) = (Some(Arc::new(gpu)), Box::new(report));
        FailoverReranker { gpu, report, ..FailoverReranker::from(cpu) }
    }

    /// The reranker that makes the next call.
    pub fn current(&self) -> &Arc<Reranker> {
        match &self.gpu {
            Some(gpu) if self.can_fail_over() => gpu,
            _ => &self.cpu,
        }
    }

    /// Whether a call may have to be made once more, see [`FailoverReranker::fails_over`].
    pub fn can_fail_over(&self) -> bool {
        self.gpu.is_some() && !self.gpu_failed.load(Ordering::Relaxed)
    }

    /// Takes note of the error of a call to [`FailoverReranker::current`]. If the GPU failed, the
    /// CPU makes all later calls, and this returns true: the call should be made once more.
    pub fn fails_over(&self, error: &Error) -> bool {
        let fails_over = error.kind() == ErrorKind::GpuFailed && self.gpu.is_some();
        if fails_over && !self.gpu_failed.swap(true, Ordering::Relaxed) {
            // Dropping a device waits for what it computes, which is forever if its driver hangs.
            std::mem::forget(self.gpu.clone());
            (self.report)(error);
        }
        fails_over
    }

    /// Makes a call. If the GPU fails in it, the CPU makes it from the start, and its progress is
    /// reported from the start.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn call<T>(&self, call: impl Fn(&Reranker) -> Result<T>) -> Result<T> {
        match call(self.current()) {
            Err(error) if self.fails_over(&error) => call(&self.cpu),
            outcome => outcome,
        }
    }
}
