//! The weights of blocks whose products are added in 16 bits.

use super::Random;
use crate::kernels::exact_i16;
use crate::kernels::layout::{GROUP, MatrixI8, Packed};

#[test]
fn extra_blocks_keep_every_weight_and_the_limit() {
    let mut random = Random(28);
    let ranges = [(-64, 64), (-128, -128), (-128, 127), (127, 127), (-10, 10)];
    for &(low, high) in if cfg!(miri) { &ranges[..2] } else { &ranges[..] } {
        let (k, n) = if cfg!(miri) { (8, 17) } else { (32, 17) };
        let values = random.integers(k * n, low, high).into_iter().map(|v| v as i8);
        let values: Vec<i8> = values.collect();
        let matrix = MatrixI8 { k, n, values: &values };
        let whole = Packed::interleaved::<GROUP>(&matrix);
        let split = exact_i16::pack(&matrix, &[(1, 100), (2, 88)]);
        for index in 0..2 {
            let (panel, whole) = (split.panels(index, 1), whole.panels(index, 1));
            let mut sums: Vec<[i32; 64]> =
                panel.blocks.iter().map(|block| block.0.map(i32::from)).collect();
            for (block, &at) in panel.extras.iter().zip(panel.extras_at) {
                for (sum, part) in sums[usize::from(at)].iter_mut().zip(block.0) {
                    *sum += i32::from(part);
                }
            }
            let expected = whole.blocks.iter().map(|block| block.0.map(i32::from));
            assert!(sums.into_iter().eq(expected), "weights {low}..={high}");

            let together = panel.blocks.chunks(panel.depth).chain(panel.extras.chunks(1));
            for blocks in together {
                for pair in 0..32 {
                    for sign in [1, -1] {
                        let weights = blocks.iter().flat_map(|block| &block.0[2 * pair..][..2]);
                        let sum: i32 = weights.map(|&v| (i32::from(v) * sign).max(0)).sum();
                        assert!(sum <= 128, "{sum} of weights {low}..={high}");
                    }
                }
            }
        }
    }
}
