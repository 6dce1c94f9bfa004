//! A recognized encoder on this crate's kernels, on ragged batches.
//!
//! The tokens of all sequences of a batch lie one after another, `[tokens, width]`; offsets,
//! `[sequences + 1]`, say where sequences begin and end. Nothing is padded, so cost grows with
//! tokens.

use anyhow::{Context, Result};

use crate::kernels::{
    Activation, AttentionScratch, Heads, Int8Scratch, Kernel, LinearF32, LinearI8, NormParams,
    add_norm, aligned, attention, even, linear_f32, linear_i8, signed,
};
use crate::model::{self, Encoder, Norm, PositionScheme, Table};
use crate::tokenizer::Encoding;

/// An encoder whose weights are packed for a kernel.
pub(super) struct Fused {
    pub kernel: Kernel,
    heads: usize,
    embeddings: Embeddings,
    layers: Vec<Layer>,
    /// What makes a logit of a sequence's first state, in a cross-encoder.
    head: Vec<Linear>,
}

/// A batch on its way through the encoder.
///
/// It goes in stages, the embeddings, each layer, the head, so that a thread that must not be held
/// for long can stop between them.
pub(super) struct Run {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
    offsets: Vec<usize>,
    /// What the last stage gave for each token.
    states: Vec<f32>,
    stage: usize,
    scratch: Scratch,
}

/// Buffers that a stage leaves to the next.
#[derive(Default)]
struct Scratch {
    qkv: Vec<f32>,
    context: Vec<f32>,
    middle: Vec<f32>,
    attention: AttentionScratch,
    block: BlockScratch,
}

#[derive(Default)]
struct BlockScratch {
    between: [Vec<f32>; 2],
    int8: Int8Scratch,
}

/// The sum of two or three embeddings, normalized.
struct Embeddings {
    words: Table,
    positions: Table,
    numbering: PositionScheme,
    segments: Option<Table>,
    norm: Norm,
}

/// `norm(feed_forward(a) + a)` with `a = norm(attention(h) + h)`.
struct Layer {
    qkv: Linear,
    attention: Residual<1>,
    feed_forward: Residual<2>,
}

/// `norm(last(...first(x)) + residual)`: what closes each half of a layer.
struct Residual<const LINEARS: usize> {
    linears: [Linear; LINEARS],
    norm: Norm,
}

/// `activation(x w + bias)` for each token.
struct Linear {
    packed: Packed,
    activation: Activation,
}

enum Packed {
    Int8(LinearI8),
    F32(LinearF32),
}

/// Tokens of a block: as many as a pass over a large layer's weights, which come from memory, can be
/// for while what lies between its steps, the widest of all activations, stays in the cache.
const BLOCK_TOKENS: usize = 128;

impl Fused {
    /// Packs the encoder's weights for `kernel`. Outputs do not depend on which.
    pub fn new(encoder: Encoder, kernel: Kernel) -> Fused {
        let Encoder {
            heads,
            token_embeddings: words,
            position_embeddings: positions,
            position_scheme: numbering,
            token_type_embeddings: segments,
            embedding_norm: norm,
            ..
        } = encoder;
        Fused {
            kernel,
            heads,
            embeddings: Embeddings { words, positions, numbering, segments, norm },
            layers: encoder.layers.into_iter().map(|layer| Layer::new(kernel, layer)).collect(),
            head: encoder.head.iter().map(|linear| Linear::new(kernel, linear)).collect(),
        }
    }

    /// What the sequences give, in one batch. One layer at a time is packed, so that an encoder
    /// that runs once needs little memory.
    pub fn once(mut encoder: Encoder, kernel: Kernel, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        let layers = std::mem::take(&mut encoder.layers);
        let fused = Fused::new(encoder, kernel);
        let mut run = fused.start(sequences);
        fused.embeddings.apply(kernel, &mut run)?;
        for layer in layers {
            fused.apply(&Layer::new(kernel, layer), &mut run);
        }
        Ok(match fused.head.is_empty() {
            false => fused.logits(&mut run),
            true => run.states,
        })
    }

    pub fn start(&self, sequences: &[&Encoding]) -> Run {
        let flat = |of: fn(&Encoding) -> &[u32]| -> Vec<u32> {
            sequences.iter().flat_map(|sequence| of(sequence)).copied().collect()
        };
        let ends = sequences.iter().scan(0, |end, sequence| {
            *end += sequence.ids.len();
            Some(*end)
        });
        Run {
            ids: flat(|sequence| &sequence.ids),
            type_ids: flat(|sequence| &sequence.type_ids),
            offsets: std::iter::once(0).chain(ends).collect(),
            states: Vec::new(),
            stage: 0,
            scratch: Scratch::default(),
        }
    }

