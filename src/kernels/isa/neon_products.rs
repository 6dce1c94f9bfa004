//! The integer products of NEON: `smull`, `sdot` and `usmmla`.
//!
//! The first two multiply signed bytes alone, so activations are shifted to `-128..=127` for them:
//!
//! ```text
//! sum q v  =  sum (q - 128) v  +  128 * sum v
//! ```
//!
//! Each function multiplies tiles, of as many rows as the 32 registers hold sums for, sixteen inputs at
//! a time: one register of activations for each row. `sdot` and `usmmla` are written in assembly,
//! because their intrinsics are unstable in Rust (features `stdarch_neon_dotprod` and
//! `stdarch_neon_i8mm`).

use core::arch::aarch64::*;
use core::arch::asm;
use core::array::from_fn;

use super::contract::by_tiles;
use super::lanes::LANES;
use crate::kernels::layout::{Block, GROUP, K_STEP, MatrixI8, Packed, Panels};

/// Packs for activations that were shifted to `-128..=127`, with `SIDE` inputs of a column side by side.
///
/// The sum of two products fits in 16 bits, unless both weights are -128 and both activations too. In
/// a panel that has such a weight, no products may be added in 16 bits.
pub fn pack_signed<const SIDE: usize>(weights: &MatrixI8) -> Packed {
    let mut packed = Packed::interleaved::<SIDE>(weights);
    for (offset, sum) in packed.offset.iter_mut().zip(weights.sums()) {
        *offset = 128 * sum;
    }
    let height = packed.height().max(1);
    for (shape, blocks) in packed.shapes.iter_mut().zip(packed.blocks.chunks_exact(height)) {
        shape.depth = usize::from(!blocks.iter().any(|block| block.0.contains(&i8::MIN)));
    }
    packed
}

/// Multiplies all rows by one panel whose blocks hold the inputs of a column in twos. If `ADD`, the two
/// products of a block in one lane are added in 16 bits.
#[target_feature(enable = "neon")]
pub fn widening_rows<const ADD: bool>(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
    let row_bytes = panels.blocks.len() * GROUP;
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| widening_tile::<3, ADD>(a, panels, o));
    by_tiles(acts, row_bytes, out, |a, o| widening_tile::<1, ADD>(a, panels, o));
}

#[target_feature(enable = "neon")]
fn widening_tile<const ROWS: usize, const ADD: bool>(
    acts: &[u8],
    panels: Panels,
    out: &mut [[i32; LANES]; ROWS],
) {
    let mut sums = [[vdupq_n_s32(0); 4]; ROWS];
    for (blocks, q) in steps::<ROWS>(acts, panels) {
        widening_block::<0, 1, ROWS, ADD>(&mut sums, &blocks[0], q);
        widening_block::<2, 3, ROWS, ADD>(&mut sums, &blocks[1], q);
        widening_block::<4, 5, ROWS, ADD>(&mut sums, &blocks[2], q);
        widening_block::<6, 7, ROWS, ADD>(&mut sums, &blocks[3], q);
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        store_row(sums, out);
    }
}

/// Multiplies the pairs `FIRST` and `SECOND` of each row's activations by a block.
#[inline]
#[target_feature(enable = "neon")]
fn widening_block<const FIRST: i32, const SECOND: i32, const ROWS: usize, const ADD: bool>(
    sums: &mut [[int32x4_t; 4]; ROWS],
    block: &Block,
    q: [int8x16_t; ROWS],
) {
    let weights = load_block(block);
    for (sums, q) in sums.iter_mut().zip(q) {
        let pairs = vreinterpretq_s16_s8(q);
        let first = vreinterpretq_s8_s16(vdupq_laneq_s16::<FIRST>(pairs));
        let second = vreinterpretq_s8_s16(vdupq_laneq_s16::<SECOND>(pairs));
        for (half, sums) in sums.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let (a, b) = (weights[half], weights[2 + half]);
            let low = vmull_s8(vget_low_s8(a), vget_low_s8(first));
            let high = vmull_high_s8(a, first);
            if ADD {
                let low = vmlal_s8(low, vget_low_s8(b), vget_low_s8(second));
                sums[0] = vpadalq_s16(sums[0], low);
                sums[1] = vpadalq_s16(sums[1], vmlal_high_s8(high, b, second));
            } else {
                let other = vmull_s8(vget_low_s8(b), vget_low_s8(second));
                sums[0] = vpadalq_s16(vpadalq_s16(sums[0], low), other);
                sums[1] = vpadalq_s16(vpadalq_s16(sums[1], high), vmull_high_s8(b, second));
            }
        }
    }
}

/// Multiplies all rows by one panel whose blocks hold the inputs of a column in fours. Six rows by four
/// registers of sums, and six of activations, leave two for the weights.
#[target_feature(enable = "neon,dotprod")]
pub fn dot_rows(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
    let row_bytes = panels.blocks.len() * GROUP;
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| dot_tile::<6>(a, panels, o));
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| dot_tile::<2>(a, panels, o));
    by_tiles(acts, row_bytes, out, |a, o| dot_tile::<1>(a, panels, o));
}

#[target_feature(enable = "neon,dotprod")]
fn dot_tile<const ROWS: usize>(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]; ROWS]) {
    let mut sums = [[vdupq_n_s32(0); 4]; ROWS];
    for (blocks, q) in steps::<ROWS>(acts, panels) {
        dot_block::<0, ROWS>(&mut sums, &blocks[0], q);
        dot_block::<1, ROWS>(&mut sums, &blocks[1], q);
        dot_block::<2, ROWS>(&mut sums, &blocks[2], q);
        dot_block::<3, ROWS>(&mut sums, &blocks[3], q);
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        store_row(sums, out);
    }
}

