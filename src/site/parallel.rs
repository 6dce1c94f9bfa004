//! Work on several threads.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;

/// The results of `work` for each item, in the order of the items.
pub fn parallel<T: Send, R: Send>(
    threads: usize,
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let queue = Mutex::new(items.into_iter().enumerate());
    let worker = || -> Vec<(usize, R)> {
        let next = || queue.lock().ok()?.next();
        std::iter::from_fn(next).map(|(i, item)| (i, work(item))).collect()
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        let results = workers.into_iter().flat_map(|worker| match worker.join() {
            Ok(results) => results,
            Err(panic) => resume_unwind(panic),
        });
        results.collect()
    });
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}
