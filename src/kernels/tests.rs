//! Every kernel against the scalar one, bit for bit, and the scalar one against f64.
//!
//! `contract!` is instantiated for each kernel that the target can have. Where the CPU lacks it,
//! its tests have nothing to run, and `kernels_are_found` sees to it that this is so. Those for
//! WebAssembly run in node: `pkg/test/kernels.test.mjs`.

use super::check::{Random, self_check_hash};
use super::*;

/// Below, at and above every edge: tiles of 2, 4, 6, 8 and 12 rows, groups of 12 and 64; blocks of 4 inputs,
/// steps of 16; panels of 16 columns, one or two.
const ROWS: &[usize] = if cfg!(miri) {
    &[0, 5]
} else {
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 24, 31, 63, 64, 65, 130]
};
const DEPTHS: &[usize] =
    if cfg!(miri) { &[1, 18] } else { &[0, 1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 100] };
const WIDTHS: &[usize] = if cfg!(miri) { &[1, 17] } else { &[0, 1, 15, 16, 17, 31, 32, 33, 50] };

fn named(name: &str) -> Option<Kernel> {
    Kernel::all().into_iter().find(|kernel| kernel.name() == name)
}

fn bits(values: &[f32]) -> Vec<u32> {
    // A NaN's payload and sign are the platform's own.
    values.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

/// A matrix as its file holds it.
struct Matrix {
    k: usize,
    n: usize,
    values: Vec<i8>,
    scales: Vec<f32>,
    zero_points: Vec<i32>,
    bias: Vec<f32>,
}

impl Matrix {
    fn random(random: &mut Random, k: usize, n: usize, low: i32, high: i32) -> Matrix {
        Matrix {
            k,
            n,
            values: random.integers(k * n, low, high).into_iter().map(|v| v as i8).collect(),
            scales: random.floats(n, 0.02),
            zero_points: random.integers(n, -128, 127),
            bias: random.floats(n, 1.0),
        }
    }

    fn run(&self, kernel: Kernel, x: &[f32], activation: Activation) -> Vec<f32> {
        let Matrix { k, n, values, scales, zero_points, bias } = self;
        let linear = LinearI8::new(kernel, (*k, *n), values, scales, zero_points, bias);
        let rows = if *k == 0 { 3 } else { x.len() / k };
        let mut out = vec![f32::NAN; rows * n];
        linear_i8(x, &linear, activation, &mut out, &mut Int8Scratch::default());
        out
    }

    fn weight(&self, i: usize, c: usize) -> f64 {
        f64::from(self.scales[c])
            * f64::from(i32::from(self.values[i * self.n + c]) - self.zero_points[c])
    }
}

macro_rules! contract {
    ($($name:ident)*) => {$(mod $name {
        use super::*;

        fn kernel() -> Option<Kernel> {
            named(stringify!($name))
        }

        #[test]
        fn linear_i8_has_the_scalar_bits() {
            let Some(kernel) = kernel() else { return };
            let mut random = Random(11);
            for &k in DEPTHS {
                for &n in WIDTHS {
                    for (low, high) in [(-64, 64), (-128, 127), (0, 127), (-128, -128)] {
                        let matrix = Matrix::random(&mut random, k, n, low, high);
                        for &rows in ROWS {
                            let x = random.floats(rows * k, 3.0);
                            let [ours, scalar] = [kernel, Kernel::SCALAR]
                                .map(|kernel| bits(&matrix.run(kernel, &x, Activation::None)));
                            assert_eq!(ours, scalar, "{rows}x{k}x{n}, weights {low}..={high}");
                        }
                    }
                }
            }
        }

        #[test]
        #[cfg_attr(miri, ignore = "slow")]
        fn extreme_products_are_exact() {
            let Some(kernel) = kernel() else { return };
            // Rows of 0 and 1 only: every activation becomes 0 or 255.
            let k = 128;
            let mut random = Random(12);
            let mut x: Vec<f32> = random.integers(4 * k, 0, 1).iter().map(|&b| b as f32).collect();
            x[k..2 * k].fill(1.0);
            x[k] = 0.0;
            for (low, high) in [(-64, 64), (-128, 127), (-128, -64), (64, 127), (-64, 63)] {
                let mut matrix = Matrix::random(&mut random, k, 17, 0, 1);
                for value in &mut matrix.values {
                    *value = if *value == 0 { low as i8 } else { high as i8 };
                }
                let [ours, scalar] = [kernel, Kernel::SCALAR]
                    .map(|kernel| bits(&matrix.run(kernel, &x, Activation::None)));
                assert_eq!(ours, scalar, "weights {low} and {high}");
            }
        }

        #[test]
        #[cfg_attr(miri, ignore = "slow")]
        fn few_weights_far_from_the_others_are_exact() {
            let Some(kernel) = kernel() else { return };
            // The second has padding of its own.
            for k in [256, 2048] {
                let n = 33;
                let mut random = Random(18);
                let mut matrix = Matrix::random(&mut random, k, n, -20, 20);
                for column in 0..n {
                    if column < 2 {
                        matrix.values.iter_mut().skip(column).step_by(n).for_each(|v| *v = -128);
                    }
                    if column % 3 < 2 {
                        matrix.values[(column * 37 % k) * n + column] = 127;
                    }
                }
                for rows in [1, 5, 18] {
                    let x = random.floats(rows * k, 3.0);
                    let [ours, scalar] = [kernel, Kernel::SCALAR]
                        .map(|kernel| bits(&matrix.run(kernel, &x, Activation::None)));
                    assert_eq!(ours, scalar, "{rows} rows of {k}");
                }
            }
        }

        #[test]
        #[cfg_attr(miri, ignore = "slow")]
        fn rows_of_several_blocks_are_what_they_are_alone() {
            let Some(kernel) = kernel() else { return };
            let (rows, k, n) = (37, LinearI8::MAX_INPUTS, 3);
            let mut random = Random(19);
            let matrix = Matrix::random(&mut random, k, n, -64, 64);
            let x = random.floats(rows * k, 3.0);
            let all = bits(&matrix.run(kernel, &x, Activation::None));
            for (row, all) in x.chunks(k).zip(all.chunks(n)) {
                let [alone, scalar] = [kernel, Kernel::SCALAR]
                    .map(|kernel| bits(&matrix.run(kernel, row, Activation::None)));
                assert_eq!((all, &alone), (&alone[..], &scalar));
            }

            let (rows, k) = (70, 5);
            let (weights, bias) = (random.floats(k * n, 1.0), random.floats(n, 1.0));
            let x = random.floats(rows * k, 3.0);
            let linear = LinearF32::new(kernel, (k, n), &weights, &bias);
            let [mut all, mut alone] = [(); 2].map(|()| vec![f32::NAN; rows * n]);
            linear_f32(&x, &linear, Activation::None, &mut all);
            for (row, out) in x.chunks(k).zip(alone.chunks_mut(n)) {
                linear_f32(row, &linear, Activation::None, out);
            }
            assert_eq!(bits(&all), bits(&alone));
        }

        #[test]
        fn linear_f32_has_the_scalar_bits() {
            let Some(kernel) = kernel() else { return };
            let mut random = Random(13);
            for &k in DEPTHS {
                for &n in WIDTHS {
                    let (weights, bias) = (random.floats(k * n, 1.0), random.floats(n, 1.0));
                    for &rows in ROWS {
                        let x = random.floats(rows * k, 3.0);
                        for activation in [Activation::Gelu, Activation::Relu, Activation::Tanh] {
                            let [ours, scalar] = [kernel, Kernel::SCALAR].map(|kernel| {
                                let linear = LinearF32::new(kernel, (k, n), &weights, &bias);
                                let mut out = vec![f32::NAN; rows * n];
                                linear_f32(&x, &linear, activation, &mut out);
                                bits(&out)
                            });
                            assert_eq!(ours, scalar, "{rows}x{k}x{n} {activation:?}");
                        }
                    }
                }
            }
        }

        #[test]
        fn attention_has_the_scalar_bits() {
            let Some(kernel) = kernel() else { return };
            let mut random = Random(14);
            let shapes = [(1, 1), (2, 12), (3, 8), (2, 16), (1, 20), (2, 32), (1, 48), (1, 64)];
            for &(count, dim) in if cfg!(miri) { &shapes[..1] } else { &shapes[..] } {
                let long = &[1, 3, 3, 19, 35, 66, 131, 270];
                let ends: &[usize] = if cfg!(miri) { &[1, 18] } else { long };
                let [ours, scalar] = [kernel, Kernel::SCALAR].map(|kernel| {
                    random = Random(14);
                    bits(&attend(kernel, &mut random, ends, count, dim).1)
                });
                assert_eq!(ours, scalar, "{count} heads of {dim}");
            }
        }

        #[test]
        fn norms_have_the_scalar_bits() {
            let Some(kernel) = kernel() else { return };
            let mut random = Random(15);
            for width in [1, 2, 15, 16, 17, 48] {
                for rows in [0, 1, 3] {
                    let terms = [(); 3].map(|()| random.floats(rows * width, 4.0));
                    let (gamma, beta) = (random.floats(width, 2.0), random.floats(width, 2.0));
                    let params = NormParams { gamma: &gamma, beta: &beta, eps: 1e-12 };
                    let [ours, scalar] = [kernel, Kernel::SCALAR].map(|kernel| {
                        let mut out = vec![f32::NAN; 3 * terms[0].len()];
                        let (one, more) = out.split_at_mut(terms[0].len());
                        let (two, three) = more.split_at_mut(terms[0].len());
                        let [a, b, c] = terms.each_ref().map(|term| &term[..]);
                        add_norm(kernel, [a], params, one);
                        add_norm(kernel, [a, b], params, two);
                        add_norm(kernel, [a, b, c], params, three);
                        bits(&out)
                    });
                    assert_eq!(ours, scalar, "{rows} rows of {width}");
                }
            }
        }

        #[test]
        fn what_is_not_finite_is_equal_too() {
            let Some(kernel) = kernel() else { return };
            let mut random = Random(16);
            let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-42, -0.0];
            let matrix = Matrix::random(&mut random, 33, 17, -64, 64);
            let weights = random.floats(33 * 17, 1.0);
            for place in if cfg!(miri) { &[32][..] } else { &[0, 5, 16, 32] } {
                for value in odd {
                    let mut x = random.floats(33, 1.0);
                    x[*place] = value;
                    let [ours, scalar] = [kernel, Kernel::SCALAR].map(|kernel| {
                        let mut out = matrix.run(kernel, &x, Activation::Gelu);
                        let linear = LinearF32::new(kernel, (33, 17), &weights, &matrix.bias);
                        let mut more = [0.0; 17 + 33 + 11];
                        linear_f32(&x, &linear, Activation::Tanh, &mut more[..17]);
                        let params = NormParams { gamma: &x, beta: &x, eps: 1e-12 };
                        add_norm(kernel, [&x], params, &mut more[17..50]);
                        let heads = Heads { count: 1, dim: 11, scale: 0.3 };
                        let scratch = &mut AttentionScratch::default();
                        attention(kernel, &x, &[0, 1], heads, &mut more[50..], scratch);
                        out.extend(more);
                        bits(&out)
                    });
                    assert_eq!(ours, scalar, "{value} at {place}");
                }
            }
        }

        #[test]
        fn a_sequence_alone_equals_itself_in_a_batch() {
            let Some(kernel) = kernel() else { return };
            let ends = if cfg!(miri) { &[1, 18][..] } else { &[5, 6, 22, 39, 39, 103, 273][..] };
            let (count, dim) = if cfg!(miri) { (1, 1) } else { (2, 12) };
            let hidden = count * dim;
            let heads = Heads { count, dim, scale: 0.2 };
            let (qkv, out) = attend(kernel, &mut Random(17), ends, count, dim);
            let mut start = 0;
            for &end in ends {
                let mut alone = vec![f32::NAN; (end - start) * hidden];
                let qkv = &qkv[start * 3 * hidden..end * 3 * hidden];
                let offsets = [0, end - start];
                attention(kernel, qkv, &offsets, heads, &mut alone, &mut Default::default());
                assert_eq!(bits(&alone), bits(&out[start * hidden..end * hidden]));
                start = end;
            }
        }

        #[test]
        #[cfg_attr(miri, ignore = "slow")]
        fn the_hash_is_golden() {
            let Some(kernel) = kernel() else { return };
            assert_eq!(self_check_hash(kernel), GOLDEN, "{:#x}", self_check_hash(kernel));
        }
    })*};
}
contract!(scalar);
#[cfg(target_arch = "x86_64")]
contract!(avx2 avxvnni avx512);
#[cfg(target_arch = "wasm32")]
contract!(simd128);
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
contract!(relaxed);

