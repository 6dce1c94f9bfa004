//! Multi-head attention over sequences that lie one after another, without padding.
//!
//! Each sequence is computed on its own, head by head. A sequence may have fewer queries than keys: a
//! layer of which only first tokens are read has one. Sixteen queries are computed at a time, one in
//! each lane, so memory grows with the length of the longest sequence, not with its square.

use core::array::from_fn;
use std::ops::Range;

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

/// Some columns of a row-major matrix.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    pub matrix: &'a [f32],
    /// The width of a row of the matrix.
    pub width: usize,
    /// The first one of the columns.
    pub first: usize,
}

impl<'a> Columns<'a> {
    /// `count` of the columns from `first` on, in each of `rows`.
    #[inline(always)]
    fn rows(
        self,
        rows: Range<usize>,
        first: usize,
        count: usize,
    ) -> impl Iterator<Item = &'a [f32]> {
        let rows =
            self.matrix[rows.start * self.width..rows.end * self.width].chunks_exact(self.width);
        rows.map(move |row| &row[self.first + first..][..count])
    }
}

/// What is added to the scores of each head, by the signed distance of a query from a key.
#[derive(Clone, Copy, Debug)]
pub struct Bias<'a> {
    /// `[heads, 2 * reach + 1]`, or one row for all heads. A row begins with the bias of a query that
    /// comes `reach` positions before its key.
    pub values: &'a [f32],
    /// At least the number of tokens of the longest sequence plus [`Bias::SPARE`].
    pub reach: usize,
    /// Sequences with larger distances than this have a bias of minus infinity there. Others have no
    /// bias at all.
    pub window: Option<usize>,
}

impl Bias<'_> {
    /// Queries are computed in vectors, some of whose lanes may lie beyond the last token.
    pub const SPARE: usize = LANES;
}

/// Projected embeddings of the distance of a query from a key (disentangled attention). Both matrices are
/// `[embeddings, heads.count * heads.dim]`.
#[derive(Clone, Copy, Debug)]
pub struct Distances<'a> {
    /// What queries are multiplied by.
    pub for_queries: &'a [f32],
    /// What keys are multiplied by.
    pub for_keys: &'a [f32],
    /// The embedding of each distance, `[2 * reach + 1]`. It begins with that of a query that comes `reach`
    /// positions before its key. They do not fall.
    pub rows: &'a [u32],
    /// At least the number of tokens of the longest sequence plus [`Bias::SPARE`].
    pub reach: usize,
}

/// Queries, keys and values. Each has the width `heads.count * heads.dim`.
#[derive(Clone, Copy, Debug)]
pub struct AttentionInputs<'a> {
    pub queries: Columns<'a>,
    pub keys: Columns<'a>,
    pub values: Columns<'a>,
    /// The position of the first query in its sequence. It is 0 if there are several sequences.
    pub first_query: usize,
    pub bias: Option<Bias<'a>>,
    pub distances: Option<Distances<'a>>,
}

impl<'a> AttentionInputs<'a> {
    /// Self-attention: a row of `qkv`, `[tokens, 3 * hidden]`, holds the queries of a token, then its
    /// keys, then its values.
    pub fn of_each_token(qkv: &'a [f32], hidden: usize) -> AttentionInputs<'a> {
        let [queries, keys, values] =
            [0, 1, 2].map(|part| Columns { matrix: qkv, width: 3 * hidden, first: part * hidden });
        AttentionInputs { queries, keys, values, first_query: 0, bias: None, distances: None }
    }
}

/// Memory that [`attention`] reuses.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    keys: Vec<f32>,
    values: Vec<f32>,
    queries: Vec<f32>,
    scores: Vec<f32>,
    sums: Vec<f32>,
    distances: DistanceScratch,
}

