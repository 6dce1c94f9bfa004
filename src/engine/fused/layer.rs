//! One transformer layer.

use super::linear::Linear;
use super::norm::params;
use crate::kernels::{
    AttentionScratch, Heads, Int8Scratch, Kernel, add_norm, aligned, attention, even,
};
use crate::model::{self, Norm};

/// `norm(feed_forward(a) + a)` with `a = norm(attention(h) + h)`.
pub(super) struct Layer {
    /// Queries, keys and values in one product, `[hidden, 3 * hidden]`.
    qkv: Linear,
    attention: Residual<1>,
    feed_forward: Residual<2>,
}

/// `norm(last(...first(x)) + residual)`, which ends each half of a layer.
struct Residual<const LINEARS: usize> {
    linears: [Linear; LINEARS],
    norm: Norm,
}

/// Buffers that one layer leaves to the next.
#[derive(Default)]
pub(super) struct Scratch {
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

/// Tokens that pass through the steps of a layer together. The weights of a large layer come from
/// memory, and more tokens share each pass over them. But the widest activations of the block, which
/// lie between two steps, must stay in the cache.
const BLOCK_TOKENS: usize = 128;

impl Layer {
    pub fn new(kernel: Kernel, layer: model::Layer) -> Layer {
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

    /// Replaces `states`, `[tokens, hidden]`, by those that the layer gives.
    pub fn apply(
        &self,
        kernel: Kernel,
        heads: Heads,
        offsets: &[usize],
        states: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let Scratch { qkv, context, middle, attention: attention_scratch, block } = scratch;
        let hidden = heads.count * heads.dim;
        let context = aligned(context, states.len());
        for offsets in blocks(offsets) {
            let states = &states[offsets[0] * hidden..offsets[offsets.len() - 1] * hidden];
            let context = &mut context[offsets[0] * hidden..][..states.len()];
            let qkv = aligned(qkv, 3 * states.len());
            self.qkv.apply(states, qkv, &mut block.int8);
            attention(kernel, qkv, offsets, heads, context, attention_scratch);
        }
        let middle = aligned(middle, states.len());
        self.attention.apply(kernel, context, states, middle, block);
        self.feed_forward.apply(kernel, middle, middle, states, block);
    }
}

impl<const LINEARS: usize> Residual<LINEARS> {
    /// Works on one block of tokens at a time. `x`, `residual` and `out` are `[tokens, width]`.
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

/// Divides the offsets of sequences into blocks of at most [`BLOCK_TOKENS`] tokens. A longer
/// sequence is a block by itself.
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
}