/// What [`self_check_hash`] gives everywhere. It changes when the arithmetic or the check does.
const GOLDEN: u64 = 0x02e0_1794_650e_a16b;

/// Random sequences that end where `ends` says: the input and the result.
fn attend(
    kernel: Kernel,
    random: &mut Random,
    ends: &[usize],
    count: usize,
    dim: usize,
) -> (Vec<f32>, Vec<f32>) {
    let hidden = count * dim;
    let offsets: Vec<usize> = [&[0], ends].concat();
    let tokens = ends[ends.len() - 1];
    let qkv = random.floats(tokens * 3 * hidden, 2.0);
    let mut out = vec![f32::NAN; tokens * hidden];
    let heads = Heads { count, dim, scale: 0.2 };
    attention(kernel, &qkv, &offsets, heads, &mut out, &mut AttentionScratch::default());
    (qkv, out)
}

#[test]
fn kernels_are_found() {
    assert_eq!(Kernel::all()[0], Kernel::SCALAR);
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2");
        assert_eq!(named("avx2").is_some(), avx2);
        assert_eq!(named("avxvnni").is_some(), avx2 && is_x86_feature_detected!("avxvnni"));
        let avx512 = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vnni");
        assert_eq!(named("avx512").is_some(), avx512 && is_x86_feature_detected!("avx512vl"));
    }
    #[cfg(target_arch = "wasm32")]
    assert!(named("simd128").is_some());
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    assert!(named("relaxed").is_some(), "run with an engine that computes the relaxed dot rightly");
    assert_eq!(Some(&Kernel::best()), Kernel::all().last());
}