    /// Runs the next stage. The last one gives the logit of each sequence, or, without a head, the
    /// state of each token.
    pub fn step(&self, run: &mut Run) -> Result<Option<Vec<f32>>> {
        let stage = run.stage;
        run.stage += 1;
        match stage.checked_sub(1) {
            None => self.embeddings.apply(self.kernel, run)?,
            Some(layer) if layer < self.layers.len() => self.apply(&self.layers[layer], run),
            Some(_) => {}
        }
        let layers = self.layers.len();
        Ok(match self.head.is_empty() {
            false => (stage == layers + 1).then(|| self.logits(run)),
            true => (stage == layers).then(|| std::mem::take(&mut run.states)),
        })
    }

    fn apply(&self, layer: &Layer, run: &mut Run) {
        let Run { offsets, states, scratch, .. } = run;
        let Scratch { qkv, context, middle, attention: within, block } = scratch;
        let hidden = self.hidden();
        let dim = hidden / self.heads;
        let heads = Heads { count: self.heads, dim, scale: 1.0 / (dim as f32).sqrt() };

        let context = aligned(context, states.len());
        for offsets in blocks(offsets) {
            let states = &states[offsets[0] * hidden..offsets[offsets.len() - 1] * hidden];
            let context = &mut context[offsets[0] * hidden..][..states.len()];
            let qkv = aligned(qkv, 3 * states.len());
            layer.qkv.apply(states, qkv, &mut block.int8);
            attention(self.kernel, qkv, offsets, heads, context, within);
        }
        let middle = aligned(middle, states.len());
        layer.attention.apply(self.kernel, context, states, middle, block);
        layer.feed_forward.apply(self.kernel, middle, middle, states, block);
    }

    /// The logit of each sequence, from its first token.
    fn logits(&self, run: &mut Run) -> Vec<f32> {
        let hidden = self.hidden();
        let firsts = &run.offsets[..run.offsets.len() - 1];
        let states = firsts.iter().flat_map(|first| &run.states[first * hidden..][..hidden]);
        let mut x: Vec<f32> = states.copied().collect();
        for linear in &self.head {
            let mut out = vec![0.0; firsts.len() * linear.outputs()];
            linear.apply(&x, &mut out, &mut run.scratch.block.int8);
            x = out;
        }
        x
    }

    fn hidden(&self) -> usize {
        self.embeddings.norm.gamma.len()
    }
}

/// The offsets of sequences in blocks of at most [`BLOCK_TOKENS`] (a longer one is a block by itself).
fn blocks(mut offsets: &[usize]) -> impl Iterator<Item = &[usize]> {
    std::iter::from_fn(move || {
        let (first, ends) = offsets.split_first()?;
        let fit = ends.iter().take_while(|&end| end - first <= BLOCK_TOKENS).count();
        let sequences = fit.max(1).min(ends.len());
        let block = &offsets[..=sequences];
        offsets = &offsets[sequences..];
        (sequences > 0).then_some(block)
    })
}

impl Run {
    /// Where sequences begin and end.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }
}

impl Embeddings {
    fn apply(&self, kernel: Kernel, run: &mut Run) -> Result<()> {
        let sequences = run.offsets.windows(2).map(|ends| &run.ids[ends[0]..ends[1]]);
        let positions: Vec<u32> = sequences.flat_map(|ids| self.numbering.rows(ids)).collect();
        let width = self.norm.gamma.len();
        let words = rows(&self.words, &run.ids, width)?;
        let positions = rows(&self.positions, &positions, width)?;
        let segments = match &self.segments {
            None => None,
            Some(table) if table.rows == 1 => Some(rows(table, &vec![0; run.ids.len()], width)?),
            Some(table) => Some(rows(table, &run.type_ids, width)?),
        };
        run.states = vec![0.0; words.len()];
        let (norm, out) = (params(&self.norm), &mut run.states);
        match &segments {
            Some(segments) => add_norm(kernel, [&words, segments, &positions], norm, out),
            None => add_norm(kernel, [&words, &positions], norm, out),
        }
        Ok(())
    }
}

/// The rows of a table in f32.
fn rows(table: &Table, numbers: &[u32], width: usize) -> Result<Vec<f32>> {
    let mut out = Vec::with_capacity(numbers.len() * width);
    for &number in numbers {
        let row = usize::try_from(number).ok().filter(|&row| row < table.rows);
        let row = row.with_context(|| format!("{number} is not one of {} rows", table.rows))?;
        table.values.extend_row(row, width, &mut out);
    }
    Ok(out)
}

