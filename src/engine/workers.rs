//! Threads that share the work of a model.

#[cfg(not(target_arch = "wasm32"))]
use std::mem;
use std::process;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(not(target_arch = "wasm32"))]
use rayon_core::{ThreadPool, ThreadPoolBuilder};

use crate::error::Result;
#[cfg(not(target_arch = "wasm32"))]
use crate::error::{Error, ErrorKind};

/// The number of this process, which a fork changes.
pub(super) fn process_id() -> u32 {
    // WebAssembly has no processes.
    if cfg!(target_arch = "wasm32") { 0 } else { process::id() }
}

/// A number of threads. The first work for them starts them, and then they wait for more. If the number
/// is one, as always in WebAssembly, the thread of the caller does all the work.
///
/// A process that is forked has none of its parent's threads, and starts its own.
pub(crate) struct Workers {
    count: usize,
    #[cfg(not(target_arch = "wasm32"))]
    pool: Mutex<Option<Pool>>,
}

/// The threads of a process.
#[cfg(not(target_arch = "wasm32"))]
struct Pool {
    process: u32,
    threads: Arc<ThreadPool>,
}

impl Workers {
    pub fn new(count: usize) -> Workers {
        Workers {
            count,
            #[cfg(not(target_arch = "wasm32"))]
            pool: Mutex::new(None),
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Calls `work` on one of the threads, where it may call [`Workers::for_each`].
    ///
    /// # Errors
    /// Those of `work`, and [`ErrorKind::Io`](crate::ErrorKind::Io) if the threads cannot be started.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        #[cfg(not(target_arch = "wasm32"))]
        if self.count > 1 {
            return self.pool()?.install(work);
        }
        work()
    }

    /// Calls `each` with every item. Threads that have no work take part. A thread that waits for
    /// another one's part does other work in the meantime.
    pub fn for_each<T: Send>(
        &self,
        items: impl IntoIterator<Item = T> + Send,
        each: impl Fn(T) + Sync,
    ) {
        #[cfg(not(target_arch = "wasm32"))]
        if self.count > 1 {
            assert!(rayon_core::current_thread_index().is_some(), "call it within `install`");
            let each = &each;
            return rayon_core::scope(|scope| {
                items.into_iter().for_each(|item| scope.spawn(move |_| each(item)));
            });
        }
        items.into_iter().for_each(each);
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn pool(&self) -> Result<Arc<ThreadPool>> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let process = process_id();
        if let Some(pool) = pool.as_ref().filter(|pool| pool.process == process) {
            return Ok(pool.threads.clone());
        }
        let builder = ThreadPoolBuilder::new().num_threads(self.count);
        let started = builder.thread_name(|i| format!("crossrank-{i}")).build().map_err(|e| {
            let message = format!("{} threads cannot be started ({e}); set fewer", self.count);
            Error::new(ErrorKind::Io, message).with_source(e)
        })?;
        let threads = Arc::new(started);
        // To drop the parent's would be to wait for locks that its threads may have had.
        mem::forget(pool.replace(Pool { process, threads: threads.clone() }));
        Ok(threads)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    /// Each of two items waits for the other, which only two threads can do. The time is a limit for
    /// a test that fails.
    #[test]
    fn items_are_shared_within_items() {
        let workers = Workers::new(2);
        let met = workers.install(|| {
            let ((to_b, from_a), (to_a, from_b)) = (channel(), channel());
            let (met, count) = channel();
            workers.for_each([(to_b, from_b), (to_a, from_a)], |(to, from)| {
                let met = met.clone();
                to.send(()).unwrap();
                met.send(from.recv_timeout(Duration::from_secs(60)).is_ok()).unwrap();
            });
            Ok(count.try_iter().collect::<Vec<_>>())
        });
        assert_eq!(met.unwrap(), [true, true]);
    }

    #[test]
    fn errors_and_panics_reach_the_caller() {
        for count in [1, 2] {
            let workers = Workers::new(count);
            let failed = workers.install(|| -> Result<()> {
                Err(crate::Error::new(crate::ErrorKind::Cancelled, "stop"))
            });
            assert_eq!(failed.unwrap_err().kind(), crate::ErrorKind::Cancelled);
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                workers.install(|| {
                    workers.for_each(0..4, |i| assert!(i != 2, "a panic that the test wants"));
                    Ok(())
                })
            }));
            assert!(panicked.is_err());
            workers.install(|| Ok(())).unwrap();
        }
    }
}
