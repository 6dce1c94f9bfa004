//! One transformer layer.

use std::ops::Range;

use super::linear::Linear;
use super::norm::params;
use super::relative::{Table, Tables};
use super::spares::Spares;
use crate::engine::workers::Workers;
use crate::kernels::{
    AttentionInputs, AttentionScratch, Columns, Distances, Heads, Int8Scratch, Kernel, add_norm,
    aligned, attention, even, rotate, sum_norm,
};
use crate::model::{self, Head, Norm, Output, Pooling, RelativePositions, Weights};

/// `norm(feed_forward(a) + a)` with `a = norm(attention(h) + h)`, where the residuals may be those of
/// [`Residuals::Sums`].
pub(super) struct Layer {
    /// The queries of first tokens, `[hidden, hidden]`, if only their states are wanted.
    first_queries: Option<Linear>,
    /// The other projections of all tokens in one product: queries if they are not above, keys, values.
    /// `[hidden, 3 * hidden]` or `[hidden, 2 * hidden]`.
    projections: Linear,
    relative: RelativePositions,
    window: Option<usize>,
    /// The projected embeddings of distances, for queries and for keys, if there are any.
    distances: Option<[Vec<f32>; 2]>,
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
    pub fn of_layers(
        count: usize,
        head: &Head,
        output: &Output,
    ) -> impl Iterator<Item = Wanted> + use<> {
        let pooling = match output {
            Output::Logit => head.pooling,
            Output::Embedding(pooling) => *pooling,
        };
        let last = match pooling {
            Pooling::First => Wanted::FirstToken,
            Pooling::Mean => Wanted::EachToken,
        };
        (1..=count).map(move |layer| if layer == count { last } else { Wanted::EachToken })
    }
}

/// `norm(last(...first(x)) + residual)`, which is one half of a layer.
struct Residual<const LINEARS: usize> {
    linears: [(Product, Linear); LINEARS],
    norm: Norm,
}

/// The tokens of a batch on their way through the layers.
#[derive(Clone, Default)]
pub(super) struct States {
    /// Where each sequence starts and ends, `[sequences + 1]`.
    pub offsets: Vec<usize>,
    /// `[tokens, hidden]`.
    pub rows: Vec<f32>,
    /// Of which the rows are the norms, if residuals are [`Residuals::Sums`].
    pub sums: Vec<f32>,
    /// The position of each token in its sequence.
    pub positions: Vec<u32>,
    tables: Tables,
    /// What attention gives for each row.
    context: Vec<f32>,
}

/// Buffers for one part of a layer's work.
#[derive(Default)]
pub(super) struct Scratch {
    /// What the projections give for a block.
    projected: Vec<f32>,
    attention: AttentionScratch,
    /// What the linear layers of a residual block give.
    between: [Vec<f32>; 2],
    /// What the first residual block of a layer gives to the second one.
    middle: Vec<f32>,
    int8: Int8Scratch,
}

/// The number of tokens that pass through the steps of a layer together. The weights of a large layer
/// come from memory, and more tokens share each pass over them. But the widest activations of the block,
/// which lie between two steps, must stay in the cache.
const BLOCK_TOKENS: usize = 128;

/// The smallest number of tokens for which a thread reads all weights, if there are others for the rest.
const MIN_SHARE: usize = 32;

/// How a layer computes: by which kernel, on which threads, in which buffers.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub kernel: Kernel,
    pub heads: Heads,
    pub workers: &'a Workers,
    pub scratches: &'a Spares<Scratch>,
    /// Called with the input of each matrix product.
    pub observe: Option<&'a Observe<'a>>,
}

/// Takes the input of a matrix product, `[tokens, inputs]`.
pub(super) type Observe<'a> = dyn Fn(Product, &[f32]) + Sync + 'a;

/// The matrix products of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// Queries, keys and values, which have the same input.
    Projections,
    AttentionOutput,
    Intermediate,
    Output,
}

