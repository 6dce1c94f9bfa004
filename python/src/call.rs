//! Calls of the library without the GIL, which signals and [`Cancellation`]s end.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::error::exception;

/// How long Ctrl-C may wait. Only the thread on which Python runs signal handlers can look for one, so
/// another one does the work.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// Ends a call that runs on another thread.
#[pyclass(frozen, module = "crossrank._native")]
#[derive(Default)]
pub struct Cancellation(AtomicBool);

#[pymethods]
impl Cancellation {
    #[new]
    fn new() -> Cancellation {
        Cancellation::default()
    }

    /// Ends the calls that have this cancellation. They raise `crossrank.Cancelled`.
    fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a call asks and tells the program meanwhile.
pub struct Hooks<'a> {
    stopped: AtomicBool,
    cancellation: Option<&'a Cancellation>,
    progress: Option<&'a Py<PyAny>>,
    /// What `progress` raised.
    raised: Mutex<Option<PyErr>>,
}

impl Hooks<'_> {
    pub fn is_cancelled(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
            || self.cancellation.is_some_and(|Cancellation(set)| set.load(Ordering::Relaxed))
    }

    pub fn progress(&self, done: usize) {
        let Some(progress) = self.progress else { return };
        if let Err(error) = Python::attach(|py| progress.call1(py, (done,))) {
            self.raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            self.stopped.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs `work`, which ends soon after a signal.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    cancellation: Option<&Cancellation>,
    work: impl FnOnce(&Hooks) -> crossrank::Result<T> + Send,
) -> PyResult<T> {
    let (stopped, raised) = (AtomicBool::new(false), Mutex::new(None));
    let hooks = Hooks { stopped, cancellation, progress, raised };
    let result = py.detach(|| {
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(1);
            let hooks = &hooks;
            let run = move || drop(sender.send(work(hooks)));
            let worker = thread::Builder::new().spawn_scoped(scope, run)?;
            let result = wait(&receiver);
            if result.is_err() {
                hooks.stopped.store(true, Ordering::Relaxed);
            }
            worker.join().map_or_else(|panic| resume_unwind(panic), |()| result)
        })
    });
    match hooks.raised.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => result?.map_err(|error| exception(&error)),
    }
}

/// Runs `work`, which goes on without its caller after a signal.
pub fn abandonable<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> crossrank::Result<T> + Send + 'static,
) -> PyResult<T> {
    let result = py.detach(|| {
        let (sender, receiver) = sync_channel(1);
        thread::Builder::new().spawn(move || drop(sender.send(work())))?;
        wait(&receiver)
    });
    result?.map_err(|error| exception(&error))
}

/// The result of another thread, unless a signal handler raises an exception before.
fn wait<T>(receiver: &Receiver<T>) -> PyResult<T> {
    loop {
        match receiver.recv_timeout(SIGNAL_INTERVAL) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => Python::attach(|py| py.check_signals())?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the call ended without a result"));
            }
        }
    }
}
