//! WebAssembly's fixed-width SIMD: four registers of four floats, and the 16-bit dot product.
//!
//! An engine without these instructions refuses the whole module, so being compiled with `simd128` is
//! proof enough that they exist.

use core::arch::wasm32::*;
use core::array::from_fn;
use core::mem::MaybeUninit;
use core::ops::{Add, Div, Mul, Sub};
use core::slice::from_raw_parts;

use super::contract::{Isa, Op};
use super::lanes::{F32x16, LANES};
use crate::kernels::layout::{Block, GROUP, MatrixI8, Packed, Panels};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simd128;

#[derive(Clone, Copy)]
pub struct Lanes([v128; 4]);

macro_rules! lanewise {
    ($($op:ident::$method:ident = $intrinsic:ident),*) => {$(
        impl $op for Lanes {
            type Output = Lanes;
            #[inline(always)]
            fn $method(self, other: Lanes) -> Lanes {
                Lanes(from_fn(|i| $intrinsic(self.0[i], other.0[i])))
            }
        }
    )*};
}
lanewise!(Add::add = f32x4_add, Sub::sub = f32x4_sub, Mul::mul = f32x4_mul, Div::div = f32x4_div);

impl Lanes {
    /// The integers `0..=255`, to which [`super::lanes::ROUND_MAGIC`] was added, in 16 bits each.
    #[inline(always)]
    pub(super) fn words(self) -> [v128; 2] {
        let [a, b, c, d] = self.0.map(|x| v128_and(x, i32x4_splat(0xff)));
        [i16x8_narrow_i32x4(a, b), i16x8_narrow_i32x4(c, d)]
    }
}

/// The lanes of `yes` where `mask` is all ones, and those of `no` where it is all zeros.
#[inline(always)]
fn select(yes: v128, no: v128, mask: v128) -> v128 {
    #[cfg(target_feature = "relaxed-simd")]
    return i32x4_relaxed_laneselect(yes, no, mask);
    #[cfg(not(target_feature = "relaxed-simd"))]
    v128_bitselect(yes, no, mask)
}

impl F32x16 for Lanes {
    #[inline(always)]
    fn if_lt(self, other: Lanes, yes: Lanes, no: Lanes) -> Lanes {
        Lanes(from_fn(|i| select(yes.0[i], no.0[i], f32x4_lt(self.0[i], other.0[i]))))
    }

    // With relaxed SIMD enabled, `min` and `max` keep the trait's definition, because LLVM turns
    // `f32x4_pmin` and `f32x4_pmax` into relaxed instructions, which lose a NaN. It does the same to
    // comparisons of single floats, so callers of `min_lanes` and `max_lanes` must not depend on a
    // NaN or on the sign of zero.

    #[cfg(not(target_feature = "relaxed-simd"))]
    #[inline(always)]
    fn min(self, other: Lanes) -> Lanes {
        Lanes(from_fn(|i| f32x4_pmin(self.0[i], other.0[i])))
    }

    #[cfg(not(target_feature = "relaxed-simd"))]
    #[inline(always)]
    fn max(self, other: Lanes) -> Lanes {
        Lanes(from_fn(|i| f32x4_pmax(self.0[i], other.0[i])))
    }

    #[inline(always)]
    fn pow2(self) -> Lanes {
        let one = f32x4_splat(1.0);
        Lanes(self.0.map(|x| i32x4_add(i32x4_shl(x, 23), one)))
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        for (out, x) in out.as_chunks_mut::<4>().0.iter_mut().zip(self.0) {
            // SAFETY: `out` has the four floats that the store, which needs no alignment, writes.
            unsafe { v128_store(out.as_mut_ptr().cast(), x) };
        }
    }
}

impl Isa for Simd128 {
    type F32 = Lanes;
    const TILE_ROWS: usize = 2;
    const ACT_BYTES: usize = 2;
    /// Twice as many as by default, because the weights are widened again for each group of rows.
    const ROWS: usize = 128;

    fn name(self) -> &'static str {
        "simd128"
    }

    #[inline(never)]
    fn run<O: Op>(self, op: O) {
        op.run(self);
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        Lanes([f32x4_splat(value); 4])
    }

    #[inline(always)]
    fn load(self, lanes: &[f32; LANES]) -> Lanes {
        let from = lanes.as_ptr();
        // SAFETY: `lanes` has the 16 floats that the four loads, which need no alignment, read.
        Lanes(from_fn(|i| unsafe { v128_load(from.add(4 * i).cast()) }))
    }

    #[inline(always)]
    fn to_floats(self, lanes: &[i32; LANES]) -> Lanes {
        let from = lanes.as_ptr();
        // SAFETY: `lanes` has the 16 integers that the four loads, which need no alignment, read.
        Lanes(from_fn(|i| unsafe { f32x4_convert_i32x4(v128_load(from.add(4 * i).cast())) }))
    }

    fn pack(self, weights: &MatrixI8) -> Packed {
        Packed::interleaved::<2>(weights)
    }

    /// Each activation becomes 16 bits.
    #[inline(always)]
    fn store_acts(self, q: Lanes, out: &mut [u8]) {
        let out: &mut [u8; 2 * LANES] = out.try_into().expect("two bytes for each activation");
        let [low, high] = q.words();
        // SAFETY: `out` has the 32 bytes that the stores, which need no alignment, write.
        unsafe {
            v128_store(out.as_mut_ptr().cast(), low);
            v128_store(out.as_mut_ptr().add(LANES).cast(), high);
        }
    }

    #[inline(always)]
    fn dot_panels(self, acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
        dot_rows(acts, panels, out);
    }
}

