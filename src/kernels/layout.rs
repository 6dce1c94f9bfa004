//! The layout of an int8 weight matrix in memory.
//!
//! A matrix becomes panels of sixteen columns. In a panel, two, four or eight inputs of a column lie
//! side by side, depending on the instruction that multiplies them; after them come the same inputs of
//! the next column, and after those of the last column the next inputs. A panel is divided into blocks
//! of 64 bytes, one cache line: four inputs by sixteen columns, or, where eight inputs lie side by
//! side, eight inputs by eight columns.

use core::array::from_fn;

use super::isa::lanes::LANES;

/// The number of inputs for which a panel has one block on average.
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

/// A cache line of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Block(pub [i8; GROUP * LANES]);

impl Block {
    pub const ZERO: Block = Block([0; GROUP * LANES]);

    fn flatten(blocks: &mut [Block]) -> &mut [i8] {
        // SAFETY: a block is its array and has no padding, and every bit pattern is valid in both types.
        unsafe { core::slice::from_raw_parts_mut(blocks.as_mut_ptr().cast(), size_of_val(blocks)) }
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
    /// The number of blocks whose products may be added in 16 bits before they are widened; 0 if each
    /// product must be widened on its own.
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
    /// See [`PanelShape`]. AVX2 and NEON read it. Extra blocks occur with AVX2 and relaxed SIMD.
    pub depth: usize,
    pub extras: &'a [Block],
    pub extras_at: &'a [u16],
}

impl Packed {
    /// Packs with `SIDE` (2, 4 or 8) inputs of a column side by side.
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
        let parts = Block::flatten(&mut blocks).as_chunks_mut::<SIDE>().0;
        let parts = parts.as_chunks_mut::<LANES>().0;
        for (at, rows) in values.chunks(SIDE * n.max(1)).enumerate() {
            for panel in 0..panels {
                let low = lanes(low, panel);
                let mut inputs = [[0; LANES]; SIDE];
                for (input, row) in inputs.iter_mut().zip(rows.chunks_exact(n)) {
                    let row = lanes(row, panel);
                    *input = from_fn(|column| row[column].wrapping_sub(low[column]));
                }
                parts[panel * (height * GROUP / SIDE) + at] =
                    from_fn(|column| from_fn(|input| inputs[input][column]));
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
