//! A whole encoder, and batches on their way through it.

use std::sync::Arc;

use anyhow::Result as AnyResult;

use super::embeddings::Embeddings;
use super::layer::{Layer, Scratch, Wanted, first_rows};
use super::linear::Linear;
use crate::engine::guard::{FAILED_ON_TEXT, guarded};
use crate::engine::plan::{Plan, Run};
use crate::engine::pool::pool_each;
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
}

/// What becomes of the states of the last layer.
enum Head {
    /// Linear layers, one after another, make a logit of the first state of each sequence.
    Logit(Vec<Linear>),
    /// The states of each sequence become one vector.
    Vector(Pooling),
}

/// The tokens of a batch, and what the last stage gave for each of them.
struct Batch {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
    offsets: Vec<usize>,
    /// `[tokens, hidden]`.
    states: Vec<f32>,
    scratch: Scratch,
}

/// A batch in stages: the embeddings, each layer, and the head.
struct FusedRun {
    plan: Arc<Fused>,
    batch: Batch,
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
        }
    }

    fn embed(&self, batch: &mut Batch) -> AnyResult<()> {
        let Batch { ids, type_ids, offsets, states, .. } = batch;
        *states = self.embeddings.apply(self.kernel, ids, type_ids, offsets)?;
        Ok(())
    }

    fn apply(&self, layer: &Layer, batch: &mut Batch) {
        let Batch { offsets, states, scratch, .. } = batch;
        layer.apply(self.kernel, self.heads, offsets, states, scratch);
    }

    /// What the model gives for each sequence.
    fn outputs(&self, Batch { offsets, states, .. }: &Batch) -> Vec<f32> {
        let linears = match &self.head {
            Head::Logit(linears) => linears,
            Head::Vector(pooling) => return pool_each(*pooling, states, offsets),
        };
        let mut x = first_rows(states, offsets, self.embeddings.hidden());
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
    fn start(self: Arc<Self>, sequences: &[&Encoding]) -> Box<dyn Run> {
        Box::new(FusedRun { plan: self, batch: Batch::new(sequences), stage: 0 })
    }

    fn kernel(&self) -> Option<&'static str> {
        Some(self.kernel.name())
    }

    fn max_length(&self) -> Option<usize> {
        Some(self.max_length)
    }
}

impl Run for FusedRun {
    fn step(&mut self) -> Result<Option<Vec<f32>>> {
        guarded(FAILED_ON_TEXT, || {
            let FusedRun { plan, batch, stage } = self;
            match stage.checked_sub(1) {
                None => plan.embed(batch)?,
                Some(layer) if layer < plan.layers.len() => plan.apply(&plan.layers[layer], batch),
                Some(_) => return Ok(Some(plan.outputs(batch))),
            }
            *stage += 1;
            Ok(None)
        })
    }
}

impl Batch {
    fn new(sequences: &[&Encoding]) -> Batch {
        let flat = |of: fn(&Encoding) -> &[u32]| -> Vec<u32> {
            sequences.iter().flat_map(|sequence| of(sequence)).copied().collect()
        };
        let ends = sequences.iter().scan(0, |end, sequence| {
            *end += sequence.ids.len();
            Some(*end)
        });
        Batch {
            ids: flat(|sequence| &sequence.ids),
            type_ids: flat(|sequence| &sequence.type_ids),
            offsets: std::iter::once(0).chain(ends).collect(),
            states: Vec::new(),
            scratch: Scratch::default(),
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
        let fused = Fused::new(encoder, output, kernel);
        let mut batch = Batch::new(sequences);
        fused.embed(&mut batch)?;
        let wanted = Wanted::of_layers(layers.len(), output);
        for (layer, wanted) in layers.into_iter().zip(wanted) {
            fused.apply(&Layer::new(kernel, layer, wanted), &mut batch);
        }
        Ok(fused.outputs(&batch))
    })
}
