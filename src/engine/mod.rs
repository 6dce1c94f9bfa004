//! Runs a model's graph.
//!
//! An ONNX graph that has rules (`onnx`) runs on the crate's own kernels (`fused`), or where it is
//! told to, on a GPU. Any other runs on tract's operators (`general`), slower, and says so; a build
//! without the feature `general` refuses it.

mod fused;
mod onnx;
mod pool;
#[cfg(test)]
mod tests;
#[cfg(feature = "general")]
mod tract;

#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeSet;
use std::io::{self, Cursor, Seek, Write};

use anyhow::Result as AnyResult;
#[cfg(any(feature = "general", feature = "gpu"))]
use anyhow::bail;
use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result, catch_panic, one_line};
#[cfg(feature = "gpu")]
use crate::gpu::{Adapter, Gpu, Precision};
use crate::kernels::Kernel;
#[cfg(feature = "gpu")]
use crate::model::Pooling;
use crate::model::{Config, Encoder, ModelFiles, Output, prepared};
use crate::tokenizer::Encoding;

/// A loaded graph, ready to read sequences of tokens. Many threads may share it.
pub(crate) struct Engine {
    plan: Plan,
    output: Output,
    /// Why the graph runs on tract's own operators, where it does.
    pub warning: Option<String>,
}

enum Plan {
    Fused(Box<fused::Fused>),
    #[cfg(feature = "general")]
    Tract(tract::Tract),
    #[cfg(feature = "gpu")]
    Gpu(Box<Gpu>),
}

/// A batch that is being read, see [`Engine::start`].
pub(crate) struct Run(State);

enum State {
    Fused(Box<fused::Run>),
    /// The sequences that are left, the next one last, and what the others gave.
    #[cfg(feature = "general")]
    Tract(Vec<Encoding>, Vec<f32>),
    #[cfg(feature = "gpu")]
    Gpu(Vec<Encoding>),
}

impl Engine {
    /// Loads a prepared model, or an ONNX graph that reads `input_ids`, `attention_mask` and `token_type_ids` of
    /// `[batch, length]` and gives one logit a sequence, `[batch, 1]`, or the states of its
    /// tokens, `[batch, length, hidden]`.
    ///
    /// Tables are read where they lie in the file, and matrices until they are packed, one after
    /// another.
    pub fn load(files: ModelFiles, config: &Config) -> Result<Engine> {
        Engine::load_for(files, config, Kernel::best())
    }

