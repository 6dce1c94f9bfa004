//! A recognized encoder on a GPU.

use std::sync::Arc;

use super::encoder::reranker_or_embedder;
use super::plan::{Plan, Run};
use super::workers::Workers;
use crate::error::Result;
#[cfg(target_arch = "wasm32")]
use crate::error::{Error, ErrorKind};
use crate::gpu::{Adapter, Gpu, Precision};
use crate::model::{ModelFiles, Output, Pooling};
use crate::tokenizer::Encoding;

/// A batch, which the GPU computes in one step.
struct GpuRun {
    gpu: Arc<Gpu>,
    sequences: Vec<Encoding>,
}

impl Plan for Gpu {
    fn start(self: Arc<Self>, sequences: &[&Encoding], _: Arc<Workers>) -> Box<dyn Run> {
        Box::new(GpuRun { gpu: self, sequences: sequences.iter().copied().cloned().collect() })
    }

    fn kernel(&self) -> Option<&'static str> {
        Some(match self.precision() {
            Precision::F16 => "gpu-f16",
            _ => "gpu-f32",
        })
    }

    fn max_length(&self) -> Option<usize> {
        Some(Gpu::max_length(self))
    }

    fn batch_tokens(&self) -> usize {
        Gpu::batch_tokens(self)
    }

    fn gpu(&self) -> Option<&Gpu> {
        Some(self)
    }
}

impl Run for GpuRun {
    #[cfg(not(target_arch = "wasm32"))]
    fn step(&mut self) -> Result<Option<Vec<f32>>> {
        self.gpu.run_in_turn(&self.sequences.iter().collect::<Vec<_>>()).map(Some)
    }

    /// A thread of a browser cannot wait for a GPU.
    #[cfg(target_arch = "wasm32")]
    fn step(&mut self) -> Result<Option<Vec<f32>>> {
        let GpuRun { gpu, sequences } = self;
        let message = format!(
            "{} sequences are on {}, which is asynchronous in a browser; await `step_on_gpu`",
            sequences.len(),
            gpu.adapter()
        );
        Err(Error::new(ErrorKind::InvalidArgument, message))
    }
}

impl ModelFiles {
    /// Loads a recognized model onto a GPU: a reranker, or an embedder if the files say how it makes
    /// vectors.
    ///
    /// # Errors
    /// [`ErrorKind::GpuFailed`](crate::ErrorKind::GpuFailed) if the GPU has no room for the model
    /// or cannot be used,
    /// [`ErrorKind::UnsupportedModel`](crate::ErrorKind::UnsupportedModel) if the graph is not an
    /// encoder that this library recognizes, and
    /// [`ErrorKind::InvalidModel`](crate::ErrorKind::InvalidModel) if it is damaged.
    pub async fn load_on_gpu(&self, adapter: &Adapter, precision: Precision) -> Result<Gpu> {
        let (config, encoder) = reranker_or_embedder(self)?;
        let pooling = match config.output {
            Output::Embedding(pooling) => pooling,
            Output::Logit => Pooling::First,
        };
        Gpu::load(&encoder, pooling, adapter, precision).await
    }
}
