//! The batches of a call, shared by threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::stop::{StopConditions, cancelled};
use crate::batch::{self, Order};
use crate::engine::{self, Plan, Run, Workers};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "gpu")]
use crate::gpu::Gpu;
use crate::model::{Config, ModelFiles};
use crate::tokenizer::Encoding;

/// A loaded model, and the number of threads that share its work.
pub(crate) struct Runner {
    plan: Arc<dyn Plan>,
    workers: Arc<Workers>,
}

impl Runner {
    /// Loads a model on the CPU. `threads`: `None` means one for each core. In WebAssembly there
    /// is always one. `kernel`: see [`engine::load`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for 0 threads, and those of [`engine::load`].
    pub fn load(
        files: ModelFiles,
        config: &Config,
        threads: Option<usize>,
        kernel: Option<&str>,
    ) -> Result<Runner> {
        let threads = match threads {
            Some(0) => {
                let message = "threads must be at least 1";
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
            _ if cfg!(target_arch = "wasm32") => 1,
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, |n| n.get()),
        };
        let plan = engine::load(files, config, kernel)?;
        Ok(Runner { plan, workers: Arc::new(Workers::new(threads)) })
    }

    /// A model on a GPU, which one thread keeps busy.
    #[cfg(feature = "gpu")]
    pub fn on_gpu(gpu: Gpu) -> Runner {
        Runner { plan: Arc::new(gpu), workers: Arc::new(Workers::new(1)) }
    }

    /// The maximum number of tokens in a sequence: `requested`, or what the model reads.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if more are requested than the model reads.
    pub fn max_length(&self, config: &Config, requested: Option<usize>) -> Result<usize> {
        let shown = self.plan.max_length().map(|rows| rows.min(config.max_positions));
        let model = shown.unwrap_or(config.max_length);
        match requested {
            Some(requested) if requested > model => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("max_length is {requested}, and the model reads at most {model} tokens"),
            )),
            _ => Ok(requested.unwrap_or(model)),
        }
    }

    /// The loaded model.
    pub fn plan(&self) -> &Arc<dyn Plan> {
        &self.plan
    }

    /// The maximum number of tokens of a batch.
    pub fn batch_tokens(&self) -> usize {
        self.plan.batch_tokens()
    }

    /// The number of threads that share the work of a call.
    #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
    pub fn threads(&self) -> usize {
        self.workers.count()
    }

    /// Starts a batch.
    pub fn start(&self, sequences: &[&Encoding]) -> Box<dyn Run> {
        self.plan.clone().start(sequences, self.workers.clone())
    }

    /// The outputs of one batch, one after another, to which threads without work contribute. See
    /// [`engine::Run::step`].
    pub fn run_batch(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        engine::run(&self.plan, sequences, &self.workers)
    }

    /// [`Runner::run_batch`], which waits for a GPU without holding the thread.
    #[cfg(feature = "gpu")]
    pub async fn run_batch_async(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        match self.plan.gpu() {
            Some(gpu) => gpu.run(sequences).await,
            None => self.run_batch(sequences),
        }
    }

    /// What `each` makes of the output of each sequence, in order. All threads share the work. The
    /// result is `None` for sequences that were not computed by the deadline. `done` is called
    /// with the indices of each batch once it is computed.
    pub fn run<T: Send>(
        &self,
        sequences: &[Encoding],
        stop: StopConditions,
        each: impl Fn(&[f32]) -> T + Sync,
        done: &(dyn Fn(&[usize]) + Sync),
    ) -> Result<Vec<Option<T>>> {
        // A deadline should leave out the documents that the first stage put last.
        let order = match stop.deadline {
            None => Order::LongestFirst,
            Some(_) => Order::Given,
        };
        let batches = batch::plan(sequences, order, self.workers.count(), self.batch_tokens());
        let next = AtomicUsize::new(0);
        let shares = Mutex::new(Vec::new());
        // Every thread takes the next batch until none is left, and then shares in those of others.
        let work = |_| {
            let mut outputs = Vec::new();
            let mut work = || -> Result<()> {
                while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let members: Vec<&Encoding> = batch.iter().map(|&i| &sequences[i]).collect();
                    let Some(of_batch) = self.run_batch_until(&members, stop)? else { break };
                    let of_each = of_batch.chunks(of_batch.len() / batch.len()).map(&each);
                    outputs.extend(batch.iter().copied().zip(of_each));
                    done(batch);
                }
                Ok(())
            };
            let share = work().map(|()| outputs);
            shares.lock().unwrap_or_else(PoisonError::into_inner).push(share);
        };
        let threads = self.workers.count().min(batches.len());
        self.workers.install(|| {
            self.workers.for_each(0..threads, work);
            Ok(())
        })?;

        let mut outputs: Vec<Option<T>> = sequences.iter().map(|_| None).collect();
        for share in shares.into_inner().unwrap_or_else(PoisonError::into_inner) {
            for (index, output) in share? {
                outputs[index] = Some(output);
            }
        }
        Ok(outputs)
    }

    /// The outputs of a batch, or `None` once the deadline has passed.
    fn run_batch_until(
        &self,
        sequences: &[&Encoding],
        stop: StopConditions,
    ) -> Result<Option<Vec<f32>>> {
        let mut run = self.start(sequences);
        loop {
            if stop.is_cancelled() {
                return Err(cancelled());
            }
            if stop.is_late() {
                return Ok(None);
            }
            if let Some(outputs) = run.step()? {
                return Ok(Some(outputs));
            }
        }
    }
}
