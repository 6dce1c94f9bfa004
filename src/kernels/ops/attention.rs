//! Multi-head self-attention over sequences that lie one after another, without padding.
//!
//! Each sequence is computed on its own, head by head. Sixteen queries are computed at a time, one in
//! each lane, so memory grows with the length of the longest sequence, not with its square.

use super::linear_f32::Product;
use crate::kernels::blocking::aligned;
use crate::kernels::dispatch::Kernel;
use crate::kernels::isa::contract::{Isa, Op};
use crate::kernels::isa::lanes::{F32x16, LANES, fold};
use crate::kernels::math::exp_nonpositive;

/// The number of keys whose values are multiplied by all rows of the block before those of the next
/// keys: few enough for the first-level cache.
const BLOCK_KEYS: usize = 128;

/// The shape of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    pub count: usize,
    /// The width of one head: `hidden / count`.
    pub dim: usize,
    /// The factor of the dot products before the softmax: `1 / sqrt(dim)` in BERT.
    pub scale: f32,
}

/// Memory that [`attention`] reuses.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    keys: Vec<f32>,
    values: Vec<f32>,
    queries: Vec<f32>,
    scores: Vec<f32>,
    sums: Vec<f32>,
}

/// One head of one sequence, with a block of its queries.
struct Head<'a> {
    /// `[len, dim]`.
    keys: &'a [f32],
    /// `[len, dim]` with rows of whole vectors.
    values: &'a [f32],
    /// `[dim, LANES]`.
    queries: &'a mut [[f32; LANES]],
    /// `[len, LANES]`.
    scores: &'a mut [[f32; LANES]],
    /// `[LANES, dim]` with rows of whole vectors.
    sums: &'a mut [f32],
}

/// `softmax(scale * q k^T) v` for each sequence and head.
///
/// A row of `qkv` holds the queries of a token, then its keys, then its values, each of the width
/// `hidden = heads.count * heads.dim`. Sequence `s` consists of the tokens
/// `offsets[s]..offsets[s + 1]`. The first row is that of token `offsets[0]`. `out` is
/// `[tokens, hidden]`.
///
/// # Panics
/// If lengths do not fit, `offsets` do not cover exactly the tokens in ascending order, or the scale is
/// not positive.
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
    assert!(offsets.is_sorted(), "offsets must be in ascending order");
    let ends = offsets.first().zip(offsets.last());
    assert_eq!(
        ends.map(|(first, last)| last - first),
        Some(tokens),
        "the sequences must cover all tokens"
    );
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
        let Attention { qkv, offsets, heads: Heads { count, dim, scale }, out, scratch } = self;
        let hidden = count * dim;
        for sequence in offsets.windows(2) {
            let tokens = sequence[0] - offsets[0]..sequence[1] - offsets[0];
            let qkv = &qkv[tokens.start * 3 * hidden..tokens.end * 3 * hidden];
            let out = &mut out[tokens.start * hidden..tokens.end * hidden];
            for first in (0..hidden).step_by(dim) {
                let part = |part: usize| {
                    let rows = qkv.chunks_exact(3 * hidden);
                    rows.map(move |row| &row[part * hidden + first..][..dim])
                };
                let mut head = scratch.pack(isa, tokens.len(), dim, part(1), part(2));
                for (block, out) in out.chunks_mut(LANES * hidden).enumerate() {
                    transpose(part(0).skip(block * LANES), head.queries);
                    let out = out.chunks_exact_mut(hidden).map(|row| &mut row[first..][..dim]);
                    head.block(isa, scale, out);
                }
            }
        }
    }
}

impl AttentionScratch {
    /// Copies the keys and values of one head.
    #[inline(always)]
    fn pack<'a, I: Isa>(
        &mut self,
        isa: I,
        len: usize,
        dim: usize,
        keys: impl Iterator<Item = &'a [f32]>,
        values: impl Iterator<Item = &'a [f32]>,
    ) -> Head<'_> {
        let wide = dim.next_multiple_of(LANES);
        Head {
            keys: copy(isa, keys, aligned(&mut self.keys, len * dim), dim),
            values: copy(isa, values, aligned(&mut self.values, len * wide), wide),
            queries: aligned(&mut self.queries, dim * LANES).as_chunks_mut().0,
            scores: aligned(&mut self.scores, len * LANES).as_chunks_mut().0,
            sums: aligned(&mut self.sums, LANES * wide),
        }
    }
}

