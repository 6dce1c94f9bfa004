//! Buffers that are used again.

use std::sync::{Mutex, MutexGuard, TryLockError};

/// Buffers that nobody uses at the moment. Each batch would otherwise take memory from the system, which
/// clears every page of it first: a tenth of the time of a batch.
///
/// Nobody waits for the lock, but does without the buffers. In a process that was forked while another
/// thread had the lock, no one gives it back.
#[derive(Default)]
pub(super) struct Spares<T>(Mutex<Vec<T>>);

impl<T: Default> Spares<T> {
    pub fn take(&self) -> T {
        self.lock().and_then(|mut spares| spares.pop()).unwrap_or_default()
    }

    pub fn give(&self, buffers: T) {
        if let Some(mut spares) = self.lock() {
            spares.push(buffers);
        }
    }

    pub fn lend<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut buffers = self.take();
        let result = work(&mut buffers);
        self.give(buffers);
        result
    }

    /// Gives their memory back to the system.
    pub fn clear(&self) {
        if let Some(mut spares) = self.lock() {
            spares.clear();
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, Vec<T>>> {
        match self.0.try_lock() {
            Ok(spares) => Some(spares),
            Err(TryLockError::Poisoned(spares)) => Some(spares.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_nobody_gives_back_stops_nobody() {
        let spares = Spares::<Vec<u8>>::default();
        spares.give(vec![1]);
        let held = spares.0.lock().unwrap();
        assert!(spares.take().is_empty());
        spares.give(vec![2]);
        spares.clear();
        drop(held);
        assert_eq!(spares.take(), [1]);
        assert!(spares.take().is_empty());
    }
}
