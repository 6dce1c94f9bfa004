//! The layout of an int8 weight matrix in memory.
//!
//! A matrix becomes panels of sixteen columns, and a panel becomes blocks of four inputs by
//! sixteen columns: 64 bytes, one cache line. Within a block, the inputs of a column lie side by
//! side in fours or in twos, depending on the instruction that multiplies them.

use core::array::from_fn;

use super::isa::lanes::LANES;

/// Inputs in a block.
pub(super) const GROUP: usize = 4;

/// The number of inputs is padded with zero weights to a multiple of this, and is at least this.
pub(super) const K_STEP: usize = 16;

/// Rows of activations that begin a multiple of this many bytes apart map to the same few sets of a
/// cache and evict each other. They get one more step of padding.
const CACHE_CONFLICT: usize = 2048;

/// The number of inputs with their padding.
fn padded(k: usize) -> usize {
    let padded = k.max(1).next_multiple_of(K_STEP);
    padded + if padded.is_multiple_of(CACHE_CONFLICT) { K_STEP } else { 0 }
}

/// A matrix of `k` inputs by `n` columns before it is packed: `values[input * n + column]`.
pub(super) struct MatrixI8<'a> {
    pub k: usize,
    pub n: usize,
    pub values: &'a [i8],
}

/// Bytes as signed integers.
pub fn signed(bytes: &[u8]) -> &[i8] {
    // SAFETY: the two types have the same size and alignment, and every bit pattern is valid in both.
    unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

impl MatrixI8<'_> {
    /// Folds each column. Weights are visited in the order in which they lie in memory, which is many
    /// times faster than column by column. The function is not inlined, because browsers optimize
    /// small functions with hot loops first.
    #[inline(never)]
    pub fn fold<T: Copy>(&self, first: T, fold: impl Fn(T, i8) -> T) -> Vec<T> {
        let mut folded = vec![first; self.n];
        for row in self.values.chunks_exact(self.n.max(1)) {
            for (column, &value) in folded.iter_mut().zip(row) {
                *column = fold(*column, value);
            }
        }
        folded
    }

    /// The sum of each column.
    pub fn sums(&self) -> Vec<i32> {
        self.fold(0, |sum, v| sum + i32::from(v))
    }
}

/// Four inputs by sixteen columns of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Block(pub [i8; GROUP * LANES]);

impl Block {
    pub const ZERO: Block = Block([0; GROUP * LANES]);

    /// Interleaves inputs: `SIDE` of them for each column, and then the next `SIDE`.
    fn interleave<const SIDE: usize>(inputs: [[i8; LANES]; GROUP]) -> Block {
        let mut block = [0; GROUP * LANES];
        let parts = block.as_chunks_mut::<SIDE>().0.as_chunks_mut::<LANES>().0;
        for (part, inputs) in parts.iter_mut().zip(inputs.as_chunks::<SIDE>().0) {
            for (column, weights) in part.iter_mut().enumerate() {
                *weights = from_fn(|input| inputs[input][column]);
            }
        }
        Block(block)
    }
}

/// A panel's part of a row, with zeros beyond the last column of the matrix.
fn lanes(row: &[i8], panel: usize) -> [i8; LANES] {
    let part = &row[panel * LANES..];
    part.first_chunk().copied().unwrap_or_else(|| from_fn(|i| part.get(i).copied().unwrap_or(0)))
}

/// What packing decided for one panel.
#[derive(Clone, Copy, Debug)]
pub(super) struct PanelShape {
    /// The number of blocks whose products may be added in 16 bits before they are widened.
    pub depth: usize,
    /// The end of the panel's extra blocks, which begin where those of the previous panel end.
    pub extras_end: usize,
}

/// A packed matrix.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub blocks: Vec<Block>,
    pub shapes: Vec<PanelShape>,
    pub extras: Vec<Block>,
    /// For each extra block, the index within its panel of the block that it adds to.
    pub extras_at: Vec<u16>,
    /// For each column, the true dot product is `raw + sum_factor * sum(q) + offset`.
    pub sum_factor: Vec<i32>,
    pub offset: Vec<i32>,
}

/// Neighbouring panels, borrowed.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "some fields are for x86-64"))]
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub count: usize,
    /// The blocks, panel by panel.
    pub blocks: &'a [Block],
    /// The panels after these are needed next and should be prefetched.
    pub prefetch: bool,
    /// See [`PanelShape`]. Only AVX2 reads it. Extra blocks occur with AVX2 and relaxed SIMD.
    pub depth: usize,
    pub extras: &'a [Block],
    pub extras_at: &'a [u16],
}

impl Packed {
    /// Packs with `SIDE` (2 or 4) inputs of a column side by side.
    pub fn interleaved<const SIDE: usize>(weights: &MatrixI8) -> Packed {
        Packed::interleaved_above::<SIDE>(weights, &vec![0; weights.n])
    }

    /// Packs the difference between each weight and its column's `low`, as an unsigned byte.
    #[inline(never)]
    pub fn interleaved_above<const SIDE: usize>(weights: &MatrixI8, low: &[i8]) -> Packed {
        let MatrixI8 { k, n, values } = *weights;
        let panels = n.div_ceil(LANES);
        let height = padded(k) / GROUP;
        let mut blocks = vec![Block::ZERO; panels * height];
        for (at, rows) in values.chunks(GROUP * n.max(1)).enumerate() {
            for panel in 0..panels {
                let low = lanes(low, panel);
                let mut inputs = [[0; LANES]; GROUP];
                for (input, row) in inputs.iter_mut().zip(rows.chunks_exact(n)) {
                    let row = lanes(row, panel);
                    *input = from_fn(|column| row[column].wrapping_sub(low[column]));
                }
                blocks[panel * height + at] = Block::interleave::<SIDE>(inputs);
            }
        }
        Packed {
            blocks,
            shapes: vec![PanelShape { depth: 1, extras_end: 0 }; panels],
            extras: Vec::new(),
            extras_at: Vec::new(),
            sum_factor: vec![0; panels * LANES],
            offset: vec![0; panels * LANES],
        }
    }

    /// The number of blocks in a panel, without the extra ones.
    pub fn height(&self) -> usize {
        self.blocks.len() / self.shapes.len().max(1)
    }

    /// `count` panels, beginning with `first`.
    pub fn panels(&self, first: usize, count: usize) -> Panels<'_> {
        let height = self.height();
        let last = self.shapes[first + count - 1];
        let extras = if first == 0 { 0 } else { self.shapes[first - 1].extras_end };
        Panels {
            count,
            blocks: &self.blocks[first * height..][..count * height],
            prefetch: false,
            depth: last.depth,
            extras: &self.extras[extras..last.extras_end],
            extras_at: &self.extras_at[extras..last.extras_end],
        }
    }
}
