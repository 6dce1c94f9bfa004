//! The sixteen virtual lanes on which every float is computed.
//!
//! An instruction set implements [`Isa`] and [`F32x16`] with whatever registers it has; the
//! operations are written once over these traits. Sixteen lanes everywhere, and reductions that
//! combine them in one fixed tree, are what makes a result independent of the register width.
//! Nothing here may fuse a multiplication with an addition.

use core::ops::{Add, Div, Mul, Sub};

/// Virtual lanes of a vector, and columns of a packed panel.
pub(super) const LANES: usize = 16;

/// `1.5 * 2^23`: adding it to a float of magnitude below `2^22` rounds that float to the nearest
/// integer, ties to even, and leaves the integer in the low bits of the sum.
pub(super) const MAGIC: f32 = 12_582_912.0;

/// Sixteen floats, each lane on its own.
pub(super) trait F32x16:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// `if self < other { yes } else { no }` in each lane; a NaN on either side chooses `no`.
    fn if_lt(self, other: Self, yes: Self, no: Self) -> Self;

    /// `2^n` where `self` is `n + MAGIC` with an integer `-126 <= n <= 127`.
    fn pow2(self) -> Self;

    fn store(self, out: &mut [f32; LANES]);

    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        lanes
    }

    /// Store as many lanes as `out` has room for.
    #[inline(always)]
    fn store_first(self, out: &mut [f32]) {
        match out.first_chunk_mut() {
            Some(all) => self.store(all),
            None => copy_first(&self.to_array(), out),
        }
    }

    /// The smaller of two; `self` where the two do not compare.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        other.if_lt(self, other, self)
    }

    /// The larger of two; `self` where the two do not compare.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.if_lt(other, other, self)
    }

    /// The sum of the lanes: halves are added until one lane is left.
    #[inline(always)]
    fn sum_lanes(self) -> f32 {
        fold(self.to_array(), |a, b| a + b)
    }

    /// The smallest lane, in the same tree.
    #[inline(always)]
    fn min_lanes(self) -> f32 {
        fold(self.to_array(), |a, b| if b < a { b } else { a })
    }

    /// The largest lane, in the same tree.
    #[inline(always)]
    fn max_lanes(self) -> f32 {
        fold(self.to_array(), |a, b| if a < b { b } else { a })
    }
}

/// What is left of a row behind its whole vectors. Calls that are marked as rare leave the registers
/// to the loops around them.
#[cold]
#[inline(never)]
fn copy_first(lanes: &[f32; LANES], out: &mut [f32]) {
    out.copy_from_slice(&lanes[..out.len()]);
}

#[cold]
#[inline(never)]
fn pad(lanes: &[f32], fill: f32) -> [f32; LANES] {
    let mut padded = [fill; LANES];
    padded[..lanes.len()].copy_from_slice(lanes);
    padded
}

/// The fixed tree: 16 lanes to 8, to 4, to 2, to 1, lane `i` with lane `i + half`.
#[inline(always)]
pub(super) fn fold<T: Copy>(mut lanes: [T; LANES], combine: impl Fn(T, T) -> T) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = combine(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Pass the quantized rows of `acts`, of `row_bytes` each, to `tile` in groups of `ROWS`, with the
/// results that are theirs. The last group may share rows with the one before it, which then get
/// the same results twice: a tile costs little more than a row. Fewer rows than a tile's are
/// returned.
#[cfg(any(target_arch = "x86_64", target_feature = "relaxed-simd"))]
#[inline(always)]
pub(super) fn by_tiles<'a, T, const ROWS: usize>(
    acts: &'a [u8],
    row_bytes: usize,
    out: &'a mut [T],
    mut tile: impl FnMut(&[u8], &mut [T; ROWS]),
) -> (&'a [u8], &'a mut [T]) {
    if out.len() < ROWS {
        return (acts, out);
    }
    let tile_bytes = ROWS * row_bytes;
    for (acts, out) in acts.chunks_exact(tile_bytes).zip(out.as_chunks_mut::<ROWS>().0) {
        tile(acts, out);
    }
    if !out.len().is_multiple_of(ROWS)
        && let Some(last) = out.last_chunk_mut()
    {
        tile(&acts[acts.len() - tile_bytes..], last);
    }
    (&[], &mut [])
}

/// The size of the parts, at most `most`, in which `count` things are dealt out most evenly.
pub fn even(count: usize, most: usize) -> usize {
    count.div_ceil(count.div_ceil(most).max(1))
}

/// Bytes of a cache line, and of the longest vector register.
const LINE: usize = 64;

/// `len` elements that begin at a cache line, in a buffer that grows to hold them and whose contents
/// are what the last use left. A vector that lies across two lines takes twice as long to load.
pub fn aligned<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    let spare = LINE / size_of::<T>();
    if buffer.len() < len + spare {
        buffer.resize(len + spare, T::default());
    }
    let start = buffer.as_ptr().align_offset(LINE).min(spare);
    &mut buffer[start..][..len]
}

/// An instruction set. A value of this type is the proof that its instructions may be executed.
pub(super) trait Isa: Copy {
    type F32: F32x16;

    /// Rows of a float tile: as many as its registers hold accumulators for (8, 4, 2 or 1).
    const TILE_ROWS: usize;

    /// Panels that a tile is wide, where there are as many (1 or 2).
    const PANELS: usize = 1;

    /// Rows that [`Isa::dot_panels`] is given at a time, at most.
    const ROWS: usize = 64;

    /// Bytes that one quantized activation takes in the layout that [`Isa::dot_panels`] reads.
    const ACT_BYTES: usize = 1;

    fn name(self) -> &'static str;

    /// Call `op` where the compiler may use this instruction set. In a function of its own: browsers
    /// run WebAssembly slowly until they have optimized the whole function, which must not hold
    /// what other instruction sets would do.
    fn run<O: Op>(self, op: O);

    fn splat(self, value: f32) -> Self::F32;
    fn load(self, lanes: &[f32; LANES]) -> Self::F32;
    /// The integers, each rounded to the nearest float, ties to even.
    fn to_floats(self, lanes: &[i32; LANES]) -> Self::F32;

    /// The first [`LANES`] of `lanes`, or all of them and then `fill`.
    #[inline(always)]
    fn load_or(self, lanes: &[f32], fill: f32) -> Self::F32 {
        match lanes.first_chunk() {
            Some(all) => self.load(all),
            None => self.load(&pad(lanes, fill)),
        }
    }

    /// Arrange a matrix's panels for [`Isa::dot_panels`].
    fn pack(self, weights: &super::layout::Columns) -> super::layout::Packed;

    /// Write sixteen activations in the layout that [`Isa::dot_panels`] reads: the integers
    /// `0..=255` that were added to [`MAGIC`]. `out` has [`Isa::ACT_BYTES`] for each.
    fn store_acts(self, q: Self::F32, out: &mut [u8]);

    /// The raw dot products of each row of `acts` with the sixteen columns of each panel: an element
    /// of `out` for each row and, within it, panel. What `raw` leaves out is in the corrections.
    fn dot_panels(self, acts: &[u8], panels: super::layout::Panels, out: &mut [[i32; LANES]]);
}

/// An operation, generic over the instruction set it runs on. Implementations are
/// `#[inline(always)]`, so that they compile inside [`Isa::run`]'s target features. A closure cannot
/// be, so none that is called from two places may compute with vectors: on its own, without these
/// features, each of its instructions would be a call.
pub(super) trait Op {
    fn run<I: Isa>(self, isa: I);
}
