//! One transformer layer.

use std::ops::Range;

use super::linear::Linear;
use super::norm::params;
use crate::kernels::{
    AttentionInputs, AttentionScratch, Columns, Heads, Int8Scratch, Kernel, add_norm, aligned,
    attention, even,
};
use crate::model::{self, Norm, Output, Pooling};

/// `norm(feed_forward(a) + a)` with `a = norm(attention(h) + h)`.
pub(super) struct Layer {
    /// The queries of first tokens, `[hidden, hidden]`, if only their states are wanted.
    first_queries: Option<Linear>,
    /// The other projections of all tokens in one product: queries if they are not above, keys, values.
    /// `[hidden, 3 * hidden]` or `[hidden, 2 * hidden]`.
    projections: Linear,
    attention: Residual<1>,
    feed_forward: Residual<2>,
}

/// The tokens of a sequence whose states a layer computes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    EachToken,
    /// What a layer gives for the first token depends on all states before it, but not on what the
    /// layer gives for the others.
    FirstToken,
}

impl Wanted {
    /// What each layer of an encoder has to compute for `output`.
    pub fn of_layers(count: usize, output: &Output) -> impl Iterator<Item = Wanted> {
        let last = match output {
            Output::Logit | Output::Embedding(Pooling::First) => Wanted::FirstToken,
            Output::Embedding(Pooling::Mean) => Wanted::EachToken,
        };
        (1..=count).map(move |layer| if layer == count { last } else { Wanted::EachToken })
    }
}

/// `norm(last(...first(x)) + residual)`, which ends each half of a layer.
struct Residual<const LINEARS: usize> {
    linears: [Linear; LINEARS],
    norm: Norm,
}

/// Buffers that one layer leaves to the next.
#[derive(Default)]
pub(super) struct Scratch {
    /// What the projections give for a block.
    projected: Vec<f32>,
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
    pub fn new(kernel: Kernel, layer: model::Layer, wanted: Wanted) -> Layer {
        let linear = |linear: &model::Linear| Linear::new(kernel, linear);
        let model::Layer { query, key, value, .. } = &layer;
        let (first_queries, projections) = match wanted {
            Wanted::EachToken => {
                (None, linear(&model::Linear::concat_columns([query, key, value])))
            }
            Wanted::FirstToken => {
                (Some(linear(query)), linear(&model::Linear::concat_columns([key, value])))
            }
        };
        [query, key, value].iter().for_each(|part| part.weights.release());
        Layer {
            first_queries,
            projections,
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

    /// Replaces `states`, `[tokens, hidden]`, by those that the layer gives, and `offsets` by theirs: if
    /// only first tokens are wanted, each sequence has one token from here on.
    pub fn apply(
        &self,
        kernel: Kernel,
        heads: Heads,
        offsets: &mut Vec<usize>,
        states: &mut Vec<f32>,
        scratch: &mut Scratch,
    ) {
        let Scratch { projected, context, middle, attention: attention_scratch, block } = scratch;
        let hidden = heads.count * heads.dim;
        let firsts = self.first_queries.as_ref().map(|linear| {
            let firsts = first_rows(states, offsets, hidden);
            let mut queries = vec![0.0; firsts.len()];
            linear.apply(&firsts, &mut queries, &mut block.int8);
            (firsts, queries)
        });
        let query_offsets = match &firsts {
            None => offsets.clone(),
            Some(_) => (0..offsets.len()).collect(),
        };
        let context = aligned(context, query_offsets[query_offsets.len() - 1] * hidden);
        for sequences in blocks(offsets) {
            let part = sequences.start..=sequences.end;
            let (offsets, query_offsets) = (&offsets[part.clone()], &query_offsets[part]);
            let elements =
                |offsets: &[usize]| offsets[0] * hidden..offsets[sequences.len()] * hidden;
            let (tokens, queried) = (elements(offsets), elements(query_offsets));
            let width = self.projections.outputs();
            let projected = aligned(projected, tokens.len() / hidden * width);
            self.projections.apply(&states[tokens], projected, &mut block.int8);
            let inputs = match &firsts {
                None => AttentionInputs::of_each_token(projected, hidden),
                Some((_, queries)) => {
                    let projected = &*projected;
                    let of_tokens = |first| Columns { matrix: projected, width, first };
                    AttentionInputs {
                        queries: Columns {
                            matrix: &queries[queried.clone()],
                            width: hidden,
                            first: 0,
                        },
                        keys: of_tokens(0),
                        values: of_tokens(hidden),
                    }
                }
            };
            let context = &mut context[queried];
            attention(kernel, inputs, query_offsets, offsets, heads, context, attention_scratch);
        }
        if let Some((firsts, _)) = firsts {
            (*states, *offsets) = (firsts, query_offsets);
        }
        let middle = aligned(middle, states.len());
        self.attention.apply(kernel, context, states, middle, block);
        self.feed_forward.apply(kernel, middle, middle, states, block);
    }
}

/// The first of the states, `[tokens, hidden]`, of each sequence: `[sequences, hidden]`.
pub(super) fn first_rows(states: &[f32], offsets: &[usize], hidden: usize) -> Vec<f32> {
    let firsts = &offsets[..offsets.len() - 1];
    firsts.iter().flat_map(|first| &states[first * hidden..][..hidden]).copied().collect()
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

/// Divides sequences into blocks of at most [`BLOCK_TOKENS`] tokens. A longer sequence is a block by
/// itself.
fn blocks(offsets: &[usize]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let (first, ends) = offsets[start..].split_first()?;
        let fit = ends.iter().take_while(|&end| end - first <= BLOCK_TOKENS).count();
        let sequences = start..start + fit.max(1).min(ends.len());
        start = sequences.end;
        (!sequences.is_empty()).then_some(sequences)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_all_sequences_within_the_limit() {
        let of = |offsets: &[usize]| blocks(offsets).map(|r| (r.start, r.end)).collect::<Vec<_>>();
        assert!(of(&[0]).is_empty());
        assert_eq!(of(&[0, 128]), [(0, 1)]);
        assert_eq!(of(&[0, 129]), [(0, 1)]);
        assert_eq!(of(&[0, 60, 128, 129]), [(0, 2), (2, 3)]);
        assert_eq!(of(&[0, 512, 513, 700]), [(0, 1), (1, 2), (2, 3)]);
    }
}
