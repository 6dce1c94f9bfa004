//! A loaded graph at work: sequences in batches, by all threads or in small pieces.

mod incremental;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::batch::{self, BATCH_TOKENS, Order};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "gpu")]
use crate::gpu::Gpu;
use crate::model::{Config, ModelFiles};
use crate::tokenizer::Encoding;

pub(crate) use incremental::{IncrementalRun, Read};

/// A graph, and the threads that share its work.
pub(crate) struct Runner {
    pub engine: Engine,
    threads: usize,
}

/// What ends a call early.
#[derive(Clone, Copy, Default)]
pub(crate) struct StopConditions<'a> {
    /// Asked from several threads at once; the call then fails.
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// The call then gives what there is.
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

impl Runner {
    /// Loads a graph. `threads`: `None` is one a core; WebAssembly has always one.
    pub fn load(files: ModelFiles, config: &Config, threads: Option<usize>) -> Result<Runner> {
        let threads = match threads {
            Some(0) => {
                let message = "threads must be at least 1";
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
            _ if cfg!(target_arch = "wasm32") => 1,
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, |n| n.get()),
        };
        Ok(Runner { engine: Engine::load(files, config)?, threads })
    }

    /// A model that is on a GPU, which one thread keeps busy.
    #[cfg(feature = "gpu")]
    pub fn on_gpu(gpu: Gpu, config: &Config) -> Runner {
        Runner { engine: Engine::on_gpu(gpu, config), threads: 1 }
    }

    /// The most tokens of a batch.
    pub fn batch_tokens(&self) -> usize {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = self.engine.gpu() {
            return gpu.batch_tokens();
        }
        BATCH_TOKENS
    }

    /// What `each` makes of a sequence's output, for every sequence, by all threads; `None` for
    /// those that the deadline came before. `done` is told of each batch.
    pub fn run<T: Send>(
        &self,
        sequences: &[Encoding],
        halt: StopConditions,
        each: impl Fn(&[f32]) -> T + Sync,
        done: &(dyn Fn(&[usize]) + Sync),
    ) -> Result<Vec<Option<T>>> {
        // What a deadline leaves out should be the first stage's last.
        let order = match halt.deadline {
            None => Order::LongestFirst,
            Some(_) => Order::Given,
        };
        let batches = batch::plan(sequences, order, self.threads, self.batch_tokens());
        let next = AtomicUsize::new(0);
        // Every thread takes the next batch until none is left.
        let work = || -> Result<Vec<(usize, T)>> {
            let mut outputs = Vec::new();
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                let members: Vec<&Encoding> = batch.iter().map(|&i| &sequences[i]).collect();
                let Some(of_batch) = self.run_batch(&members, halt)? else { break };
                let of_each = of_batch.chunks(of_batch.len() / batch.len()).map(&each);
                outputs.extend(batch.iter().copied().zip(of_each));
                done(batch);
            }
            Ok(outputs)
        };
        let helpers = self.threads.min(batches.len()).saturating_sub(1);
        let shares: Vec<Result<Vec<(usize, T)>>> = std::thread::scope(|scope| {
            let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = helpers.into_iter().map(|h| h.join().expect("engine calls catch panics"));
            std::iter::once(own).chain(joined).collect()
        });

        let mut outputs: Vec<Option<T>> = sequences.iter().map(|_| None).collect();
        for share in shares {
            for (index, output) in share? {
                outputs[index] = Some(output);
            }
        }
        Ok(outputs)
    }

    /// The outputs of a batch, unless the deadline comes before.
    fn run_batch(&self, sequences: &[&Encoding], halt: StopConditions) -> Result<Option<Vec<f32>>> {
        let mut run = self.engine.start(sequences);
        loop {
            if halt.is_cancelled() {
                return Err(cancelled());
            }
            if halt.is_late() {
                return Ok(None);
            }
            if let Some(outputs) = self.engine.step(&mut run)? {
                return Ok(Some(outputs));
            }
        }
    }
}

/// The most tokens in a sequence: what the model reads, or what the caller wants of it.
pub(crate) fn max_length(model: usize, wanted: Option<usize>) -> Result<usize> {
    match wanted {
        Some(wanted) if wanted > model => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("max_length is {wanted}, and the model reads at most {model} tokens"),
        )),
        _ => Ok(wanted.unwrap_or(model)),
    }
}

pub(crate) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the call was cancelled")
}
