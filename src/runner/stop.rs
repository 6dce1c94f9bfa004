//! What ends a call early.

use std::time::Instant;

use crate::error::{Error, ErrorKind};

/// The conditions that end a call early.
#[derive(Clone, Copy, Default)]
pub(crate) struct StopConditions<'a> {
    /// Called from several threads at once. If it returns true, the call fails.
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// From this moment on the call returns what it has.
    pub deadline: Option<Instant>,
}

impl StopConditions<'_> {
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_some_and(|cancelled| cancelled())
    }

    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

pub(crate) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the call was cancelled")
}
