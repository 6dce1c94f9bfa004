//! WebAssembly's relaxed SIMD: the 8-bit dot product.
//!
//! `i32x4.relaxed_dot_i8x16_i7x16_add` gives the same result everywhere only if its second operand is
//! within `0..=127`. So the weights of a column are shifted to that range, and activations are
//! shifted to `-128..=127`:
//!
//! ```text
//! sum q v  =  sum (q - 128) (v - low)  +  low * sum q  +  128 * sum (v - low)
//! ```
//!
//! The excess of a shifted weight over 127 goes to extra blocks, which are multiplied on their own and
//! added to the same sums. A matrix that needs many of them is left to the simd128 kernel, whose
//! float operations this kernel shares.

use core::arch::wasm32::*;
use core::array::from_fn;
use std::sync::OnceLock;

use super::contract::{Isa, Op, by_tiles};
use super::lanes::LANES;
use super::simd128::{Lanes, Simd128, store_half};
use crate::kernels::layout::{Block, GROUP, MatrixI8, Packed, Panels};

/// A value exists only if the engine computes the relaxed dot product as specified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relaxed(());

impl Relaxed {
    /// The baseline compilers of some engines get the instruction wrong, and the optimizing compiler
    /// later replaces their code with correct code. The result of the first test is kept: a later
    /// test could pass while other code that has not run often is still wrong.
    pub fn new() -> Option<Relaxed> {
        static CORRECT: OnceLock<bool> = OnceLock::new();
        CORRECT.get_or_init(self_test).then_some(Relaxed(()))
    }
}

/// Whether a tile of extreme and mixed values is multiplied correctly.
fn self_test() -> bool {
    let acts: [u8; 16] = from_fn(|i| [0x80, 0x7f, 0xff, 0x01, 0x55, 0xd3, 0x00, 0x91][i % 8]);
    let block: [i8; 64] = from_fn(|i| [127, 127, 0, 64, 1, 99, 127, 126][(i * 5 + i / 16) % 8]);
    let blocks = [Block(block); 4];
    let panels = Panels {
        count: 1,
        blocks: &blocks,
        prefetch: false,
        depth: 1,
        extras: &[],
        extras_at: &[],
    };
    let mut out = [[0; LANES]];
    dot_tile::<1>(&acts, panels, &mut out);
    (0..LANES).all(|column| {
        let expected = acts
            .iter()
            .enumerate()
            .map(|(i, &q)| i32::from(q as i8) * i32::from(block[column * GROUP + i % GROUP]));
        out[0][column] == expected.sum::<i32>()
    })
}

/// The largest weight for which the product is specified.
const MAX_WEIGHT: u8 = 127;

/// Moves the excess over [`MAX_WEIGHT`] from blocks of unsigned weights to extra blocks.
fn move_excess(packed: &mut Packed) {
    let height = packed.height().max(1);
    for (shape, blocks) in packed.shapes.iter_mut().zip(packed.blocks.chunks_exact_mut(height)) {
        for (at, block) in blocks.iter_mut().enumerate() {
            // A weight above it has its sign bit set.
            while block.0.iter().fold(0, |all, v| all | v) < 0 {
                let extra = block.0.map(|v| (v as u8).saturating_sub(MAX_WEIGHT).min(MAX_WEIGHT));
                for (v, extra) in block.0.iter_mut().zip(extra) {
                    *v = (*v as u8 - extra) as i8;
                }
                packed.extras.push(Block(extra.map(|v| v as i8)));
                packed.extras_at.push(u16::try_from(at).expect("asserted by LinearI8::new"));
            }
        }
        shape.extras_end = packed.extras.len();
    }
}

impl Isa for Relaxed {
    type F32 = Lanes;
    const TILE_ROWS: usize = Simd128::TILE_ROWS;

