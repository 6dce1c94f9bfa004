//! The one interface of a loaded model, whichever of the three ways it runs.

use std::sync::Arc;

use super::workers::Workers;
use crate::batch::BATCH_TOKENS;
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::gpu::Gpu;
use crate::tokenizer::Encoding;

/// A loaded model, ready to compute. Many threads may share it.
pub(crate) trait Plan: Send + Sync {
    /// Starts a batch of sequences, which `workers` share. None of them may be empty.
    fn start(self: Arc<Self>, sequences: &[&Encoding], workers: Arc<Workers>) -> Box<dyn Run>;

    /// The name of the instruction set, such as `avx2`, or of the GPU's precision. `None` if the
    /// model runs on general operators.
    fn kernel(&self) -> Option<&'static str>;

    /// Why the model runs slower than it could, or unchecked, if it does.
    fn warning(&self) -> Option<&str> {
        None
    }

    /// The maximum number of tokens in a sequence, if the graph shows it.
    fn max_length(&self) -> Option<usize> {
        None
    }

    /// The maximum number of tokens of a batch.
    fn batch_tokens(&self) -> usize {
        BATCH_TOKENS
    }

    /// The GPU that computes, if one does.
    #[cfg(feature = "gpu")]
    fn gpu(&self) -> Option<&Gpu> {
        None
    }
}

/// A batch on its way through a model. It goes in steps, so that a thread that must not be held
/// for long can stop between them.
pub(crate) trait Run: Send + Sync {
    /// Computes one step. The last one returns what the model gives for each sequence, in order:
    /// one logit, or the elements of one vector. The result for a sequence does not depend on the
    /// others in the batch.
    fn step(&mut self) -> Result<Option<Vec<f32>>>;
}

/// Computes a whole batch. See [`Run::step`] for the result.
pub(crate) fn run(
    plan: &Arc<dyn Plan>,
    sequences: &[&Encoding],
    workers: &Arc<Workers>,
) -> Result<Vec<f32>> {
    let mut run = plan.clone().start(sequences, workers.clone());
    loop {
        if let Some(outputs) = run.step()? {
            return Ok(outputs);
        }
    }
}