impl Layer {
    fn new(kernel: Kernel, layer: model::Layer) -> Layer {
        let linear = |linear: &model::Linear| Linear::new(kernel, linear);
        let parts = [&layer.query, &layer.key, &layer.value];
        let qkv = linear(&model::Linear::concat_columns(parts));
        parts.iter().for_each(|part| part.weights.release());
        Layer {
            qkv,
            attention: Residual {
                linears: [linear(&layer.attention_output)],
                norm: layer.attention_norm,
            },
            feed_forward: Residual {
                linears: [linear(&layer.intermediate), linear(&layer.output)],
                norm: layer.output_norm,
            },
        }
    }
}

impl Linear {
    fn new(kernel: Kernel, linear: &model::Linear) -> Linear {
        let shape = (linear.inputs, linear.outputs);
        let (weights, bias) = (&linear.weights, &linear.bias);
        let packed = match weights.int8(linear.outputs) {
            Some(int8) if linear.inputs <= LinearI8::MAX_INPUTS => Packed::Int8(LinearI8::new(
                kernel,
                shape,
                signed(&int8.signed(0..int8.bytes.len())),
                &int8.scales,
                &int8.zero_points,
                bias,
            )),
            _ => Packed::F32(LinearF32::new(kernel, shape, &weights.to_f32(linear.outputs), bias)),
        };
        weights.release();
        let activation = match linear.activation {
            model::Activation::None => Activation::None,
            model::Activation::Gelu => Activation::Gelu,
            model::Activation::GeluTanh => Activation::GeluTanh,
            model::Activation::Relu => Activation::Relu,
            model::Activation::Tanh => Activation::Tanh,
        };
        Linear { packed, activation }
    }

    fn outputs(&self) -> usize {
        match &self.packed {
            Packed::Int8(linear) => linear.outputs(),
            Packed::F32(linear) => linear.outputs(),
        }
    }

    fn apply(&self, x: &[f32], out: &mut [f32], scratch: &mut Int8Scratch) {
        match &self.packed {
            Packed::Int8(linear) => linear_i8(x, linear, self.activation, out, scratch),
            Packed::F32(linear) => linear_f32(x, linear, self.activation, out),
        }
    }
}

impl<const LINEARS: usize> Residual<LINEARS> {
    /// It works on a block of tokens at a time.
    fn apply(
        &self,
        kernel: Kernel,
        x: &[f32],
        residual: &[f32],
        out: &mut [f32],
        BlockScratch { between, int8 }: &mut BlockScratch,
    ) {
        let width = self.norm.gamma.len();
        let block = even(x.len() / width, BLOCK_TOKENS).max(1) * width;
        let blocks = x.chunks(block).zip(residual.chunks(block)).zip(out.chunks_mut(block));
        for ((mut x, residual), out) in blocks {
            let tokens = x.len() / width;
            for (linear, result) in self.linears.iter().zip(between.iter_mut()) {
                let result = aligned(result, tokens * linear.outputs());
                linear.apply(x, result, int8);
                x = result;
            }
            add_norm(kernel, [x, residual], params(&self.norm), out);
        }
    }
}

fn params(norm: &Norm) -> NormParams<'_> {
    NormParams { gamma: &norm.gamma, beta: &norm.beta, eps: norm.eps }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_all_sequences_within_the_limit() {
        let of = |offsets: &[usize]| blocks(offsets).map(<[_]>::to_vec).collect::<Vec<_>>();
        assert!(of(&[0]).is_empty());
        assert_eq!(of(&[0, 128]), [[0, 128]]);
        assert_eq!(of(&[0, 129]), [[0, 129]]);
        assert_eq!(of(&[0, 60, 128, 129]), [vec![0, 60, 128], vec![128, 129]]);
        assert_eq!(of(&[0, 512, 513, 700]), [[0, 512], [512, 513], [513, 700]]);
    }

    #[test]
    fn int8_layers_too_deep_for_integers_compute_in_floats() {
        for (inputs, deep) in [(LinearI8::MAX_INPUTS, false), (LinearI8::MAX_INPUTS + 1, true)] {
            let (bytes, scales, zero_points) = (vec![1; inputs].into(), vec![0.5], vec![0]);
            let int8 = model::Int8 { bytes, unsigned: false, by_row: false, scales, zero_points };
            let (weights, activation) = (model::Weights::Int8(int8), model::Activation::None);
            let layer = model::Linear { inputs, outputs: 1, weights, bias: vec![1.0], activation };
            let linear = Linear::new(Kernel::SCALAR, &layer);
            assert_eq!(matches!(linear.packed, Packed::F32(_)), deep);
            let mut out = [0.0];
            linear.apply(&vec![2.0; inputs], &mut out, &mut Int8Scratch::default());
            assert_eq!(out, [inputs as f32 + 1.0]);
        }
    }
}
