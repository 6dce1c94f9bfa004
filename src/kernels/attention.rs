//! Multi-head self-attention over sequences that lie one after another, without padding.
//!
//! Each sequence is computed on its own, head by head and a block of query rows at a time, so
//! that memory grows with the longest sequence, not with its square.

use super::Kernel;
use super::linear_f32::{Rows, product};
use super::math::exp_not_above_1;
use super::simd::{F32x16, Isa, LANES, Op, aligned};

/// Query rows whose scores are held at a time.
const BLOCK_ROWS: usize = 16;

/// Keys whose values are multiplied with all of the block's rows before the next ones: few enough
/// for the first-level cache.
const BLOCK_KEYS: usize = 128;

/// The shape of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    pub count: usize,
    /// Elements of one head: `hidden / count`.
    pub dim: usize,
    /// What the dot products are multiplied with before the softmax: `1 / sqrt(dim)` in BERT.
    pub scale: f32,
}

/// Memory that [`attention`] uses again.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
}

/// One head of one sequence, packed for [`product`].
struct Packed<'a> {
    /// Transposed: for each sixteen keys, `dim` vectors.
    keys: &'a [[f32; LANES]],
    /// For each sixteen elements of `dim`, a vector for each token.
    values: &'a [[f32; LANES]],
    /// Room for the scores of [`BLOCK_ROWS`] queries.
    scores: &'a mut [f32],
}

/// `softmax(scale * q k^T) v` for each sequence and head.
///
/// A row of `qkv` holds a token's queries, then its keys, then its values, each of
/// `hidden = heads.count * heads.dim`. Sequence `s` is the tokens `offsets[s]..offsets[s + 1]`.
/// `out` is `[tokens, hidden]`.
///
/// # Panics
/// Where lengths do not fit, where `offsets` does not rise from 0 to the number of tokens, and
/// where the scale is not positive.
pub fn attention(
    kernel: Kernel,
    qkv: &[f32],
    offsets: &[usize],
    heads: Heads,
    out: &mut [f32],
    scratch: &mut AttentionScratch,
) {
    let hidden = heads.count * heads.dim;
    let tokens = out.len() / hidden.max(1);
    assert_eq!(out.len(), tokens * hidden, "out must be [tokens, hidden]");
    assert_eq!(qkv.len(), 3 * out.len(), "qkv must be [tokens, 3 * hidden]");
    assert!(heads.scale > 0.0, "the scale must be positive");
    assert_eq!(offsets.first(), Some(&0), "the first sequence begins at 0");
    assert_eq!(offsets.last(), Some(&tokens), "the last sequence ends with the tokens");
    assert!(offsets.is_sorted(), "offsets must not fall");
    if !out.is_empty() {
        kernel.run(Attention { qkv, offsets, heads, out, scratch });
    }
}

struct Attention<'a> {
    qkv: &'a [f32],
    offsets: &'a [usize],
    heads: Heads,
    out: &'a mut [f32],
    scratch: &'a mut AttentionScratch,
}

impl Op for Attention<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Attention { qkv, offsets, heads, out, scratch } = self;
        let hidden = heads.count * heads.dim;
        for sequence in offsets.windows(2) {
            let (start, len) = (sequence[0], sequence[1] - sequence[0]);
            let qkv = &qkv[start * 3 * hidden..][..len * 3 * hidden];
            let out = &mut out[start * hidden..][..len * hidden];
            for head in 0..heads.count {
                let first = head * heads.dim;
                let packed = scratch.pack(qkv, len, hidden, first, heads.dim);
                one_head(isa, qkv, len, hidden, first, heads, out, packed);
            }
        }
    }
}