#[test]
fn scalar_linear_i8_is_near_f64() {
    let mut random = Random(21);
    let (rows, k, n) = if cfg!(miri) { (2, 18, 17) } else { (9, 100, 35) };
    let matrix = Matrix::random(&mut random, k, n, -128, 127);
    let x = random.floats(rows * k, 2.0);
    let out = matrix.run(Kernel::SCALAR, &x, Activation::None);
    for (r, x) in x.chunks_exact(k).enumerate() {
        let min = x.iter().copied().fold(f32::INFINITY, f32::min);
        let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let step = f64::from(max - min) / 255.0;
        for c in 0..n {
            let exact: f64 = (0..k).map(|i| f64::from(x[i]) * matrix.weight(i, c)).sum();
            // Each activation is off by half a step at most.
            let slack: f64 = (0..k).map(|i| matrix.weight(i, c).abs() * step * 0.501).sum();
            let error = f64::from(out[r * n + c]) - exact - f64::from(matrix.bias[c]);
            assert!(error.abs() <= slack + 1e-4, "{error} at {r}, {c}");
        }
    }
}

#[test]
fn scalar_linear_i8_of_exact_activations_is_near_f64() {
    let mut random = Random(22);
    let k = 48;
    let matrix = Matrix::random(&mut random, k, 20, -128, 127);
    // Integers of 0..=255, both ends among them, are quantized without error.
    let mut x: Vec<f32> = random.integers(k, 0, 255).into_iter().map(|q| q as f32).collect();
    (x[3], x[4]) = (0.0, 255.0);
    for (c, &y) in matrix.run(Kernel::SCALAR, &x, Activation::None).iter().enumerate() {
        let exact: f64 = (0..k).map(|i| f64::from(x[i]) * matrix.weight(i, c)).sum();
        let exact = exact + f64::from(matrix.bias[c]);
        assert!((f64::from(y) - exact).abs() <= 1e-6 * exact.abs().max(100.0), "{y} {exact}");
    }
}

