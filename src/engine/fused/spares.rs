//! Buffers that are used again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::engine::workers::process_id;

/// Buffers that nobody uses at the moment. Each batch would otherwise take memory from the system, which
/// clears every page of it first: a tenth of the time of a batch.
///
/// In a process that was forked while another thread had the lock, nobody gives it back. There, no one
/// waits for it, and there are no buffers.
pub(super) struct Spares<T> {
    buffers: Mutex<Vec<T>>,
    /// The process in which each lock is given back.
    process: AtomicU32,
}

impl<T> Default for Spares<T> {
    fn default() -> Spares<T> {
        Spares { buffers: Mutex::default(), process: AtomicU32::new(process_id()) }
    }
}

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
        let process = process_id();
        if self.process.load(Ordering::Relaxed) == process {
            return Some(self.buffers.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let lock = match self.buffers.try_lock() {
            Ok(lock) => lock,
            Err(TryLockError::Poisoned(lock)) => lock.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.process.store(process, Ordering::Relaxed);
        Some(lock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_the_parent_process_stops_nobody() {
        let spares = Spares::<Vec<u8>>::default();
        spares.give(vec![1]);
        spares.process.store(process_id() + 1, Ordering::Relaxed);
        let held = spares.buffers.lock().unwrap();
        assert_eq!(spares.take(), Vec::<u8>::new());
        spares.give(vec![2]);
        spares.clear();
        drop(held);
        assert_eq!(spares.take(), [1]);
        assert_eq!(spares.process.load(Ordering::Relaxed), process_id());
        assert_eq!(spares.take(), Vec::<u8>::new());
    }

    /// A buffer that is made although one is there would stay beside it.
    #[test]
    fn there_are_at_most_as_many_buffers_as_threads() {
        let spares = Spares::<Vec<u8>>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..20_000).for_each(|_| spares.lend(|_| ())));
            }
        });
        assert!(spares.buffers.into_inner().unwrap().len() <= 4);
    }
}
