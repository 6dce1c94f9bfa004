//! WebAssembly's relaxed SIMD: the 8-bit dot products.
//!
//! They give the same result everywhere only if their second operand is within `0..=127`. For other
//! values the specification names several results, of which an engine always gives the same one. So
//! there are three ways to multiply, and a test of the engine tells which of them it computes exactly:
//!
//! | [`Dot`] | Weights | Activations | Exact |
//! |---|---|---|---|
//! | `Portable` | shifted to `0..=127` | shifted to `-128..=127` | everywhere |
//! | `Maddubs` | as in [`exact_i16`] | as they are | where both dot products rest on x86-64's `pmaddubsw` |
//! | `Dpbusd` | as they are | as they are | where the 32-bit one is AVX-VNNI's `vpdpbusd` |
//!
//! The shifts of `Portable` add two terms:
//!
//! ```text
//! sum q v  =  sum (q - 128) (v - low)  +  low * sum q  +  128 * sum (v - low)
//! ```
//!
//! The excess of a shifted weight over 127 goes to extra blocks, which are multiplied on their own and
//! added to the same sums. A matrix that needs many of them is left to the simd128 kernel, whose
//! float operations this kernel shares.

use core::arch::wasm32::*;
use core::array::{from_fn, from_ref};
use std::sync::OnceLock;

use super::contract::{Isa, Op, by_tiles};
use super::lanes::{LANES, ROUND_MAGIC};
use super::simd128::{Lanes, Simd128, store_half};
use crate::kernels::exact_i16;
use crate::kernels::layout::{Block, GROUP, K_STEP, MatrixI8, Packed, Panels};

/// A value exists only if the engine computes this dot product exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relaxed(Dot);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dot {
    Portable,
    Maddubs,
    Dpbusd,
}

impl Relaxed {
    pub fn portable() -> Option<Relaxed> {
        static EXACT: OnceLock<bool> = OnceLock::new();
        Relaxed(Dot::Portable).if_exact(&EXACT)
    }

    pub fn maddubs() -> Option<Relaxed> {
        static EXACT: OnceLock<bool> = OnceLock::new();
        // Where the 32-bit product does not saturate, it is a single instruction and faster.
        let dot = i32x4_relaxed_dot_i8x16_i7x16_add;
        let extreme = dot(i8x16_splat(i8::MIN), u8x16_splat(u8::MAX), i32x4_splat(0));
        let saturates = i32x4_extract_lane::<0>(extreme) == 2 * i32::from(i16::MIN);
        if saturates { Relaxed(Dot::Maddubs).if_exact(&EXACT) } else { None }
    }

    pub fn dpbusd() -> Option<Relaxed> {
        static EXACT: OnceLock<bool> = OnceLock::new();
        Relaxed(Dot::Dpbusd).if_exact(&EXACT)
    }

    /// The baseline compilers of some engines get the instructions wrong, and the optimizing compiler
    /// later replaces their code with correct code. The result of the first test is kept: a later
    /// test could pass while other code that has not run often is still wrong.
    fn if_exact(self, known: &OnceLock<bool>) -> Option<Relaxed> {
        known.get_or_init(|| self.is_exact()).then_some(self)
    }

    /// Whether extreme and mixed values are multiplied exactly: one panel of weights from the whole
    /// range and one of small weights, each by a tile of rows and by a single row.
    fn is_exact(self) -> bool {
        const ACTS: [u8; 11] = [0, 255, 255, 255, 255, 1, 128, 127, 90, 200, 255];
        const WEIGHTS: [i8; 8] = [127, 127, -128, -128, 0, -1, 64, 99];
        const COLUMNS: usize = 2 * LANES;
        let acts: [u8; K_STEP] = from_fn(|i| ACTS[i % ACTS.len()]);
        let values: [i8; K_STEP * COLUMNS] = from_fn(|at| {
            let (input, column) = (at / COLUMNS, at % COLUMNS);
            let value = WEIGHTS[(input + column / 2) % WEIGHTS.len()];
            if column < LANES { value } else { value / 4 }
        });
        let packed = self.pack(&MatrixI8 { k: K_STEP, n: COLUMNS, values: &values });
        let mut row = [0; K_STEP];
        self.store_acts(self.load(&acts.map(|q| f32::from(q) + ROUND_MAGIC)), &mut row);
        let sum: i32 = acts.iter().map(|&q| i32::from(q)).sum();
        let mut out = [[0; LANES]; TILE_ROWS + 1];
        (0..COLUMNS / LANES).all(|panel| {
            let (tile, single) = out.split_at_mut(TILE_ROWS);
            let panels = packed.panels(panel, 1);
            self.dot_panels([row; TILE_ROWS].as_flattened(), panels, tile);
            self.dot_panels(&row, panels, single);
            (0..LANES).all(|lane| {
                let column = panel * LANES + lane;
                let weights = values.iter().skip(column).step_by(COLUMNS);
                let products = acts.iter().zip(weights).map(|(&q, &v)| i32::from(q) * i32::from(v));
                let rest = packed.sum_factor[column] * sum + packed.offset[column];
                let expected = products.sum::<i32>() - rest;
                out.iter().all(|sums| sums[lane] == expected)
            })
        })
    }
}