/// What one head needs of the embeddings of distances: of those that occur in the sequence.
#[derive(Debug, Default)]
struct DistanceScratch {
    /// The first of the embeddings.
    first: usize,
    /// The number of the embeddings, padded to whole vectors.
    count: usize,
    /// What queries are multiplied by, `[count, dim]`.
    for_queries: Vec<f32>,
    /// What keys are multiplied by, `[dim, count]`.
    for_keys: Vec<f32>,
    /// The products with keys, `[len, count]`.
    of_keys: Vec<f32>,
    /// The products with the queries of a block, `[count, LANES]`.
    of_queries: Vec<f32>,
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
    distances: &'a mut DistanceScratch,
}

/// `softmax(scale * q k^T + bias) v` for each sequence and head.
///
/// Sequence `s` has the keys and values in the rows `offsets[s]..offsets[s + 1]`, and the queries in
/// the rows `query_offsets[s]..query_offsets[s + 1]`; the first row of a matrix is that of the first
/// offset. `out` is `[queries, hidden]`, with `hidden = heads.count * heads.dim`.
///
/// # Panics
/// If lengths do not fit, offsets are not in ascending order, a sequence has queries and no keys, or the
/// scale is not positive.
pub fn attention(
    kernel: Kernel,
    inputs: AttentionInputs<'_>,
    query_offsets: &[usize],
    offsets: &[usize],
    heads: Heads,
    out: &mut [f32],
    scratch: &mut AttentionScratch,
) {
    let hidden = heads.count * heads.dim;
    let rows = |offsets: &[usize]| {
        assert!(offsets.is_sorted(), "offsets must be in ascending order");
        offsets.first().zip(offsets.last()).map_or(0, |(first, last)| last - first)
    };
    let (queries, keys) = (rows(query_offsets), rows(offsets));
    assert_eq!(query_offsets.len(), offsets.len(), "there must be as many offsets of queries");
    assert_eq!(out.len(), queries * hidden, "out must be [queries, hidden]");
    let AttentionInputs { queries: q, keys: k, values: v, first_query, bias, distances } = inputs;
    for (Columns { matrix, width, first }, rows) in [(q, queries), (k, keys), (v, keys)] {
        assert_eq!(matrix.len(), rows * width, "a matrix must have a row for each token");
        assert!(first + hidden <= width, "the columns must be in the matrix");
    }
    let lacks_keys = |(q, k): (&[usize], &[usize])| q[0] < q[1] && k[0] == k[1];
    assert!(
        !query_offsets.windows(2).zip(offsets.windows(2)).any(lacks_keys),
        "a sequence with queries must have keys"
    );
    assert!(heads.scale > 0.0, "the scale must be positive");
    assert!(first_query == 0 || offsets.len() == 2, "only one sequence can be divided");
    let reaches = bias.map(|bias| bias.reach).into_iter().chain(distances.map(|d| d.reach));
    if let Some(reach) = reaches.min() {
        let longest = offsets.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
        assert!(longest + Bias::SPARE <= reach, "the reach must be over the longest sequence");
        let mut sequences = offsets.windows(2).zip(query_offsets.windows(2));
        let within = |(k, q): (&[usize], &[usize])| first_query + q[1] - q[0] <= k[1] - k[0];
        assert!(sequences.all(within), "queries must be tokens of their sequence");
    }
    if let Some(Bias { values, reach, .. }) = bias {
        let row = 2 * reach + 1;
        assert!([row, heads.count * row].contains(&values.len()), "a row of bias, or one each");
    }
    if let Some(Distances { for_queries, for_keys, rows, reach }) = distances {
        assert!(rows.len() == 2 * reach + 1 && rows.is_sorted(), "an embedding for each distance");
        let last = rows.last().map_or(0, |&row| row as usize);
        let are_there = |matrix: &[f32]| matrix.len() >= (last + 1) * hidden;
        assert!(are_there(for_queries) && are_there(for_keys), "the embeddings must be there");
    }
    if !out.is_empty() {
        kernel.run(Attention { inputs, query_offsets, offsets, heads, out, scratch });
    }
}

struct Attention<'a> {
    inputs: AttentionInputs<'a>,
    query_offsets: &'a [usize],
    offsets: &'a [usize],
    heads: Heads,
    out: &'a mut [f32],
    scratch: &'a mut AttentionScratch,
}