/// The number of blocks whose weights are widened before they are multiplied by all rows: 12 KiB,
/// which is part of the first-level cache.
const WIDE_BLOCKS: usize = 96;

/// Rows of a tile of integers. Two rows of sixteen columns take fewer instructions than four of eight,
/// because weights lie at constant distances, and rows do not.
const DOT_ROWS: usize = 2;

/// The weights of a pair of inputs for sixteen columns, in 16 bits.
type Pair = [v128; 4];

/// Multiplies all rows by one panel, [`WIDE_BLOCKS`] at a time.
fn dot_rows(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
    let row_bytes = panels.blocks.len() * GROUP * Simd128::ACT_BYTES;
    let mut wide = [const { MaybeUninit::<Pair>::uninit() }; 2 * WIDE_BLOCKS];
    out.fill([0; LANES]);
    let mut start = 0;
    for blocks in panels.blocks.chunks(WIDE_BLOCKS) {
        for (wide, block) in wide.as_chunks_mut::<2>().0.iter_mut().zip(blocks) {
            for (pair, wide) in wide.iter_mut().enumerate() {
                wide.write(widen(block, pair));
            }
        }
        // SAFETY: both pairs of each block have just been written.
        let wide = unsafe { from_raw_parts(wide.as_ptr().cast::<Pair>(), 2 * blocks.len()) };
        let (tiles, rest) = out.as_chunks_mut::<DOT_ROWS>();
        for (t, out) in tiles.iter_mut().enumerate() {
            dot_tile(&acts[DOT_ROWS * t * row_bytes + start..], row_bytes, wide, out);
        }
        let done = DOT_ROWS * tiles.len();
        for (r, out) in rest.iter_mut().enumerate() {
            let out = core::array::from_mut(out);
            dot_tile(&acts[(done + r) * row_bytes + start..], row_bytes, wide, out);
        }
        start += blocks.len() * GROUP * Simd128::ACT_BYTES;
    }
}

/// One of the two pairs of inputs in a block.
#[inline(always)]
fn widen(block: &Block, pair: usize) -> Pair {
    from_fn(|i| {
        let from = block.0[32 * pair + 8 * i..][..8].as_ptr();
        // SAFETY: `from` points to the eight bytes that the load, which needs no alignment, reads.
        unsafe { i16x8_load_extend_i8x8(from) }
    })
}

/// Multiplies a tile: `ROWS` rows, `row_bytes` apart, by some of a panel's inputs. Adds to `out`. Both
/// factors are in 16 bits, in which `i32x4.dot` is exact.
///
/// One step of the loop takes one pair of inputs: its loads and sums just fit the registers of
/// x86-64.
fn dot_tile<const ROWS: usize>(
    acts: &[u8],
    row_bytes: usize,
    weights: &[Pair],
    out: &mut [[i32; LANES]; ROWS],
) {
    let acts = acts.as_chunks::<4>().0;
    let row_pairs = row_bytes / 4;
    assert!((ROWS - 1) * row_pairs + weights.len() <= acts.len());
    let mut sums = out.each_ref().map(load);
    for (i, pair) in weights.iter().enumerate() {
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the assertion above puts the index within `acts`; the load needs no alignment.
            let q = unsafe { v128_load32_splat(acts.as_ptr().add(r * row_pairs + i).cast()) };
            for (sum, weights) in sums.iter_mut().zip(pair) {
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(q, *weights));
            }
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        let [a, b, c, d] = sums;
        store_half([a, b], 0, out);
        store_half([c, d], 1, out);
    }
}

/// Sixteen columns of a row.
#[inline(always)]
fn load(row: &[i32; LANES]) -> [v128; 4] {
    let from = row.as_ptr();
    // SAFETY: `row` has the 16 integers that the four loads, which need no alignment, read.
    from_fn(|i| unsafe { v128_load(from.add(4 * i).cast()) })
}

/// Writes eight columns of a row: the first or the second half.
#[inline(always)]
pub(super) fn store_half(sums: [v128; 2], half: usize, out: &mut [i32; LANES]) {
    let to = out[8 * half..][..8].as_mut_ptr();
    // SAFETY: `to` points to the eight integers that the two stores, which need no alignment, write.
    unsafe {
        v128_store(to.cast(), sums[0]);
        v128_store(to.add(4).cast(), sums[1]);
    }
}