/// Copies rows into rows of `width`, and fills the rest of these with zeros.
#[inline(always)]
fn copy<'a, 'b, I: Isa>(
    isa: I,
    rows: impl Iterator<Item = &'a [f32]>,
    to: &'b mut [f32],
    width: usize,
) -> &'b [f32] {
    for (row, to) in rows.zip(to.chunks_exact_mut(width)) {
        for (part, to) in row.chunks(LANES).zip(to.chunks_mut(LANES)) {
            isa.load_or(part, 0.0).store_first(to);
        }
    }
    to
}

/// Puts each of the first sixteen rows into a lane. If there are fewer rows, the other lanes hold
/// copies, whose results are not read.
///
/// It is compiled without the instruction set, because scattered stores are slower than single ones.
#[inline(never)]
fn transpose<'a>(mut rows: impl Iterator<Item = &'a [f32]>, to: &mut [[f32; LANES]]) {
    let Some(first) = rows.next() else { return };
    let mut all = [first; LANES];
    all[1..].iter_mut().zip(rows).for_each(|(lane, row)| *lane = row);
    // Four rows at a time: the first-level cache has room for as many, whatever their distance.
    for (four, rows) in all.as_chunks::<4>().0.iter().enumerate() {
        let rows = rows.map(|row| &row[..to.len()]);
        for (i, to) in to.iter_mut().enumerate() {
            to[4 * four..][..4].copy_from_slice(&rows.map(|row| row[i]));
        }
    }
}

impl Head<'_> {
    /// Computes a row of `out` for each of the queries in `queries`.
    #[inline(always)]
    fn block<'a, I: Isa>(
        &mut self,
        isa: I,
        scale: f32,
        out: impl ExactSizeIterator<Item = &'a mut [f32]>,
    ) {
        let Head { keys, values, queries, scores, sums } = self;
        let (len, dim, wide) = (scores.len(), queries.len(), sums.len() / LANES);
        isa.run(Product::<false> {
            rows: len,
            depth: dim,
            panels: 1,
            a: keys,
            a_stride: dim,
            b: queries.as_flattened(),
            b_stride: LANES,
            out: scores.as_flattened_mut(),
            out_stride: LANES,
            add: false,
        });
        let inverse = softmax(isa, scores, scale).to_array();
        for start in (0..len).step_by(BLOCK_KEYS) {
            isa.run(Product::<true> {
                rows: out.len(),
                depth: BLOCK_KEYS.min(len - start),
                panels: wide / LANES,
                a: scores[start..].as_flattened(),
                a_stride: LANES,
                b: &values[start * wide..],
                b_stride: wide,
                out: sums,
                out_stride: wide,
                add: start > 0,
            });
        }
        for ((sums, inverse), out) in sums.chunks_exact(wide).zip(inverse).zip(out) {
            let sums = sums.as_chunks().0;
            for (sums, out) in sums.iter().zip(out.chunks_mut(LANES)) {
                (isa.load(sums) * isa.splat(inverse)).store_first(out);
            }
        }
    }
}

/// Replaces each score with `e^(scale (score - largest))`, lane by lane. Returns the reciprocal of
/// their sum, for which they are added in sixteen sums and then in the tree of [`fold`].
#[inline(always)]
fn softmax<I: Isa>(isa: I, scores: &mut [[f32; LANES]], scale: f32) -> I::F32 {
    // Four maxima, because each comparison waits for the one before it.
    let mut largest = [isa.splat(f32::NEG_INFINITY); 4];
    for scores in scores.chunks(4) {
        for (largest, scores) in largest.iter_mut().zip(scores) {
            *largest = largest.max(isa.load(scores));
        }
    }
    let largest = largest[0].max(largest[1]).max(largest[2].max(largest[3]));
    let scale = isa.splat(scale);
    let mut sums = [isa.splat(0.0); LANES];
    for scores in scores.chunks_mut(LANES) {
        for (sum, scores) in sums.iter_mut().zip(scores) {
            let y = exp_nonpositive(isa, (isa.load(scores) - largest) * scale);
            *sum = *sum + y;
            y.store(scores);
        }
    }
    isa.splat(1.0) / fold(sums, |a, b| a + b)
}
