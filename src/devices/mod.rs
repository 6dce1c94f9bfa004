//! One model on the CPU and on a GPU: the one in place of the other, and which is faster.

#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
mod benchmark;
#[cfg(all(test, feature = "gpu"))]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::reranker::Reranker;

#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
pub use benchmark::DeviceBenchmark;

/// A reranker on the CPU, and in its place one of [`Reranker::on_gpu`] for as long as that works.
///
/// The scores of a call are all of one device: what a GPU has not finished is scored anew.
pub struct FailoverReranker {
    cpu: Arc<Reranker>,
    gpu: Option<Arc<Reranker>>,
    failed: AtomicBool,
    report: Box<dyn Fn(&Error) + Send + Sync>,
}

impl From<Reranker> for FailoverReranker {
    fn from(cpu: Reranker) -> FailoverReranker {
        let report = Box::new(|_: &Error| ());
        FailoverReranker { cpu: Arc::new(cpu), gpu: None, failed: AtomicBool::new(false), report }
    }
}

impl FailoverReranker {
    /// The same model on both. `report` is called once, with why the GPU is not used any more.
    #[cfg(feature = "gpu")]
    pub fn new(
        cpu: Reranker,
        gpu: Reranker,
        report: impl Fn(&Error) + Send + Sync + 'static,
    ) -> FailoverReranker {
        let (gpu, report) = (Some(Arc::new(gpu)), Box::new(report));
        FailoverReranker { gpu, report, ..FailoverReranker::from(cpu) }
    }

    /// What scores the next call.
    pub fn current(&self) -> &Arc<Reranker> {
        match &self.gpu {
            Some(gpu) if self.may_change() => gpu,
            _ => &self.cpu,
        }
    }

    /// Whether a call may have to be made once more, see [`FailoverReranker::again`].
    pub fn may_change(&self) -> bool {
        self.gpu.is_some() && !self.failed.load(Ordering::Relaxed)
    }

    /// Whether a call to [`FailoverReranker::current`] that failed so should be made once more, because the
    /// GPU failed; from then on that is the CPU.
    pub fn again(&self, error: &Error) -> bool {
        let again = error.kind() == ErrorKind::GpuFailed && self.gpu.is_some();
        if again && !self.failed.swap(true, Ordering::Relaxed) {
            // To drop a device waits for what it computes: without end where its driver hangs.
            std::mem::forget(self.gpu.clone());
            (self.report)(error);
        }
        again
    }

    /// A call, which is made by the CPU from its start where the GPU fails in it. What the call
    /// says of its progress begins again then.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn call<T>(&self, call: impl Fn(&Reranker) -> Result<T>) -> Result<T> {
        match call(self.current()) {
            Err(error) if self.again(&error) => call(&self.cpu),
            outcome => outcome,
        }
    }
}
