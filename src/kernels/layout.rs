//! How an int8 weight matrix lies in memory.
//!
//! A matrix becomes panels of sixteen columns, and a panel becomes blocks of four inputs by
//! sixteen columns: 64 bytes, one cache line. The four inputs of a column lie together in a block,
//! or two and two, as the kernel's multiplication wants them.

use core::array::from_fn;

use super::simd::LANES;

/// Inputs in a block.
pub(super) const GROUP: usize = 4;

/// The number of inputs is padded with zero weights to a multiple of this, at least once.
pub(super) const K_STEP: usize = 16;

/// Rows of activations that begin so many bytes apart, or a multiple of it, share the few places of a
/// cache that their addresses map to, and drive each other out of them. They get a step more of padding.
const CONFLICT: usize = 2048;

/// Inputs with their padding.
fn padded(k: usize) -> usize {
    let padded = k.max(1).next_multiple_of(K_STEP);
    padded + if padded.is_multiple_of(CONFLICT) { K_STEP } else { 0 }
}

/// A matrix as it arrives: `values[input * n + column]`.
pub(super) struct Columns<'a> {
    pub k: usize,
    pub n: usize,
    pub values: &'a [i8],
}

/// Stored bytes as the signed integers that they are.
pub fn signed(bytes: &[u8]) -> &[i8] {
    // SAFETY: the two types have the same size, alignment and valid values.
    unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

impl Columns<'_> {
    /// Folds each column. Weights are visited as they lie in memory, which is many times faster
    /// than column by column. Hot loops in small functions are what browsers optimize soonest.
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

    /// Interleaves inputs: `SIDE` of them for each column, and then the next ones.
    fn side_by_side<const SIDE: usize>(inputs: [[i8; LANES]; GROUP]) -> Block {
        let mut block = [0; GROUP * LANES];
        let parts = block.as_chunks_mut::<SIDE>().0.as_chunks_mut::<LANES>().0;
        for (part, inputs) in parts.iter_mut().zip(inputs.as_chunks::<SIDE>().0) {
            for (column, place) in part.iter_mut().enumerate() {
                *place = from_fn(|input| inputs[input][column]);
            }
        }
        Block(block)
    }
}

/// A panel's part of a row, with zeros for columns that the matrix does not have.
fn lanes(row: &[i8], panel: usize) -> [i8; LANES] {
    let part = &row[panel * LANES..];
    part.first_chunk().copied().unwrap_or_else(|| from_fn(|i| part.get(i).copied().unwrap_or(0)))
}

/// Where one panel's blocks are, and what packing decided for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct PanelShape {
    /// Blocks whose products may be added in 16 bits before they are widened.
    pub depth: usize,
    /// The end of the panel's extra blocks; they begin where the previous panel's end.
    pub extras_end: usize,
}

/// A packed matrix.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub blocks: Vec<Block>,
    pub shapes: Vec<PanelShape>,
    pub extras: Vec<Block>,
    /// For each extra block, the index within the panel of the block it adds to.
    pub extras_at: Vec<u16>,
    /// The true dot product is `raw + sum_factor * sum(q) + offset`, column by column.
    pub sum_factor: Vec<i32>,
    pub offset: Vec<i32>,
}

/// Panels beside each other, borrowed.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "some fields are for x86-64"))]
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub count: usize,
    /// Panel by panel.
    pub blocks: &'a [Block],
    /// The panels behind these are next, and should be on their way from memory.
    pub fetch: bool,
    /// See [`PanelShape`]; only AVX2 asks for it. Extra blocks are AVX2's and relaxed SIMD's.
    pub depth: usize,
    pub extras: &'a [Block],
    pub extras_at: &'a [u16],
}

impl Packed {
    /// Pack with `SIDE` (2 or 4) inputs of a column side by side.
    pub fn in_groups_of<const SIDE: usize>(weights: &Columns) -> Packed {
        Packed::above::<SIDE>(weights, &vec![0; weights.n])
    }

    /// Pack by how much the weights of each column are above its `low`, as unsigned bytes.
    #[inline(never)]
    pub fn above<const SIDE: usize>(weights: &Columns, low: &[i8]) -> Packed {
        let Columns { k, n, values } = *weights;
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
                blocks[panel * height + at] = Block::side_by_side::<SIDE>(inputs);
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

    /// Blocks in a panel, the extra ones aside.
    pub fn height(&self) -> usize {
        self.blocks.len() / self.shapes.len().max(1)
    }

    /// `count` panels from `first` on.
    pub fn panels(&self, first: usize, count: usize) -> Panels<'_> {
        let height = self.height();
        let last = self.shapes[first + count - 1];
        let extras = if first == 0 { 0 } else { self.shapes[first - 1].extras_end };
        Panels {
            count,
            blocks: &self.blocks[first * height..][..count * height],
            fetch: false,
            depth: last.depth,
            extras: &self.extras[extras..last.extras_end],
            extras_at: &self.extras_at[extras..last.extras_end],
        }
    }
}
