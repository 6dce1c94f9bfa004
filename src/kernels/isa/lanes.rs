//! The sixteen virtual lanes on which every float is computed.
//!
//! An instruction set implements [`F32x16`] with whatever registers it has, and the operations are
//! written once over that trait. There are sixteen lanes everywhere, and reductions combine them in
//! one fixed tree: this makes a result independent of the register width. Nothing here may fuse a
//! multiplication with an addition.

use core::ops::{Add, Div, Mul, Sub};

/// Virtual lanes of a vector, and columns of a packed panel.
pub const LANES: usize = 16;

/// `1.5 * 2^23`: adding it to a float of magnitude below `2^22` rounds that float to the nearest
/// integer, ties to even, and leaves the integer in the low bits of the sum.
pub const ROUND_MAGIC: f32 = 12_582_912.0;

/// Sixteen floats, each lane on its own.
pub trait F32x16:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// `if self < other { yes } else { no }` in each lane. A NaN on either side selects `no`.
    fn if_lt(self, other: Self, yes: Self, no: Self) -> Self;

    /// `2^n`, if `self` is `n + ROUND_MAGIC` for an integer `-126 <= n <= 127`.
    fn pow2(self) -> Self;

    fn store(self, out: &mut [f32; LANES]);

    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        lanes
    }

    /// Stores as many lanes as `out` has room for.
    #[inline(always)]
    fn store_first(self, out: &mut [f32]) {
        match out.first_chunk_mut() {
            Some(all) => self.store(all),
            None => copy_first(&self.to_array(), out),
        }
    }

    /// The smaller of the two, or `self` if the two do not compare.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        other.if_lt(self, other, self)
    }

    /// The larger of the two, or `self` if the two do not compare.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.if_lt(other, other, self)
    }

    /// The sum of the lanes. Halves are added until one lane is left.
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

/// Copies the end of a row, which is shorter than a vector. A call that is marked as cold leaves the
/// registers to the loop around it.
#[cold]
#[inline(never)]
fn copy_first(lanes: &[f32; LANES], out: &mut [f32]) {
    out.copy_from_slice(&lanes[..out.len()]);
}

/// The lanes, and then `fill`. It is cold for the same reason.
#[cold]
#[inline(never)]
pub(super) fn pad(lanes: &[f32], fill: f32) -> [f32; LANES] {
    let mut padded = [fill; LANES];
    padded[..lanes.len()].copy_from_slice(lanes);
    padded
}

/// The fixed tree: 16 lanes to 8, to 4, to 2, to 1, lane `i` with lane `i + half`.
#[inline(always)]
pub fn fold<T: Copy>(mut lanes: [T; LANES], combine: impl Fn(T, T) -> T) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = combine(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}