#[test]
fn a_constant_row_is_exact() {
    let matrix = Matrix::random(&mut Random(23), 10, 3, -64, 64);
    for (c, &y) in matrix.run(Kernel::SCALAR, &[1.5; 10], Activation::None).iter().enumerate() {
        let exact: f64 = (0..10).map(|i| 1.5 * matrix.weight(i, c)).sum();
        assert!((f64::from(y) - exact - f64::from(matrix.bias[c])).abs() < 1e-4);
    }
}

#[test]
fn one_scale_and_zero_point_may_serve_all_columns() {
    let mut random = Random(24);
    let mut matrix = Matrix::random(&mut random, 20, 5, -64, 64);
    let x = random.floats(40, 1.0);
    (matrix.scales, matrix.zero_points) = (vec![0.5; 5], vec![-7; 5]);
    let each = matrix.run(Kernel::SCALAR, &x, Activation::Gelu);
    (matrix.scales, matrix.zero_points) = (vec![0.5], vec![-7]);
    assert_eq!(bits(&each), bits(&matrix.run(Kernel::SCALAR, &x, Activation::Gelu)));
}

#[test]
fn scalar_linear_f32_is_near_f64() {
    let mut random = Random(25);
    let (rows, k, n) = (3, 50, 19);
    let (x, weights) = (random.floats(rows * k, 1.0), random.floats(k * n, 1.0));
    let bias = random.floats(n, 1.0);
    let linear = LinearF32::new(Kernel::SCALAR, (k, n), &weights, &bias);
    let mut out = vec![0.0; rows * n];
    linear_f32(&x, &linear, Activation::None, &mut out);
    for (at, &y) in out.iter().enumerate() {
        let (r, c) = (at / n, at % n);
        let products = (0..k).map(|i| f64::from(x[r * k + i]) * f64::from(weights[i * n + c]));
        let exact = products.sum::<f64>() + f64::from(bias[c]);
        assert!((f64::from(y) - exact).abs() < 1e-5, "{y} {exact}");
    }
}

