//! Exact 16-bit sums of 8-bit products.
//!
//! `maddubs` multiplies activations `0..=255` by signed weights and adds the two products of a
//! pair in 16 bits. Widening each such sum at once costs as much as the multiplication. The sums of
//! several blocks can be added before they are widened, provided that no sum can overflow, whatever
//! the activations are. That holds if, among the weights that meet in one 16-bit lane, the positive
//! ones add up to at most 128, and so do the magnitudes of the negative ones (`128 * 255 = 32,640`).
//!
//! Most weights are far from the ends of their range, so most lanes satisfy this over several
//! blocks. In the few lanes that do not, the excess is moved to an extra block, which is multiplied
//! on its own and added to the same result. Every int8 matrix can be treated in this way and stays
//! exact. Only the number of extra blocks depends on its values.

use super::isa::lanes::LANES;
use super::layout::{Block, GROUP, MatrixI8, Packed};

/// The largest sum of the magnitudes of one sign's weights in one 16-bit lane.
const LIMIT: i32 = 128;

/// Lanes of 16 bits in a block. Each holds a pair of inputs of a column.
const PAIRS: usize = LANES * GROUP / 2;

/// The cost of an extra block, in hundredths of that of a block alone.
const EXTRA_COST: usize = 105;

/// Packs a matrix: chooses the cheapest depth of each panel, and moves the excess at that depth to
/// extra blocks. `depths` gives for each depth the cost of a block, in hundredths of its cost alone.
pub(super) fn pack(weights: &MatrixI8, depths: &[(usize, usize)]) -> Packed {
    let mut packed = Packed::interleaved::<GROUP>(weights);
    let height = packed.height();
    for panel in 0..packed.shapes.len() {
        let blocks = &mut packed.blocks[panel * height..][..height];
        let (_, depth, kept, extras) = depths
            .iter()
            .map(|&(depth, cost)| {
                let mut kept = blocks.to_vec();
                let extras = split_panel(&mut kept, depth);
                (height * cost + extras.len() * EXTRA_COST, depth, kept, extras)
            })
            .min_by_key(|&(cost, ..)| cost)
            .expect("there is a depth");
        blocks.copy_from_slice(&kept);
        for (at, block) in extras {
            packed.extras_at.push(at);
            packed.extras.push(block);
        }
        packed.shapes[panel].depth = depth;
        packed.shapes[panel].extras_end = packed.extras.len();
    }
    packed
}

/// Moves the excess of one panel to extra blocks. The panel's height is a multiple of `depth`.
fn split_panel(blocks: &mut [Block], depth: usize) -> Vec<(u16, Block)> {
    let mut extras = Vec::new();
    for (group, blocks) in blocks.chunks_exact_mut(depth).enumerate() {
        if !has_excess(blocks) {
            continue;
        }
        while let Some(block) = largest_share(blocks) {
            let at = u16::try_from(group * depth + block).expect("asserted by LinearI8::new");
            extras.push((at, move_excess(blocks, block)));
        }
    }
    extras
}

/// Whether any lane of a group exceeds the limit. Most groups have none, and compilers turn this loop
/// into vector instructions. The function is not inlined, because browsers optimize small functions with
/// hot loops first.
#[inline(never)]
fn has_excess(blocks: &[Block]) -> bool {
    let (mut positive, mut negative) = ([0; PAIRS], [0; PAIRS]);
    for block in blocks {
        for (pair, &[a, b]) in block.0.as_chunks::<2>().0.iter().enumerate() {
            positive[pair] += i16::from(a.max(0)) + i16::from(b.max(0));
            negative[pair] -= i16::from(a.min(0)) + i16::from(b.min(0));
        }
    }
    let largest = positive.into_iter().chain(negative).fold(0, i16::max);
    i32::from(largest) > LIMIT
}

/// The block of the group that holds the largest share of the excess, or `None` if there is none.
fn largest_share(blocks: &[Block]) -> Option<usize> {
    let mut share = [0; 2];
    for pair in 0..PAIRS {
        for sign in [1, -1] {
            let excess = excess(blocks, pair, sign);
            if excess > 0 {
                for (share, block) in share.iter_mut().zip(blocks) {
                    *share += part(block, pair, sign).min(excess);
                }
            }
        }
    }
    let best = (0..blocks.len()).max_by_key(|&b| share[b])?;
    (share[best] > 0).then_some(best)
}

/// Moves the excess out of one block of the group, as far as an extra block can hold it.
fn move_excess(blocks: &mut [Block], from: usize) -> Block {
    let mut extra = Block::ZERO;
    for pair in 0..PAIRS {
        for sign in [1, -1] {
            let mut left = excess(blocks, pair, sign).min(LIMIT);
            for index in [2 * pair, 2 * pair + 1] {
                let value = i32::from(blocks[from].0[index]);
                let moved = (value * sign).clamp(0, left);
                left -= moved;
                if moved > 0 {
                    // Both stay within -128..=127: they have the value's sign and at most its magnitude.
                    blocks[from].0[index] = (value - sign * moved) as i8;
                    extra.0[index] = (sign * moved) as i8;
                }
            }
        }
    }
    extra
}

/// The amount by which the weights of one sign in one lane exceed the limit.
fn excess(blocks: &[Block], pair: usize, sign: i32) -> i32 {
    (blocks.iter().map(|block| part(block, pair, sign)).sum::<i32>() - LIMIT).max(0)
}

/// The sum of the magnitudes of a block's weights of one sign in one lane.
fn part(block: &Block, pair: usize, sign: i32) -> i32 {
    let [a, b] = [block.0[2 * pair], block.0[2 * pair + 1]];
    (i32::from(a) * sign).max(0) + (i32::from(b) * sign).max(0)
}