    fn load_for(files: ModelFiles, config: &Config, kernel: Kernel) -> Result<Engine> {
        let ModelFiles { onnx, external, .. } = files;
        let fused = |encoder| {
            let fused = guarded(DAMAGED, || Ok(fused::Fused::new(encoder, kernel)))?;
            let (plan, output) = (Plan::Fused(Box::new(fused)), config.output.clone());
            Ok(Engine { plan, output, warning: None })
        };
        if prepared::is_prepared(&onnx) {
            let encoder = prepared_encoder(&onnx, config)?;
            drop(onnx);
            return fused(encoder);
        }
        let graph = guarded(DAMAGED, || onnx::Onnx::parse(onnx.clone(), &external))?;
        let reason = match guarded(DAMAGED, || Ok(graph.recognize(config)))? {
            Ok(encoder) => {
                drop((graph, onnx, external));
                return fused(encoder);
            }
            Err(reason) => one_line(&format!("{reason:#}")),
        };
        if let Some(operator) = graph.operator_of_onnx_runtime() {
            return Err(Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "the graph has ONNX Runtime's own operator {operator}; export it without \
                     ONNX Runtime's optimizations"
                ),
            ));
        }
        #[cfg(feature = "general")]
        {
            let general = guarded(DAMAGED, || {
                let (inputs, output) = graph.ends(config)?;
                tract::Tract::new(onnx, external, &inputs, output)
            })?;
            let warning = format!("the model runs on slower, general operators ({reason})");
            let output = config.output.clone();
            Ok(Engine { plan: Plan::Tract(general), output, warning: Some(warning) })
        }
        #[cfg(not(feature = "general"))]
        Err(Error::new(
            ErrorKind::NeedsGeneral,
            format!(
                "the graph is none of the encoders that this build runs ({reason}); build with the \
                 feature general"
            ),
        ))
    }

    /// A model that is on a GPU.
    #[cfg(feature = "gpu")]
    pub fn on_gpu(gpu: Gpu, config: &Config) -> Engine {
        Engine { plan: Plan::Gpu(Box::new(gpu)), output: config.output.clone(), warning: None }
    }

    /// The GPU that computes, where one does.
    #[cfg(feature = "gpu")]
    pub fn gpu(&self) -> Option<&Gpu> {
        match &self.plan {
            Plan::Gpu(gpu) => Some(gpu),
            _ => None,
        }
    }

    /// The name of what computes, where the graph is recognized.
    pub fn kernel(&self) -> Option<&'static str> {
        match &self.plan {
            Plan::Fused(fused) => Some(fused.kernel.name()),
            #[cfg(feature = "general")]
            Plan::Tract(_) => None,
            #[cfg(feature = "gpu")]
            Plan::Gpu(gpu) => Some(match gpu.precision() {
                Precision::F16 => "gpu-f16",
                _ => "gpu-f32",
            }),
        }
    }

    /// What each sequence gives, one after another: its logit, or the elements of its vector. It
    /// does not depend on the other sequences.
    pub fn run(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        self.finish(&mut self.start(sequences))
    }

    fn finish(&self, run: &mut Run) -> Result<Vec<f32>> {
        loop {
            if let Some(outputs) = self.step(run)? {
                return Ok(outputs);
            }
        }
    }

    /// Begins to read a batch, of which [`Engine::step`] does a piece at a time.
    pub fn start(&self, sequences: &[&Encoding]) -> Run {
        Run(match &self.plan {
            Plan::Fused(fused) => State::Fused(Box::new(fused.start(sequences))),
            #[cfg(feature = "general")]
            Plan::Tract(_) => {
                let left = sequences.iter().rev().map(|&sequence| sequence.clone()).collect();
                State::Tract(left, Vec::new())
            }
            #[cfg(feature = "gpu")]
            Plan::Gpu(_) => State::Gpu(sequences.iter().copied().cloned().collect()),
        })
    }

    /// One layer of a fused plan, one sequence of a general one, or all that a GPU does. The last
    /// step gives what [`Engine::run`] does. In a browser a GPU takes [`Engine::wait`].
    pub fn step(&self, run: &mut Run) -> Result<Option<Vec<f32>>> {
        #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
        if let (Plan::Gpu(gpu), State::Gpu(sequences)) = (&self.plan, &run.0) {
            return gpu.run_in_turn(&sequences.iter().collect::<Vec<_>>()).map(Some);
        }
        guarded("the model failed on a text", || match (&self.plan, &mut run.0) {
            (Plan::Fused(fused), State::Fused(run)) => Ok(match (fused.step(run)?, &self.output) {
                (Some(states), Output::Embedding(pooling)) => {
                    Some(pool::pool_each(*pooling, &states, run.offsets()))
                }
                (outputs, _) => outputs,
            }),
            #[cfg(feature = "general")]
            (Plan::Tract(general), State::Tract(left, outputs)) => {
                if let Some(sequence) = left.pop() {
                    let (shape, values) = general.run(&sequence)?;
                    match (&self.output, &shape[..]) {
                        (Output::Logit, _) if values.len() == 1 => outputs.extend(values),
                        (Output::Embedding(pooling), [1, tokens, width]) if tokens * width > 0 => {
                            outputs.extend(pool::pool_each(*pooling, &values, &[0, *tokens]));
                        }
                        (Output::Logit, _) => {
                            bail!("it gives {shape:?} values for a pair, not one logit")
                        }
                        (Output::Embedding(_), _) => {
                            bail!("it gives {shape:?} values for a text, not a state a token")
                        }
                    }
                }
                Ok(left.is_empty().then(|| std::mem::take(outputs)))
            }
            #[cfg(any(feature = "general", feature = "gpu"))]
            _ => bail!("it was begun by another model"),
        })
    }

    /// All that is left of a batch, for whom the thread need not wait where a GPU computes.
    #[cfg(feature = "gpu")]
    pub async fn wait(&self, run: &mut Run) -> Result<Vec<f32>> {
        if let (Plan::Gpu(gpu), State::Gpu(sequences)) = (&self.plan, &run.0) {
            return gpu.run(&sequences.iter().collect::<Vec<_>>()).await;
        }
        self.finish(run)
    }
}

const DAMAGED: &str = "the ONNX file is damaged or not a text encoder";

fn prepared_encoder(file: &Bytes, config: &Config) -> Result<Encoder> {
    let mut encoder = prepared::encoder(file, config)?;
    if let Output::Embedding(_) = config.output {
        // As of an ONNX file, whose states are asked for.
        encoder.head.clear();
    }
    encoder.check().and_then(|()| encoder.check_config(config)).map_err(|e| {
        Error::new(ErrorKind::InvalidModel, format!("the prepared model does not fit itself ({e})"))
    })?;
    Ok(encoder)
}