#[test]
fn scalar_attention_is_near_f64() {
    let (count, dim, hidden) = (2, 12, 24);
    let ends = if cfg!(miri) { [2, 3] } else { [7, 150] };
    let (qkv, out) = attend(Kernel::SCALAR, &mut Random(26), &ends, count, dim);
    let at = |token: usize, part: usize, element: usize| {
        f64::from(qkv[token * 3 * hidden + part * hidden + element])
    };
    for (start, end) in [(0, ends[0]), (ends[0], ends[1])] {
        for row in start..end {
            for element in 0..hidden {
                let head = element / dim * dim..element / dim * dim + dim;
                let weights: Vec<f64> = (start..end)
                    .map(|key| head.clone().map(|e| at(row, 0, e) * at(key, 1, e)).sum::<f64>())
                    .map(|score| (0.2 * score).exp())
                    .collect();
                let sum: f64 = weights.iter().sum();
                let values = (start..end).map(|key| at(key, 2, element));
                let exact = weights.iter().zip(values).map(|(w, v)| w * v).sum::<f64>() / sum;
                let error = f64::from(out[row * hidden + element]) - exact;
                assert!(error.abs() < 1e-5, "{error} at {row}, {element}");
            }
        }
    }
}

#[test]
fn scalar_norm_is_near_f64() {
    let mut random = Random(27);
    let width = 37;
    let (a, b) = (random.floats(width, 3.0), random.floats(width, 3.0));
    let (gamma, beta) = (random.floats(width, 1.0), random.floats(width, 1.0));
    let mut out = vec![0.0; width];
    let params = NormParams { gamma: &gamma, beta: &beta, eps: 1e-5 };
    add_norm(Kernel::SCALAR, [&a, &b], params, &mut out);
    let x: Vec<f64> = a.iter().zip(&b).map(|(&a, &b)| f64::from(a) + f64::from(b)).collect();
    let mean = x.iter().sum::<f64>() / width as f64;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
    for i in 0..width {
        let exact = (x[i] - mean) / (variance + 1e-5).sqrt() * f64::from(gamma[i]);
        assert!((f64::from(out[i]) - exact - f64::from(beta[i])).abs() < 1e-5);
    }
}

#[test]
fn peeling_keeps_every_weight_and_the_limit() {
    let mut random = Random(28);
    let ranges = [(-64, 64), (-128, -128), (-128, 127), (127, 127), (-10, 10)];
    for &(low, high) in if cfg!(miri) { &ranges[..2] } else { &ranges[..] } {
        let (k, n) = if cfg!(miri) { (8, 17) } else { (32, 17) };
        let values = random.integers(k * n, low, high).into_iter().map(|v| v as i8);
        let values: Vec<i8> = values.collect();
        let columns = Columns { k, n, values: &values };
        let whole = Packed::in_groups_of::<{ layout::GROUP }>(&columns);
        let peeled = exact_i16::peel(&columns);
        for index in 0..2 {
            let (panel, whole) = (peeled.panels(index, 1), whole.panels(index, 1));
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

#[test]
#[should_panic(expected = "x must be [rows, k]")]
fn a_shape_that_does_not_fit_is_refused() {
    Matrix::random(&mut Random(29), 10, 4, -64, 64).run(
        Kernel::SCALAR,
        &[0.0; 11],
        Activation::None,
    );
}
