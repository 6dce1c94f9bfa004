//! Buffers that are used again.

use std::sync::{Mutex, PoisonError};

/// Buffers that nobody uses at the moment. Each batch would otherwise take memory from the system, which
/// clears every page of it first: a tenth of the time of a batch.
#[derive(Default)]
pub(super) struct Spares<T>(Mutex<Vec<T>>);

impl<T: Default> Spares<T> {
    pub fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub fn give(&self, buffers: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
    }

    pub fn lend<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut buffers = self.take();
        let result = work(&mut buffers);
        self.give(buffers);
        result
    }

    /// Gives their memory back to the system.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