/// Rows of a tile of integers. Their sums and two registers of weights fit the sixteen registers of
/// x86-64.
const TILE_ROWS: usize = 4;

/// The number of blocks whose products `Maddubs` adds in 16 bits. Alone, a block takes as long as in the
/// simd128 kernel; four have too much excess.
const MADDUBS_DEPTH: usize = 2;

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
        match self.0 {
            Dot::Portable => "relaxed",
            Dot::Maddubs => "relaxed_maddubs",
            Dot::Dpbusd => "relaxed_dpbusd",
        }
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

    fn pack(self, weights: &MatrixI8) -> Packed {
        match self.0 {
            Dot::Portable => pack_shifted(weights),
            Dot::Maddubs => exact_i16::pack(weights, &[(MADDUBS_DEPTH, 100)]),
            Dot::Dpbusd => Packed::interleaved::<GROUP>(weights),
        }
    }

    /// Whether there are few extra blocks. Without any, the simd128 kernel takes at least a third longer.
    fn suits(self, packed: &Packed) -> bool {
        packed.extras.len() <= packed.blocks.len() / 4
    }

    #[inline(always)]
    fn store_acts(self, q: Lanes, out: &mut [u8]) {
        let out: &mut [u8; LANES] = out.try_into().expect("a byte for each activation");
        let [low, high] = q.words();
        let shift = if self.0 == Dot::Portable { -128 } else { 0 };
        let acts = v128_xor(u8x16_narrow_i16x8(low, high), i8x16_splat(shift));
        // SAFETY: `out` has the 16 bytes that the store, which needs no alignment, writes.
        unsafe { v128_store(out.as_mut_ptr().cast(), acts) };
    }

    #[inline(always)]
    fn dot_panels(self, acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
        match self.0 {
            Dot::Portable => dot_rows::<Portable, 1>(acts, panels, out),
            Dot::Maddubs => dot_rows::<Maddubs, MADDUBS_DEPTH>(acts, panels, out),
            Dot::Dpbusd => dot_rows::<Dpbusd, 1>(acts, panels, out),
        }
    }
}