/// The names of the files beside a graph that hold its weights, none of them outside its folder.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn external_names(onnx: &Bytes) -> Result<BTreeSet<String>> {
    guarded(DAMAGED, || onnx::Onnx::external_names(onnx.clone()))
}

/// The encoder in a model's files, which is read where it is stored.
///
/// # Errors
/// [`ErrorKind::UnsupportedModel`] where the graph is no encoder that this library recognizes,
/// [`ErrorKind::InvalidModel`] where it is damaged.
pub(crate) fn encoder(files: &ModelFiles, config: &Config) -> Result<Encoder> {
    if prepared::is_prepared(&files.onnx) {
        return prepared_encoder(&files.onnx, config);
    }
    let graph = guarded(DAMAGED, || onnx::Onnx::parse(files.onnx.clone(), &files.external))?;
    guarded(DAMAGED, || Ok(graph.recognize(config)))?.map_err(|reason| {
        Error::new(
            ErrorKind::UnsupportedModel,
            format!(
                "the graph cannot be prepared, for it is no encoder that is known ({})",
                one_line(&format!("{reason:#}"))
            ),
        )
    })
}

/// What an encoder gives for each sequence, as [`Engine::run`], in little memory.
pub(crate) fn run_once(
    encoder: Encoder,
    output: &Output,
    sequences: &[&Encoding],
) -> Result<Vec<f32>> {
    let lengths = sequences.iter().map(|sequence| sequence.ids.len());
    let ends = lengths.scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    let offsets: Vec<usize> = std::iter::once(0).chain(ends).collect();
    guarded("the model failed on a text", || {
        let outputs = fused::Fused::once(encoder, Kernel::best(), sequences)?;
        Ok(match output {
            Output::Logit => outputs,
            Output::Embedding(pooling) => pool::pool_each(*pooling, &outputs, &offsets),
        })
    })
}

#[cfg(feature = "gpu")]
impl ModelFiles {
    /// Puts a recognized model on a GPU: a reranker, or an embedder where its files say how it makes
    /// vectors.
    ///
    /// # Errors
    /// [`ErrorKind::GpuFailed`] where the GPU has no room for the model or cannot be used,
    /// [`ErrorKind::UnsupportedModel`] where the graph is no encoder that this library recognizes,
    /// [`ErrorKind::InvalidModel`] where it is damaged.
    pub async fn load_on_gpu(&self, adapter: &Adapter, precision: Precision) -> Result<Gpu> {
        let config = Config::reranker_or_embedder(self)?;
        let encoder = encoder(self, &config)?;
        let pooling = match config.output {
            Output::Embedding(pooling) => pooling,
            Output::Logit => Pooling::First,
        };
        Gpu::load(&encoder, pooling, adapter, precision).await
    }
}

impl ModelFiles {
    /// The model as one file, which holds the numbers of the ONNX file as they are and is checked
    /// when it is loaded; scores have the same bits. See the file's format in the source of `model::prepared`.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] where the graph is no encoder that this library recognizes,
    /// [`ErrorKind::InvalidModel`] where it is damaged.
    pub fn prepare(&self) -> Result<Vec<u8>> {
        let mut file = Cursor::new(Vec::new());
        self.prepare_to(&mut file)?;
        Ok(file.into_inner())
    }

    /// [`ModelFiles::prepare`] to a file, or wherever `out` stands, with a part of the weights in
    /// memory at a time.
    ///
    /// # Errors
    /// As [`ModelFiles::prepare`], and [`ErrorKind::Io`] where it cannot be written.
    pub fn prepare_to(&self, out: impl Write + Seek) -> Result<()> {
        let config = Config::reranker_or_embedder(self)?;
        let encoder = encoder(self, &config)?;
        prepared::write(&encoder, self, out).map_err(unwritten)
    }
}

/// The error of a model that cannot be written.
pub(crate) fn unwritten(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write the model ({error})"))
}

/// Errors and panics of those who read untrusted files, as ours.
fn guarded<T>(what: &str, call: impl FnOnce() -> AnyResult<T>) -> Result<T> {
    catch_panic(ErrorKind::InvalidModel, what, || {
        call().map_err(|e| {
            let reason = one_line(&format!("{e:#}"));
            Error::new(ErrorKind::InvalidModel, format!("{what} ({reason})"))
        })
    })
}
