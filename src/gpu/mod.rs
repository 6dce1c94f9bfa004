//! Computes on a GPU, through Vulkan, Metal or Direct3D 12, and in browsers through WebGPU.
//!
//! 1. [`adapters`] lists the GPUs, the fastest first.
//! 2. [`ModelFiles::load_on_gpu`](crate::ModelFiles::load_on_gpu) loads a recognized model onto one of
//!    them, with its weights as they are stored: int8 stays int8.
//! 3. [`Gpu::run`] computes the logits of pairs that a reranker has tokenized, or the vectors of texts
//!    that an embedder has tokenized.
//!
//! Everything is asynchronous, because browsers are. Elsewhere [`block_on`] waits. Every failure is
//! an [`ErrorKind::GpuFailed`](crate::ErrorKind::GpuFailed), after which the same texts should be
//! scored on the CPU. A failure of the device itself is final: every later call fails too.
//!
//! # The plan
//!
//! The tokens of all sequences of a batch lie one after another, as on the CPU: nothing is padded.
//! A batch is one submission and one readback. Each layer is seven dispatches: queries, keys and
//! values; attention; its output, added to the states; norm; the intermediate layer with its GELU;
//! the output, added to the states; norm. The shaders in `shaders/` are WGSL, in the portable subset:
//! at most 256 invocations and 16 KiB of memory in a workgroup, four storage buffers, no subgroups,
//! and barriers in uniform control flow only.
//!
//! Activations and products are f32. With [`Precision::F16`], activations are f16, as are products of
//! sixteen inputs and their sum, and everything else is f32. Activations are not quantized, unlike on
//! the CPU, so logits differ from those of the CPU: by up to 0.27 with the bundled model on 1,000
//! pairs of TREC DL 2019, which is enough to change the order of close documents.
//!
//! # What it costs
//!
//! 100 documents of 128 tokens on the bundled model (6 layers, 384 elements, 12 heads) take 287
//! GFLOP: 272 in linear layers, 15 in attention. In each layer the dispatches move 26 times the bytes
//! of the states. With the embeddings this is 3.2 GB in f32 and 1.6 GB in f16, and there are 11 MB of
//! weights for each batch of 8192 tokens. That is 90 operations per byte in f32 and 180 in f16. Common
//! GPUs balance fewer: 33 for an integrated one with 2 TFLOP/s and 60 GB/s, 44 for a discrete one with
//! 20 TFLOP/s and 450 GB/s. So arithmetic bounds the plan, to 0.14 s on the former and 14 ms on the
//! latter; memory would take half as long. Tiles of 64 tokens by 64 columns read 11 GB through the
//! caches.

mod batch;
mod device;
mod pack;
mod plan;
mod shaders;
mod steps;
#[cfg(test)]
mod tests;

use std::sync::Mutex;

use crate::error::Result;
use crate::model::{Encoder, Pooling};
use crate::tokenizer::Encoding;

use batch::{Batch, Buffers, Sizes};
use device::{Device, failed, lock};
use plan::Plan;
use shaders::{Commands, Compiler, Counts, FloatType};

pub use device::{Adapter, adapters};

/// The arithmetic of activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// 16 bits if the adapter has them, otherwise 32.
    #[default]
    Best,
    /// 16 bits. An adapter without them is refused.
    F16,
    /// 32 bits.
    F32,
}

/// A model on a GPU. Many threads may share it.
pub struct Gpu {
    adapter: Adapter,
    device: Device,
    plan: Plan,
    sizes: Sizes,
    float: FloatType,
    /// Buffers that no batch uses at the moment.
    spare: Mutex<Option<Buffers>>,
    /// Held by the thread whose batch is on the device.
    #[cfg(not(target_arch = "wasm32"))]
    turn: Mutex<()>,
}

impl Gpu {
    /// Compiles the shaders and uploads the weights. `pooling` is for an encoder without a head.
    pub(crate) async fn load(
        encoder: &Encoder,
        pooling: Pooling,
        adapter: &Adapter,
        precision: Precision,
    ) -> Result<Gpu> {
        let float = match precision {
            Precision::F16 if !adapter.f16 => {
                return Err(device::failed(format!("{} has no 16-bit floats", adapter.name)));
            }
            Precision::Best if !adapter.f16 => FloatType::F32,
            Precision::F32 => FloatType::F32,
            Precision::F16 | Precision::Best => FloatType::F16,
        };
        let device = Device::open(adapter, float == FloatType::F16).await?;
        let sizes = Sizes::new(encoder, &device, float, adapter.software)?;
        let new_plan = || Plan::new(&mut Compiler::new(&device), encoder, pooling, float);
        let plan = device.guarded(new_plan).await?;
        let adapter = adapter.clone();
        Ok(Gpu {
            adapter,
            device,
            plan,
            sizes,
            float,
            spare: Mutex::new(None),
            #[cfg(not(target_arch = "wasm32"))]
            turn: Mutex::new(()),
        })
    }

