//! A whole encoder, and batches on their way through it.

use std::sync::Arc;

use anyhow::Result as AnyResult;

use super::embeddings::Embeddings;
use super::layer::{Layer, Means, Scratch, States, Wanted, first_rows};
use super::linear::Linear;
use super::spares::Spares;
use crate::batch::BATCH_TOKENS;
use crate::engine::guard::{FAILED_ON_TEXT, guarded};
use crate::engine::plan::{Plan, Run};
use crate::engine::pool::pool_each;
use crate::engine::workers::Workers;
use crate::error::Result;
use crate::kernels::{Heads, Int8Scratch, Kernel};
use crate::model::{Encoder, Output, Pooling};
use crate::tokenizer::Encoding;

/// An encoder whose weights are packed for a kernel.
pub(in crate::engine) struct Fused {
    kernel: Kernel,
    heads: Heads,
    embeddings: Embeddings,
    layers: Vec<Layer>,
    head: Head,
    max_length: usize,
    /// Buffers that the next batches use.
    states: Spares<States>,
    scratches: Spares<Scratch>,
}

/// What becomes of the states of the last layer.
enum Head {
    /// Linear layers, one after another, make a logit of the first state of each sequence.
    Logit(Vec<Linear>),
    /// The states of each sequence become one vector.
    Vector(Pooling),
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
        let wanted = Wanted::of_layers(layers.len(), output);
        Fused {
            kernel,
            max_length,
            heads: Heads { count: encoder.heads, dim, scale: 1.0 / (dim as f32).sqrt() },
            embeddings: Embeddings {
                tokens: encoder.token_embeddings,
                positions: encoder.position_embeddings,
                position_scheme: encoder.position_scheme,
                token_types: encoder.token_type_embeddings,
                norm: encoder.embedding_norm,
            },
            layers: layers.zip(wanted).map(|(layer, of)| Layer::new(kernel, layer, of)).collect(),
            head: match *output {
                Output::Logit => {
                    Head::Logit(encoder.head.iter().map(|l| Linear::new(kernel, l)).collect())
                }
                Output::Embedding(pooling) => Head::Vector(pooling),
            },
            states: Spares::default(),
            scratches: Spares::default(),
        }
    }

    fn means<'a>(&'a self, workers: &'a Workers) -> Means<'a> {
        let Fused { kernel, heads, ref scratches, .. } = *self;
        Means { kernel, heads, workers, scratches }
    }

    /// What the model gives for each sequence.
    fn outputs(&self, States { offsets, rows, .. }: &States) -> Vec<f32> {
        let linears = match &self.head {
            Head::Logit(linears) => linears,
            Head::Vector(pooling) => return pool_each(*pooling, rows, offsets),
        };
        let mut x = first_rows(rows, offsets, self.embeddings.hidden());
        let mut scratch = Int8Scratch::default();
        for linear in linears {
            let mut out = vec![0.0; (offsets.len() - 1) * linear.outputs()];
            linear.apply(&x, &mut out, &mut scratch);
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
        let States { offsets, rows, .. } = states;
        plan.embeddings.apply(plan.kernel, ids, type_ids, offsets, rows)
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

/// What an encoder gives for sequences, as [`Run::step`] does, in one batch. Only one layer at a
/// time is packed, so that an encoder that runs once needs little memory.
///
/// # Errors
/// [`ErrorKind::InvalidModel`](crate::ErrorKind::InvalidModel) if a token is not in its tables.
pub(crate) fn run_once(
    mut encoder: Encoder,
    output: &Output,
    sequences: &[&Encoding],
) -> Result<Vec<f32>> {
    guarded(FAILED_ON_TEXT, || {
        let kernel = Kernel::best();
        let layers = std::mem::take(&mut encoder.layers);
        let fused = Arc::new(Fused::new(encoder, output, kernel));
        let workers = Arc::new(Workers::new(1));
        let mut run = FusedRun::new(fused.clone(), sequences, workers.clone());
        run.embed()?;
        let wanted = Wanted::of_layers(layers.len(), output);
        for (layer, wanted) in layers.into_iter().zip(wanted) {
            Layer::new(kernel, layer, wanted).apply(fused.means(&workers), &mut run.states);
        }
        Ok(fused.outputs(&run.states))
    })
}
