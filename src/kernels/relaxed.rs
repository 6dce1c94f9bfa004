//! WebAssembly's relaxed SIMD: the 8-bit dot product.
//!
//! `i32x4.relaxed_dot_i8x16_i7x16_add` is the same everywhere only while its second operand is
//! in `0..=127`. So a column's weights are shifted there, and activations are shifted to
//! `-128..=127`:
//!
//! ```text
//! sum q v  =  sum (q - 128) (v - low)  +  low * sum q  +  128 * sum (v - low)
//! ```
//!
//! What a shifted weight has above 127 goes to extra blocks, which are multiplied on their own and
//! added to the same sums. A matrix that needs many of them is multiplied by the simd128 kernel.
//! All else is that kernel's too.

use core::arch::wasm32::*;
use core::array::from_fn;
use std::sync::OnceLock;

use super::layout::{Block, Columns, GROUP, Packed, Panels};
use super::simd::{Isa, LANES, Op, by_tiles};
use super::simd128::{Lanes, Simd128, store_half};

/// Exists only where the engine computes the relaxed dot product as specified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relaxed(());

impl Relaxed {
    /// Some engines' baseline compilers get the instruction wrong, and replace their code by right
    /// code when it has run often. The answer is that of the first call and is kept, for a later
    /// test would pass while code that has not run yet would still be compiled wrongly.
    pub fn new() -> Option<Relaxed> {
        static RIGHT: OnceLock<bool> = OnceLock::new();
        RIGHT.get_or_init(self_test).then_some(Relaxed(()))
    }
}

/// Whether the tile multiplies right: extreme and mixed values, each sum checked.
fn self_test() -> bool {
    let acts: [u8; 16] = from_fn(|i| [0x80, 0x7f, 0xff, 0x01, 0x55, 0xd3, 0x00, 0x91][i % 8]);
    let block: [i8; 64] = from_fn(|i| [127, 127, 0, 64, 1, 99, 127, 126][(i * 5 + i / 16) % 8]);
    let blocks = [Block(block); 4];
    let panels =
        Panels { count: 1, blocks: &blocks, fetch: false, depth: 1, extras: &[], extras_at: &[] };
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
const LARGEST: u8 = 127;

/// Whether few enough weights are more than [`LARGEST`] above their column's least: each costs at
/// most two extra blocks, and the simd128 kernel takes about a third longer for all of them.
pub(super) fn fits(weights: &Columns) -> bool {
    let low = weights.fold(i8::MAX, i8::min);
    let high = weights.fold(i8::MIN, i8::max);
    // Most matrices have none.
    if low.iter().zip(&high).all(|(low, high)| high.abs_diff(*low) <= LARGEST) {
        return true;
    }
    let rows = weights.values.chunks_exact(weights.n.max(1));
    let above =
        rows.flat_map(|row| row.iter().zip(&low)).filter(|(v, low)| v.abs_diff(**low) > LARGEST);
    above.count() <= weights.k * weights.n / (GROUP * LANES * 4)
}

/// Move what exceeds [`LARGEST`] from blocks of unsigned weights to extra ones.
fn peel(packed: &mut Packed) {
    let height = packed.height().max(1);
    for (shape, blocks) in packed.shapes.iter_mut().zip(packed.blocks.chunks_exact_mut(height)) {
        for (at, block) in blocks.iter_mut().enumerate() {
            // A weight above it is the one whose sign bit is set.
            while block.0.iter().fold(0, |all, v| all | v) < 0 {
                let extra = block.0.map(|v| (v as u8).saturating_sub(LARGEST).min(LARGEST));
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

    /// Only for weights that [`fits`] has accepted.
    fn pack(self, weights: &Columns) -> Packed {
        let low = weights.fold(i8::MAX, i8::min);
        let mut packed = Packed::above::<GROUP>(weights, &low);
        for (column, (low, sum)) in low.into_iter().zip(weights.sums()).enumerate() {
            let low = i32::from(low);
            packed.sum_factor[column] = low;
            packed.offset[column] = 128 * (sum - low * weights.k as i32);
        }
        peel(&mut packed);
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

/// The tile: `ROWS` rows by one panel, eight columns at a time.
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
                // SAFETY: `at` is below `height`, as the callers below see to, and the load needs
                // no alignment.
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