    fn name(self) -> &'static str {
        "relaxed"
    }

    #[inline(never)]
    fn run<O: Op>(self, op: O) {
        op.run(self);
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        Simd128.splat(value)
    }

    #[inline(always)]
    fn load(self, lanes: &[f32; LANES]) -> Lanes {
        Simd128.load(lanes)
    }

    #[inline(always)]
    fn to_floats(self, lanes: &[i32; LANES]) -> Lanes {
        Simd128.to_floats(lanes)
    }

    /// Whether few enough weights are more than [`MAX_WEIGHT`] above the smallest of their column. Each
    /// of them costs at most two extra blocks, and the simd128 kernel takes about a third longer for the
    /// whole matrix.
    fn suits(self, weights: &MatrixI8) -> bool {
        let low = weights.fold(i8::MAX, i8::min);
        let high = weights.fold(i8::MIN, i8::max);
        // Most matrices have none.
        if low.iter().zip(&high).all(|(low, high)| high.abs_diff(*low) <= MAX_WEIGHT) {
            return true;
        }
        let rows = weights.values.chunks_exact(weights.n.max(1));
        let above = rows
            .flat_map(|row| row.iter().zip(&low))
            .filter(|(v, low)| v.abs_diff(**low) > MAX_WEIGHT);
        above.count() <= weights.k * weights.n / (GROUP * LANES * 4)
    }

    /// Packs weights that it [suits](Isa::suits).
    fn pack(self, weights: &MatrixI8) -> Packed {
        let low = weights.fold(i8::MAX, i8::min);
        let mut packed = Packed::interleaved_above::<GROUP>(weights, &low);
        for (column, (low, sum)) in low.into_iter().zip(weights.sums()).enumerate() {
            let low = i32::from(low);
            packed.sum_factor[column] = low;
            packed.offset[column] = 128 * (sum - low * weights.k as i32);
        }
        move_excess(&mut packed);
        packed
    }

    /// Each activation is shifted to `-128..=127`.
    #[inline(always)]
    fn store_acts(self, q: Lanes, out: &mut [u8]) {
        let out: &mut [u8; LANES] = out.try_into().expect("a byte for each activation");
        let [low, high] = q.words();
        let shifted = v128_xor(u8x16_narrow_i16x8(low, high), i8x16_splat(-128));
        // SAFETY: `out` has the 16 bytes that the store, which needs no alignment, writes.
        unsafe { v128_store(out.as_mut_ptr().cast(), shifted) };
    }

    #[inline(always)]
    fn dot_panels(self, acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
        let row_bytes = panels.blocks.len() * GROUP;
        let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| dot_tile::<4>(a, panels, o));
        by_tiles(acts, row_bytes, out, |a, o| dot_tile::<1>(a, panels, o));
    }
}

/// Multiplies a tile: `ROWS` rows by one panel, eight columns at a time.
fn dot_tile<const ROWS: usize>(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]; ROWS]) {
    let height = panels.blocks.len();
    let acts = acts.as_chunks::<GROUP>().0;
    assert_eq!(acts.len(), ROWS * height);
    for half in 0..2 {
        let mut sums = [[i32x4_splat(0); 2]; ROWS];
        let mut add = |block: &Block, at: usize| {
            // SAFETY: the offset is at most 32, and a block has 64 bytes: the two loads, which
            // need no alignment, read the 32 that begin there.
            let weights = unsafe {
                let from = block.0.as_ptr().add(32 * half);
                [v128_load(from.cast()), v128_load(from.add(16).cast())]
            };
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: both callers below pass an `at` below `height`, so the group is within
                // `acts`; the load needs no alignment.
                let q = unsafe { v128_load32_splat(acts.as_ptr().add(r * height + at).cast()) };
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = i32x4_relaxed_dot_i8x16_i7x16_add(q, weights, *sum);
                }
            }
        };
        for (at, block) in panels.blocks.iter().enumerate() {
            add(block, at);
        }
        for (block, &at) in panels.extras.iter().zip(panels.extras_at) {
            let at = usize::from(at);
            assert!(at < height);
            add(block, at);
        }
        for (out, sums) in out.iter_mut().zip(sums) {
            store_half(sums, half, out);
        }
    }
}