impl Means<'_> {
    /// The number of tokens, of `count`, that a thread takes at a time: at most [`BLOCK_TOKENS`].
    fn share(&self, count: usize) -> usize {
        let of_each = count.div_ceil(self.workers.count());
        even(count, of_each.clamp(MIN_SHARE, BLOCK_TOKENS)).max(1)
    }

    fn observe(&self, product: Product, input: &[f32]) {
        if let Some(observe) = self.observe {
            observe(product, input);
        }
    }
}

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
        let intermediate = match &layer.gated {
            Some(gated) => Linear::gated(kernel, &layer.intermediate, gated),
            None => linear(&layer.intermediate),
        };
        let distances = match &layer.relative {
            RelativePositions::Disentangled(of) => Some([key, query].map(|projection| {
                // In floats, because each of these numbers takes part in many scores.
                let weights = Weights::Float(projection.weights.to_f32(projection.outputs).into());
                let projection = linear(&model::Linear { weights, ..projection.clone() });
                let embeddings = of.embeddings.len() / layer.query.inputs;
                let mut projected = vec![0.0; embeddings * projection.outputs()];
                projection.apply(&of.embeddings, &mut projected, &mut Int8Scratch::default());
                projected
            })),
            _ => None,
        };
        Layer {
            first_queries,
            projections,
            distances,
            relative: layer.relative,
            window: layer.window,
            attention: Residual {
                linears: [(Product::AttentionOutput, linear(&layer.attention_output))],
                norm: layer.attention_norm,
            },
            feed_forward: Residual {
                linears: [
                    (Product::Intermediate, intermediate),
                    (Product::Output, linear(&layer.output)),
                ],
                norm: layer.output_norm,
            },
        }
    }

    /// Replaces the states by those that the layer gives. If only first tokens are wanted, each sequence
    /// has one token from here on.
    pub fn apply(&self, means: Means, states: &mut States) {
        let hidden = means.heads.count * means.heads.dim;
        let States { offsets, rows, sums, positions, tables, context } = states;
        let longest = offsets.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
        let table = tables.of(&self.relative, self.window, longest);
        let firsts = self.first_queries.as_ref().map(|linear| {
            let firsts = first_rows(rows, offsets, hidden);
            let mut queries = vec![0.0; firsts.len()];
            means.scratches.lend(|scratch| linear.apply(&firsts, &mut queries, &mut scratch.int8));
            (firsts, queries)
        });
        let query_offsets = match &firsts {
            None => offsets.clone(),
            Some(_) => (0..offsets.len()).collect(),
        };
        let [.., tokens] = offsets[..] else { return };
        let [.., queried] = query_offsets[..] else { return };

        let context = aligned(context, queried * hidden);
        let share = means.share(tokens);
        let mut rest = &mut *context;
        let sequences = blocks(offsets, share).map(|of_block| {
            let part = of_block.start..=of_block.end;
            let (offsets, query_offsets) = (&offsets[part.clone()], &query_offsets[part]);
            let elements = |ends: &[usize]| ends[0] * hidden..ends[of_block.len()] * hidden;
            let queried = elements(query_offsets);
            let out = rest.split_off_mut(..queried.len()).expect("a row for each query");
            let queries = firsts.as_ref().map(|(_, queries)| &queries[queried]);
            let positions = &positions[offsets[0]..offsets[of_block.len()]];
            let rows = &rows[elements(offsets)];
            (Sequences { rows, positions, offsets, queries, query_offsets }, out)
        });
        means.workers.for_each(sequences, |(sequences, out)| {
            self.attend(means, table, share, sequences, out);
        });

        if let Some((firsts, _)) = firsts {
            if !sums.is_empty() {
                *sums = first_rows(sums, offsets, hidden);
            }
            rows.clear();
            rows.extend(firsts);
            *offsets = query_offsets;
        }
        let block = means.share(queried) * hidden;
        let mut rest = &mut sums[..];
        let blocks = context.chunks(block).zip(rows.chunks_mut(block)).map(|(context, rows)| {
            let sums = rest.split_off_mut(..rows.len().min(rest.len())).unwrap_or_default();
            (context, rows, sums)
        });
        means.workers.for_each(blocks, |(context, rows, sums)| {
            means.scratches.lend(|Scratch { between, middle, int8, .. }| {
                let middle = aligned(middle, rows.len());
                let kept = Kept::new(rows, sums);
                self.attention.apply(means, context, kept, middle, between, int8);
                let kept = Kept::new(middle, sums);
                self.feed_forward.apply(means, middle, kept, rows, between, int8);
            });
        });
    }

    /// What attention needs of distances.
    fn distances<'a>(&'a self, table: &'a Table) -> Option<Distances<'a>> {
        let [for_queries, for_keys] = self.distances.as_ref()?;
        let (rows, reach) = (table.rows(), table.reach());
        Some(Distances { for_queries, for_keys, rows, reach })
    }

    /// The attention of some sequences, before its output projection: `[queries, hidden]`. A sequence
    /// of more than `share` tokens is divided among the threads.
    fn attend(
        &self,
        means: Means,
        table: &Table,
        share: usize,
        sequences: Sequences,
        out: &mut [f32],
    ) {
        let Means { kernel, mut heads, workers, scratches, .. } = means;
        if self.distances.is_some() {
            // Scores are sums of three products.
            heads.scale = 1.0 / (3.0 * heads.dim as f32).sqrt();
        }
        let Sequences { rows, positions, offsets, queries, query_offsets } = sequences;
        let hidden = heads.count * heads.dim;
        let width = self.projections.outputs();
        let tokens = rows.len() / hidden;
        let share = if workers.count() == 1 { tokens } else { share };
        scratches.lend(|Scratch { projected, attention: attention_scratch, .. }| {
            let projected = aligned(projected, tokens * width);
            let parts = rows.chunks(share * hidden).zip(projected.chunks_mut(share * width));
            let parts = parts.zip(positions.chunks(share));
            workers.for_each(parts, |((rows, projected), positions)| {
                scratches
                    .lend(|Scratch { int8, .. }| self.projections.apply(rows, projected, int8));
                means.observe(Product::Projections, rows);
                if let Some(rotary) = table.rotary() {
                    // All but the values. First queries are not turned, because their position is 0.
                    rotate(kernel, projected, width, width - hidden, rotary, positions);
                }
            });

            let projected = &*projected;
            let of_tokens = |first| Columns { matrix: projected, width, first };
            if let Some(queries) = queries {
                let inputs = AttentionInputs {
                    queries: Columns { matrix: queries, width: hidden, first: 0 },
                    keys: of_tokens(0),
                    values: of_tokens(hidden),
                    first_query: 0,
                    bias: table.bias(),
                    distances: self.distances(table),
                };
                let scratch = attention_scratch;
                return attention(kernel, inputs, query_offsets, offsets, heads, out, scratch);
            }
            let share = if offsets.len() == 2 { share } else { tokens };
            let parts = projected.chunks(share * width).zip(out.chunks_mut(share * hidden));
            let parts = (0..).step_by(share).zip(parts);
            workers.for_each(parts, |(first_query, (queries, out))| {
                let inputs = AttentionInputs {
                    queries: Columns { matrix: queries, width, first: 0 },
                    first_query,
                    bias: table.bias(),
                    distances: self.distances(table),
                    ..AttentionInputs::of_each_token(projected, hidden)
                };
                let of_part = [0, out.len() / hidden];
                let query_offsets = if offsets.len() == 2 { &of_part } else { offsets };
                scratches.lend(|Scratch { attention: scratch, .. }| {
                    attention(kernel, inputs, query_offsets, offsets, heads, out, scratch);
                });
            });
        });
    }
}