    /// The GPU that computes.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// The arithmetic that it chose: [`Precision::F16`] or [`Precision::F32`].
    pub fn precision(&self) -> Precision {
        match self.float {
            FloatType::F16 => Precision::F16,
            FloatType::F32 => Precision::F32,
        }
    }

    /// The maximum number of tokens in a sequence.
    pub(crate) fn max_length(&self) -> usize {
        self.sizes.position_rows.saturating_sub(self.sizes.position_scheme.reserved())
    }

    /// The maximum number of tokens of a batch.
    pub fn batch_tokens(&self) -> usize {
        self.sizes.tokens
    }

    /// The outputs of all sequences, one after another: one logit, or the elements of one vector for
    /// each. A long list is computed in several batches. Outside of browsers the thread waits for the
    /// device.
    ///
    /// # Errors
    /// [`ErrorKind::GpuFailed`](crate::ErrorKind::GpuFailed) if the device fails, and
    /// [`ErrorKind::InvalidModel`](crate::ErrorKind::InvalidModel) if a sequence has a token that the
    /// model does not have.
    pub async fn run(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        let (mut left, mut outputs) = (sequences, Vec::new());
        while !left.is_empty() {
            let (batch, rest) = left.split_at(self.sizes.first_batch(left));
            outputs.extend(self.run_batch(batch).await?.0);
            left = rest;
        }
        Ok(outputs)
    }

    /// [`Gpu::run`] for several threads, which take turns. A batch keeps the whole device busy, and
    /// the threads can use the same buffers.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn run_in_turn(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        let _turn = lock(&self.turn);
        block_on(self.run(sequences))
    }

    /// Loses the device, as when its driver is reset.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.device.inner.destroy();
    }

    async fn run_batch(&self, sequences: &[&Encoding]) -> Result<(Vec<f32>, Counts)> {
        self.device.check()?;
        let batch = Batch::new(&self.sizes, sequences)?;
        let before = lock(&self.spare).take();
        let commands = || self.submit(&batch, before);
        let (buffers, mut counts) = self.device.guarded(commands).await?;
        let width = self.plan.output_width();
        let bytes = 4 * (width * sequences.len()) as u64;
        let rows = self.device.read(&buffers.read, bytes).await?;
        counts.readbacks += 1;
        *lock(&self.spare) = Some(buffers);
        if rows.iter().any(|value| !value.is_finite()) {
            return Err(failed(
                "it gives numbers that are not finite; some may be too large for f16",
            ));
        }
        let of_each = rows.chunks_exact(width).flat_map(|row| &row[..self.plan.outputs]);
        Ok((of_each.copied().collect(), counts))
    }

    /// Submits a batch to the device. Its outputs will be in `read`.
    fn submit(&self, batch: &Batch, before: Option<Buffers>) -> (Buffers, Counts) {
        let Gpu { device, plan, sizes, float, .. } = self;
        let buffers = Buffers::fit(before, device, sizes, *float, batch);
        batch.upload(device, &buffers);
        let mut encoder = device.inner.create_command_encoder(&Default::default());
        let mut commands = Commands::new(device, &mut encoder);
        let outputs = plan.record(&mut commands, batch, &buffers);
        let mut counts = commands.end();
        let bytes = 4 * (plan.output_width() * batch.sequences.len()) as u64;
        encoder.copy_buffer_to_buffer(outputs, 0, &buffers.read, 0, bytes);
        device.queue.submit([encoder.finish()]);
        counts.submissions += 1;
        (buffers, counts)
    }
}

/// Waits for an asynchronous call of this module. A panic of a driver becomes an error.
#[cfg(not(target_arch = "wasm32"))]
pub fn block_on<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    use crate::error::{ErrorKind, catch_panic};
    catch_panic(ErrorKind::GpuFailed, "the GPU's driver failed", || pollster::block_on(call))
}
