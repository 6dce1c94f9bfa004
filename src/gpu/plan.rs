//! An encoder on a device: the order of a batch's steps.

use super::batch::{Batch, Buffers};
use super::pack;
use super::shaders::{Commands, Compiler, Real};
use super::steps::{Activation, Attention, Embeddings, Linear, Norm, Pool, Rows};
use crate::model::{self, Encoder, Pooling};

pub(super) struct Plan {
    embeddings: Embeddings,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    attention: Attention,
    pool: Pool,
    head: Option<Head>,
    /// Values that a sequence gives.
    pub outputs: usize,
}

/// `norm(output(gelu(intermediate(a))) + a)` with `a = norm(attention(h) + h)`.
struct Layer {
    qkv: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

struct Head {
    pooler: Linear,
    classifier: Linear,
}

impl Plan {
    /// Compiles the shaders and uploads the weights. `pooling` is for an encoder without a head.
    pub fn new(compiler: &mut Compiler, encoder: &Encoder, pooling: Pooling, real: Real) -> Plan {
        let hidden = encoder.hidden();
        let pooling = if encoder.head.is_some() { Pooling::First } else { pooling };
        Plan {
            embeddings: Embeddings::new(compiler, encoder, real),
            embedding_norm: Norm::new(compiler, &encoder.embedding_norm, real),
            layers: encoder.layers.iter().map(|layer| Layer::new(compiler, layer, real)).collect(),
            attention: Attention::new(compiler, hidden, encoder.heads, real),
            pool: Pool::new(compiler, hidden, pooling, real),
            head: encoder.head.as_ref().map(|head| Head::new(compiler, head)),
            outputs: if encoder.head.is_some() { 1 } else { hidden },
        }
    }

    /// The steps of a batch. Returns the buffer of what each sequence gives, in rows of
    /// [`Plan::output_width`] floats.
    pub fn record<'b>(
        &self,
        commands: &mut Commands,
        batch: &Batch,
        buffers: &'b Buffers,
    ) -> &'b wgpu::Buffer {
        let Buffers { states, context, wide, pooled, dense, logits, .. } = buffers;
        let of_tokens = |buffer| Rows { buffer, count: batch.rows.len() };
        let of_sequences = |buffer| Rows { buffer, count: batch.sequences.len() };
        let blocks = Rows { buffer: &buffers.blocks, count: batch.blocks.len() };

        self.embeddings.dispatch(commands, of_tokens(&buffers.rows), states);
        self.embedding_norm.dispatch(commands, of_tokens(states));
        for layer in &self.layers {
            layer.qkv.dispatch(commands, of_tokens(states), wide);
            self.attention.dispatch(commands, blocks, of_tokens(wide), context);
            layer.attention_output.dispatch(commands, of_tokens(context), states);
            layer.attention_norm.dispatch(commands, of_tokens(states));
            layer.intermediate.dispatch(commands, of_tokens(states), wide);
            layer.output.dispatch(commands, of_tokens(wide), states);
            layer.output_norm.dispatch(commands, of_tokens(states));
        }
        self.pool.dispatch(commands, of_sequences(&buffers.sequences), of_tokens(states), pooled);
        let Some(head) = &self.head else { return pooled };
        head.pooler.dispatch(commands, of_sequences(pooled), dense);
        head.classifier.dispatch(commands, of_sequences(dense), logits);
        logits
    }

    /// Of a row of outputs the first [`Plan::outputs`] floats count.
    pub fn output_width(&self) -> usize {
        pack::padded(self.outputs)
    }
}

impl Layer {
    fn new(compiler: &mut Compiler, layer: &model::Layer, real: Real) -> Layer {
        let model::Layer { query, key, value, attention_output, intermediate, output, .. } = layer;
        let qkv = model::Linear::beside([query, key, value]);
        let mut linear = |of: &model::Linear, activation, adds| {
            Linear::new(compiler, of, activation, adds, real)
        };
        let qkv = linear(&qkv, Activation::None, false);
        let attention_output = linear(attention_output, Activation::None, true);
        let intermediate = linear(intermediate, Activation::Gelu, false);
        let output = linear(output, Activation::None, true);
        Layer {
            qkv,
            attention_output,
            attention_norm: Norm::new(compiler, &layer.attention_norm, real),
            intermediate,
            output,
            output_norm: Norm::new(compiler, &layer.output_norm, real),
        }
    }
}

impl Head {
    /// Pooled vectors are few, and stay in f32.
    fn new(compiler: &mut Compiler, head: &model::Head) -> Head {
        let mut linear = |of: &model::Linear, activation| {
            Linear::new(compiler, of, activation, false, Real::F32)
        };
        Head {
            pooler: linear(&head.pooler, Activation::Tanh),
            classifier: linear(&head.classifier, Activation::None),
        }
    }
}