/// Neighbouring sequences whose attention is computed together.
struct Sequences<'a> {
    /// The states of their tokens.
    rows: &'a [f32],
    positions: &'a [u32],
    offsets: &'a [usize],
    /// The queries of their first tokens, if only they are wanted.
    queries: Option<&'a [f32]>,
    query_offsets: &'a [usize],
}

/// The first of the states, `[tokens, hidden]`, of each sequence: `[sequences, hidden]`.
fn first_rows(states: &[f32], offsets: &[usize], hidden: usize) -> Vec<f32> {
    let firsts = &offsets[..offsets.len() - 1];
    firsts.iter().flat_map(|first| &states[first * hidden..][..hidden]).copied().collect()
}

/// What is added to the result of one half of a layer, see [`model::Residuals`].
enum Kept<'a> {
    Input(&'a [f32]),
    /// It is replaced by the sum.
    Sum(&'a mut [f32]),
}

impl<'a> Kept<'a> {
    /// The sum, or the input if there are no sums.
    fn new(input: &'a [f32], sums: &'a mut [f32]) -> Kept<'a> {
        if sums.is_empty() { Kept::Input(input) } else { Kept::Sum(sums) }
    }
}

impl<const LINEARS: usize> Residual<LINEARS> {
    /// `x`, `kept` and `out` are `[tokens, width]`.
    fn apply<'a>(
        &self,
        means: Means,
        mut x: &'a [f32],
        kept: Kept,
        out: &mut [f32],
        between: &'a mut [Vec<f32>; 2],
        int8: &mut Int8Scratch,
    ) {
        let tokens = out.len() / self.norm.gamma.len();
        for ((product, linear), result) in self.linears.iter().zip(between) {
            means.observe(*product, x);
            let result = aligned(result, tokens * linear.outputs());
            linear.apply(x, result, int8);
            x = result;
        }
        match kept {
            Kept::Input(input) => add_norm(means.kernel, [x, input], params(&self.norm), out),
            Kept::Sum(sum) => sum_norm(means.kernel, x, sum, params(&self.norm), out),
        }
    }
}

/// Divides sequences into blocks of at most `max` tokens. A longer sequence is a block by itself.
fn blocks(offsets: &[usize], max: usize) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let (first, ends) = offsets[start..].split_first()?;
        let fit = ends.iter().take_while(|&end| end - first <= max).count();
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
        let of =
            |offsets: &[usize]| blocks(offsets, 128).map(|r| (r.start, r.end)).collect::<Vec<_>>();
        assert!(of(&[0]).is_empty());
        assert_eq!(of(&[0, 128]), [(0, 1)]);
        assert_eq!(of(&[0, 129]), [(0, 1)]);
        assert_eq!(of(&[0, 60, 128, 129]), [(0, 2), (2, 3)]);
        assert_eq!(of(&[0, 512, 513, 700]), [(0, 1), (1, 2), (2, 3)]);
    }

    #[test]
    fn a_long_sequence_is_divided_among_all_threads() {
        let share = |threads, tokens| {
            let (workers, scratches) = (Workers::new(threads), Spares::default());
            let heads = Heads { count: 1, dim: 1, scale: 1.0 };
            let kernel = Kernel::SCALAR;
            Means { kernel, heads, workers: &workers, scratches: &scratches, observe: None }
                .share(tokens)
        };
        assert_eq!([1, 2, 4, 8, 100].map(|threads| share(threads, 512)), [128, 128, 128, 64, 32]);
        assert_eq!([1, 2, 4, 8].map(|threads| share(threads, 100)), [100, 50, 25, 25]);
        assert_eq!([0, 1, 40].map(|tokens| share(2, tokens)), [1, 1, 20]);
    }
}