/// Multiplies the four activations in `LANE` of each row by a block.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot_block<const LANE: i32, const ROWS: usize>(
    sums: &mut [[int32x4_t; 4]; ROWS],
    block: &Block,
    q: [int8x16_t; ROWS],
) {
    for (c, weights) in load_block(block).into_iter().enumerate() {
        for (sums, q) in sums.iter_mut().zip(q) {
            sums[c] = sdot::<LANE>(sums[c], weights, q);
        }
    }
}

/// `vdotq_laneq_s32`: adds to each lane of `sum` the products of the four bytes in this lane of `a` and
/// the four in lane `LANE` of `b`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot<const LANE: i32>(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the function has the feature of the instruction, which only changes `sum`.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.4b[{lane}]",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// Multiplies all rows by one panel that holds the inputs of a column in eights. Two pairs of rows take
/// sixteen registers of sums; with three pairs, LLVM copies registers.
#[target_feature(enable = "neon,i8mm")]
pub fn matrix_rows(acts: &[u8], panels: Panels, out: &mut [[i32; LANES]]) {
    let row_bytes = panels.blocks.len() * GROUP;
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| matrix_tile::<4, 2>(a, panels, o));
    let (acts, out) = by_tiles(acts, row_bytes, out, |a, o| matrix_tile::<2, 1>(a, panels, o));
    by_tiles(acts, row_bytes, out, |a, o| matrix_tile::<1, 1>(a, panels, o));
}

/// Multiplies a tile: `PAIRS` pairs of rows. A single row is multiplied twice.
#[target_feature(enable = "neon,i8mm")]
fn matrix_tile<const ROWS: usize, const PAIRS: usize>(
    acts: &[u8],
    panels: Panels,
    out: &mut [[i32; LANES]; ROWS],
) {
    // Each holds two rows by two columns.
    let mut sums = [[vdupq_n_s32(0); 8]; PAIRS];
    for (blocks, q) in steps::<ROWS>(acts, panels) {
        let rows = q.map(|q| vreinterpretq_s64_s8(q));
        let pairs: [_; PAIRS] = from_fn(|p| (rows[2 * p], rows[(2 * p + 1).min(ROWS - 1)]));
        let low = pairs.map(|(a, b)| vreinterpretq_s8_s64(vzip1q_s64(a, b)));
        let high = pairs.map(|(a, b)| vreinterpretq_s8_s64(vzip2q_s64(a, b)));
        for (q, blocks) in [low, high].into_iter().zip(blocks.as_chunks::<2>().0) {
            for (c, weights) in blocks.iter().flat_map(|block| load_block(block)).enumerate() {
                for (sums, q) in sums.iter_mut().zip(q) {
                    sums[c] = usmmla(sums[c], q, weights);
                }
            }
        }
    }
    for (out, sums) in out.chunks_mut(2).zip(sums) {
        let columns = sums.map(|sums| vreinterpretq_s64_s32(sums));
        let columns = columns.as_chunks::<2>().0;
        let first = from_fn(|i| vreinterpretq_s32_s64(vzip1q_s64(columns[i][0], columns[i][1])));
        let second = from_fn(|i| vreinterpretq_s32_s64(vzip2q_s64(columns[i][0], columns[i][1])));
        for (out, sums) in out.iter_mut().zip([first, second]) {
            store_row(sums, out);
        }
    }
}

/// `vusmmlaq_s32`: adds to `sum`, which is `[2, 2]`, the product of two rows of eight unsigned bytes and
/// two columns of eight signed ones.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn usmmla(mut sum: int32x4_t, rows: int8x16_t, columns: int8x16_t) -> int32x4_t {
    // SAFETY: the function has the feature of the instruction, which only changes `sum`.
    unsafe {
        asm!(
            "usmmla {sum:v}.4s, {rows:v}.16b, {columns:v}.16b",
            sum = inout(vreg) sum,
            rows = in(vreg) rows,
            columns = in(vreg) columns,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// Sixteen inputs at a time: their blocks, and the activations of each of the `ROWS` rows.
#[inline]
#[target_feature(enable = "neon")]
fn steps<'a, const ROWS: usize>(
    acts: &'a [u8],
    panels: Panels<'a>,
) -> impl Iterator<Item = (&'a [Block; 4], [int8x16_t; ROWS])> {
    let blocks = panels.blocks.as_chunks::<{ K_STEP / GROUP }>().0;
    let acts = acts.as_chunks::<K_STEP>().0;
    let steps = blocks.len();
    assert_eq!(acts.len(), ROWS * steps);
    blocks.iter().enumerate().map(move |(i, blocks)| {
        // SAFETY: `i < steps`, and there are `ROWS * steps` groups of sixteen bytes, as asserted above.
        let load = |r| unsafe { vld1q_s8(acts.as_ptr().add(r * steps + i).cast()) };
        (blocks, from_fn(load))
    })
}

#[inline]
#[target_feature(enable = "neon")]
fn load_block(block: &Block) -> [int8x16_t; 4] {
    // SAFETY: a block has the 64 bytes that the four loads read.
    from_fn(|i| unsafe { vld1q_s8(block.0.as_ptr().add(16 * i)) })
}

/// Writes the sums of a row.
#[inline]
#[target_feature(enable = "neon")]
fn store_row(sums: [int32x4_t; 4], out: &mut [i32; LANES]) {
    for (out, sums) in out.as_chunks_mut::<4>().0.iter_mut().zip(sums) {
        // SAFETY: `out` has the four integers that the store writes.
        unsafe { vst1q_s32(out.as_mut_ptr(), sums) };
    }
}
