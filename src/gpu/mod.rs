//! Scores on a GPU, by Vulkan, Metal or Direct3D 12, and in browsers by WebGPU.
//!
//! 1. [`adapters`] names the GPUs there are, the fastest first.
//! 2. [`ModelFiles::load_on_gpu`](crate::ModelFiles::load_on_gpu) puts a recognized model on one of
//!    them: its weights as they are stored, int8 as int8.
//! 3. [`Gpu::run`] gives the logits of pairs that a reranker has tokenized, or the vectors of an
//!    embedder's texts.
//!
//! Everything is asynchronous, because browsers are. Elsewhere [`block_on`] waits. Whatever goes
//! wrong is [`ErrorKind::GpuFailed`](crate::ErrorKind::GpuFailed), after which the same texts should
//! be scored on the CPU; an error of the device's own is final, and every later call fails too.
//!
//! # The plan
//!
//! The tokens of all sequences of a batch lie one after another, as on the CPU: nothing is padded.
//! A batch is one submission and one readback. Each layer is seven dispatches: queries, keys and
//! values; attention; its output, added to the states; norm; the intermediate layer with its GELU;
//! the output, added to the states; norm. Shaders are WGSL files in `shaders/`, of the portable
//! subset: at most 256 invocations and 16 KiB of memory a workgroup, four storage buffers, no
//! subgroups, and barriers in uniform control flow only.
//!
//! Activations are f32 and products of f32. With [`Precision::F16`] activations are f16, as are the
//! products of sixteen inputs and their sum, and everything else is f32. Activations are not
//! quantized, so that logits differ from the CPU's by what that costs there: up to 0.27 with the
//! bundled model on 1,000 pairs of TREC DL 2019, enough to change the order of close documents.
//!
//! # What it costs
//!
//! 100 documents of 128 tokens on the bundled model (6 layers, 384 elements, 12 heads) take 287
//! GFLOP: 272 in linear layers, 15 in attention. Dispatches move 26 times the states a layer: with the
//! embeddings 3.2 GB in f32 and 1.6 GB in f16, and 11 MB of weights a batch of 8192 tokens. That is 90
//! operations a byte in f32 and 180 in f16, more than what common GPUs balance (an integrated one with
//! 2 TFLOP/s and 60 GB/s 33, a discrete one with 20 TFLOP/s and 450 GB/s 44). Arithmetic bounds the
//! plan, then: by 0.14 s on the former and 14 ms on the latter, of which memory would take half. Tiles
//! of 64 tokens by 64 columns read 11 GB through the caches.

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
use shaders::{Commands, Compiler, Counts, Real};

pub use device::{Adapter, adapters};

/// The arithmetic of activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// 16 bits where the adapter has them, and 32 where it has not.
    #[default]
    Best,
    /// 16 bits; an adapter without them is refused.
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
    real: Real,
    /// Buffers that no batch is using.
    spare: Mutex<Option<Buffers>>,
    #[cfg(not(target_arch = "wasm32"))]
    turn: Mutex<()>,
}

impl Gpu {
    /// Compiles the steps and uploads the weights. `pooling` is for an encoder without a head.
    pub(crate) async fn load(
        encoder: &Encoder,
        pooling: Pooling,
        adapter: &Adapter,
        precision: Precision,
    ) -> Result<Gpu> {
        let real = match precision {
            Precision::F16 if !adapter.f16 => {
                return Err(device::failed(format!("{} has no 16-bit floats", adapter.name)));
            }
            Precision::Best if !adapter.f16 => Real::F32,
            Precision::F32 => Real::F32,
            Precision::F16 | Precision::Best => Real::F16,
        };
        let device = Device::open(adapter, real == Real::F16).await?;
        let sizes = Sizes::new(encoder, &device, real, adapter.software)?;
        let new_plan = || Plan::new(&mut Compiler::new(&device), encoder, pooling, real);
        let plan = device.guarded(new_plan).await?;
        let adapter = adapter.clone();
        Ok(Gpu {
            adapter,
            device,
            plan,
            sizes,
            real,
            spare: Mutex::new(None),
            #[cfg(not(target_arch = "wasm32"))]
            turn: Mutex::new(()),
        })
    }

    /// The GPU.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// The arithmetic that it chose: [`Precision::F16`] or [`Precision::F32`].
    pub fn precision(&self) -> Precision {
        match self.real {
            Real::F16 => Precision::F16,
            Real::F32 => Precision::F32,
        }
    }

    /// The most tokens of a batch.
    pub fn batch_tokens(&self) -> usize {
        self.sizes.tokens
    }

    /// What each sequence gives, one after another: its logit, or the elements of its vector. A
    /// long list is several batches, one after another. Outside of browsers the thread waits for the
    /// device.
    ///
    /// # Errors
    /// [`ErrorKind::GpuFailed`](crate::ErrorKind::GpuFailed) where the device fails, and
    /// [`ErrorKind::InvalidModel`](crate::ErrorKind::InvalidModel) where a sequence has a token that
    /// the model does not know.
    pub async fn run(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        let (mut left, mut outputs) = (sequences, Vec::new());
        while !left.is_empty() {
            let (batch, rest) = left.split_at(self.sizes.first_batch(left));
            outputs.extend(self.run_batch(batch).await?.0);
            left = rest;
        }
        Ok(outputs)
    }

    /// [`Gpu::run`] on threads, which take turns: a batch is work for the whole device, and has
    /// buffers of its own while it runs.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn run_in_turn(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        let _turn = lock(&self.turn);
        block_on(self.run(sequences))
    }

    /// Loses the device, as the reset of a driver does.
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
            return Err(failed("it gives what is not a number; one may be too large for f16"));
        }
        let of_each = rows.chunks_exact(width).flat_map(|row| &row[..self.plan.outputs]);
        Ok((of_each.copied().collect(), counts))
    }

    /// Gives a batch to the device; its outputs will be in `read`.
    fn submit(&self, batch: &Batch, before: Option<Buffers>) -> (Buffers, Counts) {
        let Gpu { device, plan, sizes, real, .. } = self;
        let buffers = Buffers::fit(before, device, sizes, *real, batch);
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

/// Waits for a call of this module. A panic of a driver becomes an error.
#[cfg(not(target_arch = "wasm32"))]
pub fn block_on<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    use crate::error::{ErrorKind, catch_panic};
    catch_panic(ErrorKind::GpuFailed, "the GPU's driver failed", || pollster::block_on(call))
}