impl AttentionScratch {
    /// Copy one head's keys and values into panels.
    #[inline(always)]
    fn pack(
        &mut self,
        qkv: &[f32],
        len: usize,
        hidden: usize,
        first: usize,
        dim: usize,
    ) -> Packed<'_> {
        let padded = len.next_multiple_of(LANES);
        let keys = aligned(&mut self.keys, padded * dim).as_chunks_mut::<LANES>().0;
        let values = aligned(&mut self.values, dim.next_multiple_of(LANES) * len);
        let values = values.as_chunks_mut::<LANES>().0;
        // What has no token or element behind it: lanes of the last panels.
        if padded > len {
            keys[(padded / LANES - 1) * dim..].fill([0.0; LANES]);
        }
        if !dim.is_multiple_of(LANES) {
            values[dim / LANES * len..].fill([0.0; LANES]);
        }
        for (token, row) in qkv.chunks_exact(3 * hidden).enumerate() {
            let key = &row[hidden + first..][..dim];
            let panel = &mut keys[token / LANES * dim..][..dim];
            for (lanes, &x) in panel.iter_mut().zip(key) {
                lanes[token % LANES] = x;
            }
            let value = &row[2 * hidden + first..][..dim];
            for (panel, part) in value.chunks(LANES).enumerate() {
                values[panel * len + token][..part.len()].copy_from_slice(part);
            }
        }
        Packed { keys, values, scores: aligned(&mut self.scores, BLOCK_ROWS * padded) }
    }
}

/// One head of one sequence, from packed keys and values.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn one_head<I: Isa>(
    isa: I,
    qkv: &[f32],
    len: usize,
    hidden: usize,
    first: usize,
    heads: Heads,
    out: &mut [f32],
    packed: Packed,
) {
    let Packed { keys, values, scores } = packed;
    let dim = heads.dim;
    let padded = len.next_multiple_of(LANES);
    let mut sums = [[0.0; LANES]; BLOCK_ROWS];
    let (mut largest, mut inverse) = ([0.0; BLOCK_ROWS], [0.0; BLOCK_ROWS]);
    for start in (0..len).step_by(BLOCK_ROWS) {
        let rows = BLOCK_ROWS.min(len - start);
        let queries = Rows { values: &qkv[start * 3 * hidden + first..], stride: 3 * hidden };
        let scores = &mut scores[..rows * padded];
        scores.fill(0.0);
        for (panel, keys) in keys.chunks_exact(dim).enumerate() {
            product(isa, queries, keys, &mut scores[panel * LANES..], padded);
        }
        // In two loops, so that a row's exponentials need not wait for the largest of the next.
        for (row, largest) in scores.chunks_exact(padded).zip(&mut largest) {
            *largest = largest_of(isa, &row[..len]);
        }
        for (r, row) in scores.chunks_exact_mut(padded).enumerate() {
            inverse[r] = 1.0 / exp_row(isa, row, len, largest[r], heads.scale);
        }
        for (panel, values) in values.chunks_exact(len).enumerate() {
            let column = first + panel * LANES;
            let width = LANES.min(dim - panel * LANES);
            let sums = &mut sums[..rows];
            sums.fill([0.0; LANES]);
            for (block, values) in values.chunks(BLOCK_KEYS).enumerate() {
                let scores = Rows { values: &scores[block * BLOCK_KEYS..], stride: padded };
                product(isa, scores, values, sums.as_flattened_mut(), LANES);
            }
            for (r, (sums, &inverse)) in sums.iter().zip(&inverse).enumerate() {
                let y = isa.load(sums) * isa.splat(inverse);
                y.store_first(&mut out[(start + r) * hidden + column..][..width]);
            }
        }
    }
}

#[inline(always)]
fn largest_of<I: Isa>(isa: I, row: &[f32]) -> f32 {
    let mut largest = isa.splat(f32::NEG_INFINITY);
    for chunk in row.chunks(LANES) {
        largest = largest.max(isa.load_or(chunk, f32::NEG_INFINITY));
    }
    largest.max_lanes()
}

/// Replace a row's first `len` scores with `e^(scale (score - largest))` and return their sum. Those
/// behind them become as good as zero: too small to count beside the largest, which becomes 1.
#[inline(always)]
fn exp_row<I: Isa>(isa: I, row: &mut [f32], len: usize, largest: f32, scale: f32) -> f32 {
    let largest = isa.splat(largest);
    let scale = isa.splat(scale);
    let mut sum = isa.splat(0.0);
    for start in (0..row.len()).step_by(LANES) {
        let score = isa.load_or(&row[start..len.min(start + LANES)], f32::NEG_INFINITY);
        let y = exp_not_above_1(isa, (score - largest) * scale);
        sum = sum + y;
        y.store_first(&mut row[start..start + LANES]);
    }
    sum.sum_lanes()
}
