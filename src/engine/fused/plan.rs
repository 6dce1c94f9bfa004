//! A whole encoder, and batches on their way through it.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Result as AnyResult;

use super::embeddings::Embeddings;
use super::layer::{Layer, Means, Observe, Scratch, States, Wanted};
use super::linear::Linear;
use super::norm::params;
use super::spares::Spares;
use crate::batch::BATCH_TOKENS;
use crate::engine::guard::{FAILED_ON_TEXT, guarded};
use crate::engine::plan::{Plan, Run};
use crate::engine::pool::pool_each;
use crate::engine::workers::Workers;
use crate::error::Result;
use crate::kernels::{Heads, Int8Scratch, Kernel, add_norm};
use crate::model::{self, Encoder, HeadStep, Norm, Output, Pooling, Residuals};
use crate::tokenizer::Encoding;

/// An encoder whose weights are packed for a kernel.
pub(in crate::engine) struct Fused {
    kernel: Kernel,
    heads: Heads,
    embeddings: Embeddings,
    layers: Vec<Layer>,
    head: Head,
    residuals: Residuals,
    max_length: usize,
    /// Buffers that the next batches use.
    states: Spares<States>,
    scratches: Spares<Scratch>,
}

/// What becomes of the states of the last layer.
enum Head {
    /// Steps, one after another, make a logit of the vector of each sequence.
    Logit(Pooling, Vec<Step>),
    /// The states of each sequence become one vector.
    Vector(Pooling),
}

/// A step of a head.
enum Step {
    Linear(Linear),
    Norm(Norm),
}

/// A batch in stages: the embeddings, each layer, and the head.
struct FusedRun {
    plan: Arc<Fused>,
    workers: Arc<Workers>,
    ids: Vec<u32>,
    type_ids: Vec<u32>,
    states: States,
    stage: usize,
}

impl Fused {
    /// Packs the weights of an encoder for `kernel`. The outputs do not depend on which.
    pub fn new(encoder: Encoder, output: &Output, kernel: Kernel) -> Fused {
        let max_length = encoder.max_length();
        let dim = encoder.hidden() / encoder.heads;
        let layers = encoder.layers.into_iter();
        let wanted = Wanted::of_layers(layers.len(), &encoder.head, output);
        Fused {
            kernel,
            max_length,
            heads: Heads { count: encoder.heads, dim, scale: 1.0 / (dim as f32).sqrt() },
            embeddings: Embeddings {
                tokens: encoder.token_embeddings,
                positions: encoder.positions,
                token_types: encoder.token_type_embeddings,
                norm: encoder.embedding_norm,
            },
            layers: layers.zip(wanted).map(|(layer, of)| Layer::new(kernel, layer, of)).collect(),
            head: match *output {
                Output::Logit => {
                    let steps = encoder.head.steps.into_iter().map(|step| match step {
                        HeadStep::Linear(linear) => Step::Linear(Linear::new(kernel, &linear)),
                        HeadStep::Norm(norm) => Step::Norm(norm),
                    });
                    Head::Logit(encoder.head.pooling, steps.collect())
                }
                Output::Embedding(pooling) => Head::Vector(pooling),
            },
            residuals: encoder.residuals,
            states: Spares::default(),
            scratches: Spares::default(),
        }
    }

    fn means<'a>(&'a self, workers: &'a Workers) -> Means<'a> {
        let Fused { kernel, heads, ref scratches, .. } = *self;
        Means { kernel, heads, workers, scratches, observe: None }
    }

    /// What the model gives for each sequence.
    fn outputs(&self, States { offsets, rows, .. }: &States) -> Vec<f32> {
        let (pooling, steps) = match &self.head {
            Head::Logit(pooling, steps) => (*pooling, &steps[..]),
            Head::Vector(pooling) => (*pooling, &[][..]),
        };
        let mut x = pool_each(pooling, rows, offsets);
        let mut scratch = Int8Scratch::default();
        for step in steps {
            let mut out;
            match step {
                Step::Linear(linear) => {
                    out = vec![0.0; (offsets.len() - 1) * linear.outputs()];
                    linear.apply(&x, &mut out, &mut scratch);
                }
                Step::Norm(norm) => {
                    out = vec![0.0; x.len()];
                    add_norm(self.kernel, [&x], params(norm), &mut out);
                }
            }
            x = out;
        }
        x
    }
}

impl Plan for Fused {
    fn start(self: Arc<Self>, sequences: &[&Encoding], workers: Arc<Workers>) -> Box<dyn Run> {
        Box::new(FusedRun::new(self, sequences, workers))
    }

    fn kernel(&self) -> Option<&'static str> {
        Some(self.kernel.name())
    }

    fn max_length(&self) -> Option<usize> {
        Some(self.max_length)
    }
}