impl Op for Attention<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Attention { inputs, query_offsets, offsets, heads, out, scratch } = self;
        let Heads { count, dim, scale } = heads;
        let hidden = count * dim;
        let range = |ends: &[usize], start: usize| ends[0] - start..ends[1] - start;
        for (queries, keys) in query_offsets.windows(2).zip(offsets.windows(2)) {
            let (queries, keys) = (range(queries, query_offsets[0]), range(keys, offsets[0]));
            let out = &mut out[queries.start * hidden..queries.end * hidden];
            let bias = inputs.bias.filter(|bias| bias.window.is_none_or(|w| w + 1 < keys.len()));
            let window = bias.and_then(|bias| bias.window).unwrap_or(keys.len());
            for (index, first) in (0..hidden).step_by(dim).enumerate() {
                let keys_of_head = inputs.keys.rows(keys.clone(), first, dim);
                let values_of_head = inputs.values.rows(keys.clone(), first, dim);
                let mut head = scratch.pack(isa, keys.len(), dim, keys_of_head, values_of_head);
                if let Some(distances) = inputs.distances {
                    head.prepare(isa, distances, hidden, first);
                }
                let row_of_bias = bias.map(|Bias { values, reach, .. }| {
                    let row = 2 * reach + 1;
                    (&values[index * row % values.len()..][..row], reach)
                });
                // Blocks begin at multiples of the lanes, wherever a sequence is divided, so that each
                // query sees the same keys.
                let mut position = inputs.first_query;
                let mut rest = &mut *out;
                while !rest.is_empty() {
                    let block = position / LANES * LANES;
                    let count = (block + LANES - position).min(rest.len() / hidden);
                    let out = rest.split_off_mut(..count * hidden).expect("there are as many rows");
                    let row = queries.start + position - inputs.first_query;
                    transpose(inputs.queries.rows(row..queries.end, first, dim), head.queries);
                    let out = out.chunks_exact_mut(hidden).map(|row| &mut row[first..][..dim]);
                    let seen = block.saturating_sub(window)..keys.len().min(block + LANES + window);
                    // The biases of a key are those of the key after it, one lane further.
                    let bias = row_of_bias.map(|(row, reach)| {
                        let end = reach + position - seen.start + LANES;
                        &row[end - seen.len() - LANES + 1..end]
                    });
                    let distances = inputs.distances.map(|of| (of, position));
                    head.block(isa, scale, seen, bias, distances, out);
                    position += count;
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
            distances: &mut self.distances,
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
        let rows = rows.map(|row| row[..to.len()].as_chunks::<4>());
        let (blocks, rest) = to.as_chunks_mut::<4>();
        for (i, to) in blocks.iter_mut().enumerate() {
            let block = rows.map(|(row, _)| row[i]);
            for (column, to) in to.iter_mut().enumerate() {
                to[4 * four..][..4].copy_from_slice(&block.map(|row| row[column]));
            }
        }
        for (i, to) in rest.iter_mut().enumerate() {
            to[4 * four..][..4].copy_from_slice(&rows.map(|(_, row)| row[i]));
        }
    }
}

impl Head<'_> {
    /// Takes the elements from `first` on of the embeddings that occur in the sequence, and multiplies the
    /// keys by theirs.
    #[inline(always)]
    fn prepare<I: Isa>(&mut self, isa: I, of: Distances, hidden: usize, first: usize) {
        let (len, dim) = (self.scores.len(), self.queries.len());
        let DistanceScratch { first: first_row, count, for_queries, for_keys, of_keys, .. } =
            &mut *self.distances;
        // The last lanes of a block may lie beyond the sequence.
        let [low, high] = [of.reach + 1 - len, of.reach + len - 1 + LANES - 1]
            .map(|at| of.rows[at.min(2 * of.reach)] as usize);
        let rows = high - low + 1;
        (*first_row, *count) = (low, rows.next_multiple_of(LANES));
        let elements = |matrix: &'_ [f32], row: usize| {
            let at = (low + row) * hidden + first;
            at..(at + dim).min(matrix.len())
        };
        let for_queries = aligned(for_queries, *count * dim);
        let for_keys = aligned(for_keys, dim * *count);
        for (row, to) in for_queries.chunks_exact_mut(dim).enumerate() {
            match row < rows {
                true => to.copy_from_slice(&of.for_queries[elements(of.for_queries, row)]),
                false => to.fill(0.0),
            }
        }
        for row in 0..*count {
            let of_row = if row < rows { &of.for_keys[elements(of.for_keys, row)] } else { &[] };
            for element in 0..dim {
                for_keys[element * *count + row] = of_row.get(element).copied().unwrap_or(0.0);
            }
        }
        isa.run(Product::<false> {
            rows: len,
            depth: dim,
            panels: *count / LANES,
            a: self.keys,
            a_stride: dim,
            b: for_keys,
            b_stride: *count,
            out: aligned(of_keys, len * *count),
            out_stride: *count,
            add: false,
        });
    }

    /// Adds to each score the products of its query and of its key with the embeddings of their distance.
    /// The first query is at `position`.
    #[inline(always)]
    fn add_distances<I: Isa>(&mut self, isa: I, of: Distances, position: usize) {
        let (len, dim) = (self.scores.len(), self.queries.len());
        let DistanceScratch { first, count, for_queries, of_keys, of_queries, .. } =
            &mut *self.distances;
        let (first, count) = (*first as u32, *count);
        let of_queries = aligned(of_queries, count * LANES);
        isa.run(Product::<false> {
            rows: count,
            depth: dim,
            panels: 1,
            a: aligned(for_queries, count * dim),
            a_stride: dim,
            b: self.queries.as_flattened(),
            b_stride: LANES,
            out: of_queries,
            out_stride: LANES,
            add: false,
        });
        let of_queries: &[[f32; LANES]] = of_queries.as_chunks().0;
        let of_keys = aligned(of_keys, len * count).chunks_exact(count);
        for (key, (scores, of_key)) in self.scores.iter_mut().zip(of_keys).enumerate() {
            let rows = &of.rows[of.reach + position - key..][..LANES];
            let sums: [f32; LANES] = from_fn(|lane| {
                let row = (rows[lane] - first) as usize;
                of_queries[row][lane] + of_key[row]
            });
            (isa.load(scores) + isa.load(&sums)).store(scores);
        }
    }

    /// Computes a row of `out` for each of the queries in `queries`, which see some of the keys.
    /// `bias[seen.len() - 1 - i..]` are the biases of the lanes for the key `i` of these.
    #[inline(always)]
    fn block<'a, I: Isa>(
        &mut self,
        isa: I,
        scale: f32,
        seen: Range<usize>,
        bias: Option<&[f32]>,
        distances: Option<(Distances, usize)>,
        out: impl ExactSizeIterator<Item = &'a mut [f32]>,
    ) {
        let Head { keys, values, queries, scores, sums, .. } = self;
        let (len, dim, wide) = (seen.len(), queries.len(), sums.len() / LANES);
        let (keys, values) = (&keys[seen.start * dim..], &values[seen.start * wide..]);
        let scores = &mut scores[..len];
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
        if let Some((distances, position)) = distances {
            self.add_distances(isa, distances, position);
        }
        let Head { scores, sums, .. } = self;
        let scores = &mut scores[..len];
        let scale = match bias {
            Some(bias) => {
                add_bias(isa, scores, scale, bias);
                1.0
            }
            None => scale,
        };
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

/// Replaces each score with `scale * score + bias`. The last biases are those of the first key.
#[inline(always)]
fn add_bias<I: Isa>(isa: I, scores: &mut [[f32; LANES]], scale: f32, bias: &[f32]) {
    let scale = isa.splat(scale);
    for (scores, bias) in scores.iter_mut().rev().zip(bias.windows(LANES)) {
        let bias = isa.load(bias.first_chunk().expect("a window has as many"));
        (isa.load(scores) * scale + bias).store(scores);
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
