//! Computes sequences with a loaded model: in batches on all threads, or in small pieces.

mod incremental;
mod stop;
mod threads;

pub(crate) use incremental::{IncrementalRun, SequenceOutput};
pub(crate) use stop::{StopConditions, cancelled};
pub(crate) use threads::Runner;