impl FusedRun {
    fn new(plan: Arc<Fused>, sequences: &[&Encoding], workers: Arc<Workers>) -> FusedRun {
        let flat = |of: fn(&Encoding) -> &[u32]| -> Vec<u32> {
            sequences.iter().flat_map(|sequence| of(sequence)).copied().collect()
        };
        let ends = sequences.iter().scan(0, |end, sequence| {
            *end += sequence.ids.len();
            Some(*end)
        });
        let mut states = plan.states.take();
        states.offsets.clear();
        states.offsets.extend(std::iter::once(0).chain(ends));
        states.positions.clear();
        states.positions.extend(sequences.iter().flat_map(|sequence| 0..sequence.ids.len() as u32));
        FusedRun {
            workers,
            ids: flat(|sequence| &sequence.ids),
            type_ids: flat(|sequence| &sequence.type_ids),
            states,
            stage: 0,
            plan,
        }
    }

    fn embed(&mut self) -> AnyResult<()> {
        let FusedRun { plan, ids, type_ids, states, .. } = self;
        let States { offsets, rows, sums, .. } = states;
        plan.embeddings.apply(plan.kernel, ids, type_ids, offsets, rows)?;
        sums.clear();
        if plan.residuals == Residuals::Sums {
            sums.extend_from_slice(rows);
        }
        Ok(())
    }
}

impl Run for FusedRun {
    fn step(&mut self) -> Result<Option<Vec<f32>>> {
        let workers = self.workers.clone();
        workers.install(|| {
            guarded(FAILED_ON_TEXT, || {
                match self.stage.checked_sub(1) {
                    None => self.embed()?,
                    Some(layer) if layer < self.plan.layers.len() => {
                        let means = self.plan.means(&workers);
                        self.plan.layers[layer].apply(means, &mut self.states);
                    }
                    Some(_) => return Ok(Some(self.plan.outputs(&self.states))),
                }
                self.stage += 1;
                Ok(None)
            })
        })
    }
}

impl Drop for FusedRun {
    /// Leaves the buffers to the next batch. Those of a longer sequence than a batch has room for
    /// are not kept.
    fn drop(&mut self) {
        if self.ids.len() <= BATCH_TOKENS {
            self.plan.states.give(std::mem::take(&mut self.states));
        } else {
            self.plan.scratches.clear();
        }
    }
}

/// Batches that pass through an encoder layer by layer. Only one layer at a time is packed, so that an
/// encoder that runs once needs little memory.
pub(crate) struct LayerByLayer {
    fused: Arc<Fused>,
    batches: Vec<FusedRun>,
    wanted: VecDeque<Wanted>,
}

impl LayerByLayer {
    /// The embeddings of `batches`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`](crate::ErrorKind::InvalidModel) if a token is not in the tables.
    pub fn start(
        mut encoder: Encoder,
        output: &Output,
        batches: &[&[Encoding]],
    ) -> Result<LayerByLayer> {
        guarded(FAILED_ON_TEXT, || {
            let wanted = Wanted::of_layers(encoder.layers.len(), &encoder.head, output).collect();
            encoder.layers.clear();
            let fused = Arc::new(Fused::new(encoder, output, Kernel::best()));
            let workers = Arc::new(Workers::new(1));
            let embedded = |batch: &&[Encoding]| {
                let sequences: Vec<&Encoding> = batch.iter().collect();
                let mut run = FusedRun::new(fused.clone(), &sequences, workers.clone());
                run.embed().map(|()| run)
            };
            let batches = batches.iter().map(embedded).collect::<AnyResult<_>>()?;
            Ok(LayerByLayer { fused: fused.clone(), batches, wanted })
        })
    }

    /// Calls `observe` with the input of each matrix product of the next layer, for all tokens.
    pub fn observe(&self, layer: model::Layer, observe: &Observe) -> Result<()> {
        guarded(FAILED_ON_TEXT, || {
            let layer = Layer::new(self.fused.kernel, layer, Wanted::EachToken);
            for batch in &self.batches {
                let means = Means { observe: Some(observe), ..self.fused.means(&batch.workers) };
                layer.apply(means, &mut batch.states.clone());
            }
            Ok(())
        })
    }

    /// Takes the batches through the next layer.
    pub fn apply(&mut self, layer: model::Layer) -> Result<()> {
        let LayerByLayer { fused, batches, wanted } = self;
        guarded(FAILED_ON_TEXT, || {
            let wanted = wanted.pop_front().unwrap_or(Wanted::EachToken);
            let layer = Layer::new(fused.kernel, layer, wanted);
            for batch in batches {
                layer.apply(fused.means(&batch.workers), &mut batch.states);
            }
            Ok(())
        })
    }

    /// What the encoder gives for each sequence, as [`Run::step`] does.
    pub fn outputs(&self) -> Result<Vec<f32>> {
        guarded(FAILED_ON_TEXT, || {
            let outputs = self.batches.iter().map(|batch| self.fused.outputs(&batch.states));
            Ok(outputs.collect::<Vec<_>>().concat())
        })
    }
}
