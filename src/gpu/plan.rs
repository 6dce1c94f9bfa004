//! An encoder on a device: the order of a batch's steps.

use super::batch::{Batch, Buffers};
use super::pack;
use super::shaders::{Commands, Compiler, Real};
use super::steps::{Attention, Embeddings, Linear, Norm, Pool, Rows};
use crate::model::{self, Encoder, Pooling};

pub(super) struct Plan {
    embeddings: Embeddings,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    attention: Attention,
    pool: Pool,
    /// What makes a logit of a sequence's first state, in a cross-encoder.
    head: Vec<Linear>,
    /// Weights that a sequence gives.
    pub outputs: usize,
}

/// `norm(output(intermediate(a)) + a)` with `a = norm(attention(h) + h)`.
struct Layer {
    qkv: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

impl Plan {
    /// Compiles the shaders and uploads the weights. `pooling` is for an encoder without a head.
    pub fn new(compiler: &mut Compiler, encoder: &Encoder, pooling: Pooling, real: Real) -> Plan {
        let hidden = encoder.hidden();
        let is_reranker = !encoder.head.is_empty();
        // What the head makes of vectors are few numbers, and stays in f32.
        let head =
            encoder.head.iter().map(|linear| Linear::new(compiler, linear, false, Real::F32));
        Plan {
            head: head.collect(),
            embeddings: Embeddings::new(compiler, encoder, real),
            embedding_norm: Norm::new(compiler, &encoder.embedding_norm, real),
            layers: encoder.layers.iter().map(|layer| Layer::new(compiler, layer, real)).collect(),
            attention: Attention::new(compiler, hidden, encoder.heads, real),
            pool: Pool::new(
                compiler,
                hidden,
                if is_reranker { Pooling::First } else { pooling },
                real,
            ),
            outputs: if is_reranker { 1 } else { hidden },
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
        let Buffers { states, context, wide, .. } = buffers;
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
        let [mut vectors, mut next] = buffers.vectors.each_ref();
        self.pool.dispatch(commands, of_sequences(&buffers.sequences), of_tokens(states), vectors);
        for linear in &self.head {
            linear.dispatch(commands, of_sequences(vectors), next);
            (vectors, next) = (next, vectors);
        }
        vectors
    }

    /// Of a row of outputs the first [`Plan::outputs`] floats count.
    pub fn output_width(&self) -> usize {
        pack::padded(self.outputs)
    }
}

impl Layer {
    fn new(compiler: &mut Compiler, layer: &model::Layer, real: Real) -> Layer {
        let model::Layer { query, key, value, attention_output, intermediate, output, .. } = layer;
        let qkv = model::Linear::concat_columns([query, key, value]);
        let mut linear = |of: &model::Linear, adds| Linear::new(compiler, of, adds, real);
        let qkv = linear(&qkv, false);
        let attention_output = linear(attention_output, true);
        let intermediate = linear(intermediate, false);
        let output = linear(output, true);
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