/// Packs with each column's weights shifted to begin at 0. See the module's description.
fn pack_shifted(weights: &MatrixI8) -> Packed {
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

/// How the products of `DEPTH` groups of inputs with four columns are added to sums of 32 bits.
trait AddProducts {
    fn add<const DEPTH: usize>(sum: v128, acts: [v128; DEPTH], weights: [v128; DEPTH]) -> v128;
}

struct Portable;

impl AddProducts for Portable {
    #[inline(always)]
    fn add<const DEPTH: usize>(sum: v128, acts: [v128; DEPTH], weights: [v128; DEPTH]) -> v128 {
        acts.into_iter()
            .zip(weights)
            .fold(sum, |sum, (acts, weights)| i32x4_relaxed_dot_i8x16_i7x16_add(acts, weights, sum))
    }
}

struct Maddubs;

impl AddProducts for Maddubs {
    /// [`exact_i16`] has made sure that the 16-bit sums cannot overflow.
    #[inline(always)]
    fn add<const DEPTH: usize>(sum: v128, acts: [v128; DEPTH], weights: [v128; DEPTH]) -> v128 {
        let products: [v128; DEPTH] =
            from_fn(|i| i16x8_relaxed_dot_i8x16_i7x16(weights[i], acts[i]));
        let products =
            products.into_iter().reduce(|a, b| i16x8_add(a, b)).unwrap_or(i16x8_splat(0));
        i32x4_add(sum, i32x4_extadd_pairwise_i16x8(products))
    }
}

struct Dpbusd;

impl AddProducts for Dpbusd {
    #[inline(always)]
    fn add<const DEPTH: usize>(sum: v128, acts: [v128; DEPTH], weights: [v128; DEPTH]) -> v128 {
        Portable::add(sum, weights, acts)
    }
}

/// Multiplies all rows by one panel.
#[inline(never)]
fn dot_rows<A: AddProducts, const DEPTH: usize>(
    acts: &[u8],
    panels: Panels,
    out: &mut [[i32; LANES]],
) {
    let row_bytes = panels.blocks.len() * GROUP;
    let (acts, out) = by_tiles(acts, row_bytes, out, |acts, out| {
        dot_tile::<A, TILE_ROWS, DEPTH>(acts, panels, out);
    });
    by_tiles(acts, row_bytes, out, |acts, out| dot_tile::<A, 1, DEPTH>(acts, panels, out));
}

/// Multiplies a tile: `ROWS` rows by one panel, eight columns and `DEPTH` blocks at a time.
#[inline(never)]
fn dot_tile<A: AddProducts, const ROWS: usize, const DEPTH: usize>(
    acts: &[u8],
    panels: Panels,
    out: &mut [[i32; LANES]; ROWS],
) {
    let height = panels.blocks.len();
    let acts = acts.as_chunks().0;
    assert!(acts.len() == ROWS * height && height.is_multiple_of(DEPTH));
    for half in 0..2 {
        let mut sums = [[i32x4_splat(0); 2]; ROWS];
        for (g, blocks) in panels.blocks.as_chunks::<DEPTH>().0.iter().enumerate() {
            // SAFETY: there are `height` blocks, and as many groups in each row, as asserted above.
            unsafe {
                add_blocks::<A, ROWS, DEPTH>(&mut sums, acts, height, g * DEPTH, blocks, half)
            };
        }
        for (block, &at) in panels.extras.iter().zip(panels.extras_at) {
            let at = usize::from(at);
            assert!(at < height);
            // SAFETY: `at` is below `height`, as asserted above.
            unsafe { add_blocks::<A, ROWS, 1>(&mut sums, acts, height, at, from_ref(block), half) };
        }
        for (out, sums) in out.iter_mut().zip(sums) {
            store_half(sums, half, out);
        }
    }
}

/// Adds the products of some blocks with the groups of inputs from `at` on, of each row.
///
/// # Safety
/// `acts` must have `ROWS` rows of `height` groups, and `at + DEPTH` must be at most `height`.
#[inline(always)]
unsafe fn add_blocks<A: AddProducts, const ROWS: usize, const DEPTH: usize>(
    sums: &mut [[v128; 2]; ROWS],
    acts: &[[u8; GROUP]],
    height: usize,
    at: usize,
    blocks: &[Block; DEPTH],
    half: usize,
) {
    let weights: [[v128; DEPTH]; 2] = from_fn(|part| {
        // SAFETY: a block has four vectors, and `2 * half + part` is at most 3.
        let from = unsafe { blocks.as_ptr().cast::<v128>().add(2 * half + part) };
        // SAFETY: `d < DEPTH`, and there are `DEPTH` blocks.
        from_fn(|d| unsafe { v128_load(from.add(4 * d)) })
    });
    for (r, sums) in sums.iter_mut().enumerate() {
        // SAFETY: `r < ROWS` and `at < height`, so the group is within `acts`.
        let row = unsafe { acts.as_ptr().add(r * height + at) };
        let acts: [v128; DEPTH] = from_fn(|d| {
            // SAFETY: `r < ROWS` and `at + d < height`, so the group is within `acts`, as the caller
            // has made sure; the load needs no alignment.
            unsafe { v128_load32_splat(row.add(d).cast()) }
        });
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = A::add(*sum, acts, weights);
        }
    }
}
