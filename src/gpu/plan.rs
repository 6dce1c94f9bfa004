//! An encoder on a device: the steps of a batch, in their order.

use super::batch::{Batch, Buffers};
use super::pack;
use super::shaders::{Commands, Compiler, FloatType};
use super::steps::{Attention, Embeddings, Linear, Norm, Pool, Rows};
use crate::model::{self, Encoder, Pooling};

pub(super) struct Plan {
    embeddings: Embeddings,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    /// The last layer, if only first tokens are read of what it gives. From its context on, it computes
    /// vectors of sequences.
    first_token_layer: Option<Layer>,
    attention: Attention,
    pool: Pool,
    /// The linear layers that make a logit of a pooled state. A bi-encoder has none.
    head: Vec<Linear>,
    /// The number of outputs of a sequence.
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
    pub fn new(
        compiler: &mut Compiler,
        encoder: &Encoder,
        pooling: Pooling,
        float: FloatType,
    ) -> Plan {
        let hidden = encoder.hidden();
        let is_reranker = !encoder.head.steps.is_empty();
        let pooling = if is_reranker { Pooling::First } else { pooling };
        let (all, last) = match (pooling, encoder.layers.split_last()) {
            (Pooling::First, Some((last, others))) => (others, Some(last)),
            _ => (&encoder.layers[..], None),
        };
        // The head computes few numbers, and stays in f32.
        let head = encoder
            .head
            .linears()
            .map(|linear| Linear::new(compiler, linear, false, FloatType::F32));
        Plan {
            head: head.collect(),
            embeddings: Embeddings::new(compiler, encoder, float),
            embedding_norm: Norm::new(compiler, &encoder.embedding_norm, float),
            layers: all.iter().map(|layer| Layer::new(compiler, layer, float, float)).collect(),
            first_token_layer: last.map(|layer| Layer::new(compiler, layer, float, FloatType::F32)),
            attention: Attention::new(compiler, hidden, encoder.heads, float),
            pool: Pool::new(compiler, hidden, pooling, float),
            outputs: if is_reranker { 1 } else { hidden },
        }
    }

    /// Records the steps of a batch. Returns the buffer that will hold the outputs, in one row of
    /// [`Plan::output_width`] floats for each sequence.
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
        let first_blocks = Rows { buffer: &buffers.first_blocks, count: batch.first_blocks.len() };

        self.embeddings.dispatch(commands, of_tokens(&buffers.rows), states);
        self.embedding_norm.dispatch(commands, of_tokens(states));
        let attend = |commands: &mut Commands, layer: &Layer, blocks| {
            layer.qkv.dispatch(commands, of_tokens(states), wide);
            self.attention.dispatch(commands, blocks, of_tokens(wide), context);
        };
        for layer in &self.layers {
            attend(commands, layer, blocks);
            layer.finish(commands, of_tokens(context), of_tokens(states), wide);
        }
        let [mut vectors, mut next, wide_vectors] = buffers.vectors.each_ref();
        let sequences = of_sequences(&buffers.sequences);
        if let Some(layer) = &self.first_token_layer {
            attend(commands, layer, first_blocks);
            self.pool.dispatch(commands, sequences, of_tokens(context), next);
            self.pool.dispatch(commands, sequences, of_tokens(states), vectors);
            layer.finish(commands, of_sequences(next), of_sequences(vectors), wide_vectors);
        } else {
            self.pool.dispatch(commands, sequences, of_tokens(states), vectors);
        }
        for linear in &self.head {
            linear.dispatch(commands, of_sequences(vectors), next);
            (vectors, next) = (next, vectors);
        }
        vectors
    }

    /// The floats in a row of outputs. Only the first [`Plan::outputs`] of them count.
    pub fn output_width(&self) -> usize {
        pack::padded(self.outputs)
    }
}

impl Layer {
    /// `projected` and `float` are the types of the activations before and after attention.
    fn new(
        compiler: &mut Compiler,
        layer: &model::Layer,
        projected: FloatType,
        float: FloatType,
    ) -> Layer {
        let model::Layer { query, key, value, attention_output, intermediate, output, .. } = layer;
        let qkv = model::Linear::concat_columns([query, key, value]);
        let qkv = Linear::new(compiler, &qkv, false, projected);
        let mut linear = |of: &model::Linear, adds| Linear::new(compiler, of, adds, float);
        let attention_output = linear(attention_output, true);
        let intermediate = linear(intermediate, false);
        let output = linear(output, true);
        Layer {
            qkv,
            attention_output,
            attention_norm: Norm::new(compiler, &layer.attention_norm, float),
            intermediate,
            output,
            output_norm: Norm::new(compiler, &layer.output_norm, float),
        }
    }

    /// The steps after attention. Replaces `states` by those that the layer gives.
    fn finish(&self, commands: &mut Commands, context: Rows, states: Rows, wide: &wgpu::Buffer) {
        self.attention_output.dispatch(commands, context, states.buffer);
        self.attention_norm.dispatch(commands, states);
        self.intermediate.dispatch(commands, states, wide);
        let wide = Rows { buffer: wide, count: states.count };
        self.output.dispatch(commands, wide, states.buffer);
        self.output_norm.dispatch(commands, states);
    }
}
