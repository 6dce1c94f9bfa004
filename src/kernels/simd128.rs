//! WebAssembly's fixed-width SIMD: four registers of four floats, and the 16-bit dot product.
//!
//! A module with these instructions only loads where they exist, so being compiled with
//! `simd128` is all the proof that is needed.

use core::arch::wasm32::*;
use core::array::from_fn;
use core::ops::{Add, Div, Mul, Sub};

use super::pack::{Columns, GROUP, Packed, Panel};
use super::simd::{F32x16, Isa, LANES, Op, by_tiles};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Simd128;

#[derive(Clone, Copy)]
pub(super) struct Lanes([v128; 4]);

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

impl F32x16 for Lanes {
    #[inline(always)]
    fn if_lt(self, other: Lanes, yes: Lanes, no: Lanes) -> Lanes {
        Lanes(from_fn(|i| v128_bitselect(yes.0[i], no.0[i], f32x4_lt(self.0[i], other.0[i]))))
    }

    // `min` and `max` stay as the trait gives them: where relaxed SIMD is enabled, LLVM turns
    // `f32x4_pmin` and `f32x4_pmax` into relaxed ones, which lose a NaN.

    #[inline(always)]
    fn pow2(self) -> Lanes {
        let one = f32x4_splat(1.0);
        Lanes(self.0.map(|x| i32x4_add(i32x4_shl(x, 23), one)))
    }

    #[inline(always)]
    fn low_bytes(self) -> [u8; LANES] {
        let [a, b, c, d] = self.0.map(|x| v128_and(x, i32x4_splat(0xff)));
        let packed = u8x16_narrow_i16x8(i16x8_narrow_i32x4(a, b), i16x8_narrow_i32x4(c, d));
        let mut bytes = [0; LANES];
        // SAFETY: `bytes` has the 16 bytes that the store, which needs no alignment, writes.
        unsafe { v128_store(bytes.as_mut_ptr().cast(), packed) };
        bytes
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

    fn name(self) -> &'static str {
        "simd128"
    }

    #[inline(always)]
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

    fn pack(self, weights: &Columns) -> Packed {
        Packed::in_groups_of(2, weights)
    }

    /// Each activation becomes 16 bits.
    #[inline(always)]
    fn store_acts(self, q: [u8; LANES], out: &mut [u8]) {
        for (out, q) in out.as_chunks_mut::<2>().0.iter_mut().zip(q) {
            *out = [q, 0];
        }
    }

    #[inline(always)]
    fn dot_panel(self, acts: &[u8], panel: Panel, out: &mut [[i32; LANES]]) {
        let row_bytes = panel.blocks.len() * GROUP * 2;
        let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| dot_tile::<4>(a, panel, o));
        by_tiles(acts, row_bytes, out, |a, o| dot_tile::<1>(a, panel, o));
    }
}

/// Blocks in one turn of the tile's loop.
const STEP: usize = 1;

/// Bytes of activations that meet one turn's blocks.
const STEP_BYTES: usize = 2 * STEP * GROUP;

/// The tile: `ROWS` rows by one panel, eight columns at a time. Both factors are widened to 16
/// bits, where `i32x4.dot` is exact.
fn dot_tile<const ROWS: usize>(acts: &[u8], panel: Panel, out: &mut [[i32; LANES]; ROWS]) {
    let row_bytes = panel.blocks.len() * GROUP * 2;
    let steps = panel.blocks.as_chunks::<STEP>().0;
    let rows: [&[[u8; STEP_BYTES]]; ROWS] =
        from_fn(|r| acts[r * row_bytes..][..row_bytes].as_chunks().0);
    for row in rows {
        assert_eq!(row.len(), steps.len());
    }
    for half in 0..2 {
        let mut sums = [[i32x4_splat(0); 2]; ROWS];
        for (i, blocks) in steps.iter().enumerate() {
            for pair in 0..2 * STEP {
                let block = &blocks[pair / 2].0;
                // SAFETY: the offset is at most 48, and a block has 64 bytes: the two loads, which
                // need no alignment, read the 16 that begin there.
                let weights = unsafe {
                    let from = block.as_ptr().add(pair % 2 * 32 + half * 16);
                    [i16x8_load_extend_i8x8(from), i16x8_load_extend_i8x8(from.add(8))]
                };
                for (sums, row) in sums.iter_mut().zip(rows) {
                    // SAFETY: a step of a row has four bytes for each of its pairs, which the
                    // load, which needs no alignment, reads.
                    let q = unsafe { v128_load32_splat(row[i].as_ptr().add(4 * pair).cast()) };
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = i32x4_add(*sum, i32x4_dot_i16x8(q, weights));
                    }
                }
            }
        }
        for (out, sums) in out.iter_mut().zip(sums) {
            store_half(sums, half, out);
        }
    }
}

/// Write eight columns of a row: the first or the second half.
#[inline(always)]
pub(super) fn store_half(sums: [v128; 2], half: usize, out: &mut [i32; LANES]) {
    let to = out[8 * half..][..8].as_mut_ptr();
    // SAFETY: `to` begins eight integers, which the two stores, that need no alignment, write.
    unsafe {
        v128_store(to.cast(), sums[0]);
        v128_store(to.add(4).cast(), sums[1]);
    }
}
