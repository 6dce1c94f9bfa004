//! Exact 16-bit sums of 8-bit products.
//!
//! `maddubs` multiplies activations `0..=255` with signed weights and adds the two products of a
//! pair into 16 bits. Widening each such sum at once costs as much as the multiplication. It can
//! wait for several blocks as long as no sum can overflow, whatever the activations are: when, over
//! the weights that meet in one 16-bit lane, the positive ones add up to at most 128 and so do the
//! negative ones (`128 * 255 = 32,640`).
//!
//! Most weights are far from the ends of their range, so most lanes satisfy this over several
//! blocks, and the few that do not are mended: what exceeds the limit is peeled off into an extra
//! block, which is multiplied on its own and added to the same result. Any int8 matrix can be
//! treated in this way and stays exact; only the number of extra blocks depends on its values.

use super::layout::{Block, Columns, GROUP, Packed};
use super::simd::LANES;

/// The most that the weights of one sign in one 16-bit lane may add up to.
const LIMIT: i32 = 128;

/// Lanes of 16 bits in a block: pairs of inputs of a column.
const PAIRS: usize = LANES * GROUP / 2;

/// How many blocks may share a 16-bit sum, with what one block then costs, in hundredths of what
/// it costs alone. Measured on AMD Zen 3.
const DEPTHS: [(usize, usize); 2] = [(1, 100), (2, 88)];

/// What an extra block costs in the same unit.
const EXTRA_COST: usize = 105;

/// Choose each panel's depth, and peel off what exceeds the limit at that depth.
pub(super) fn peel(weights: &Columns) -> Packed {
    let mut packed = Packed::in_groups_of::<GROUP>(weights);
    let height = packed.height();
    for panel in 0..packed.shapes.len() {
        let blocks = &mut packed.blocks[panel * height..][..height];
        let (_, depth, kept, extras) = DEPTHS
            .iter()
            .map(|&(depth, cost)| {
                let mut kept = blocks.to_vec();
                let extras = peel_panel(&mut kept, depth);
                (height * cost + extras.len() * EXTRA_COST, depth, kept, extras)
            })
            .min_by_key(|&(cost, ..)| cost)
            .expect("DEPTHS is not empty");
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

/// Peel one panel; its height is a multiple of `depth`.
fn peel_panel(blocks: &mut [Block], depth: usize) -> Vec<(u16, Block)> {
    let mut extras = Vec::new();
    for (group, blocks) in blocks.chunks_exact_mut(depth).enumerate() {
        while let Some(worst) = most_useful(blocks) {
            let at = u16::try_from(group * depth + worst).expect("asserted by LinearI8::new");
            extras.push((at, peel_block(blocks, worst)));
        }
    }
    extras
}

/// The block of the group that can give up most of what is too much; `None` where nothing is.
fn most_useful(blocks: &[Block]) -> Option<usize> {
    let mut gain = [0; 2];
    for pair in 0..PAIRS {
        for sign in [1, -1] {
            let excess = excess(blocks, pair, sign);
            if excess > 0 {
                for (gain, block) in gain.iter_mut().zip(blocks) {
                    *gain += part(block, pair, sign).min(excess);
                }
            }
        }
    }
    let best = (0..blocks.len()).max_by_key(|&b| gain[b])?;
    (gain[best] > 0).then_some(best)
}

/// Move from one block of the group what exceeds the limit, as far as an extra block can hold it.
fn peel_block(blocks: &mut [Block], from: usize) -> Block {
    let mut extra = Block::ZERO;
    for pair in 0..PAIRS {
        for sign in [1, -1] {
            let mut left = excess(blocks, pair, sign).min(LIMIT);
            for place in [2 * pair, 2 * pair + 1] {
                let value = i32::from(blocks[from].0[place]);
                let moved = (value * sign).clamp(0, left);
                left -= moved;
                if moved > 0 {
                    // Neither leaves -128..=127: both have the value's sign and at most its size.
                    blocks[from].0[place] = (value - sign * moved) as i8;
                    extra.0[place] = (sign * moved) as i8;
                }
            }
        }
    }
    extra
}

/// By how much the weights of one sign in one lane exceed the limit.
fn excess(blocks: &[Block], pair: usize, sign: i32) -> i32 {
    (blocks.iter().map(|block| part(block, pair, sign)).sum::<i32>() - LIMIT).max(0)
}

/// What a block's weights of one sign add to one lane.
fn part(block: &Block, pair: usize, sign: i32) -> i32 {
    let [a, b] = [block.0[2 * pair], block.0[2 * pair + 1]];
    (i32::from(a) * sign).max(0) + (i32::from(b) * sign).max(0)
}
