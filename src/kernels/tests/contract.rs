//! Every kernel against the scalar one, bit for bit.
//!
//! `contract!` is instantiated for each kernel that the target can have. The tests of a kernel that
//! the CPU lacks return at once, and `kernels_are_found` checks that the CPU does lack it. The
//! kernels for WebAssembly are tested in Node.js: `pkg/test/kernels.test.mjs`.

use std::io::Write;

use super::self_check::self_check_hash;
use super::*;
use crate::kernels::{
    Bias, Columns, LinearF32, NormParams, Rotary, add_norm, linear_f32, rotate, sum_norm,
};

/// Sizes below, at and above every edge: tiles of 2, 3, 4, 6, 8 and 12 rows, groups of 12, 64 and 128 rows;
/// blocks of 4 inputs, steps of 16 inputs; one or two panels of 16 columns.
const ROWS: &[usize] = if cfg!(miri) {
    &[0, 5]
} else {
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 24, 31, 63, 64, 65, 130]
};
const DEPTHS: &[usize] =
    if cfg!(miri) { &[1, 18] } else { &[0, 1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 100] };
const WIDTHS: &[usize] = if cfg!(miri) { &[1, 17] } else { &[0, 1, 15, 16, 17, 31, 32, 33, 50] };

macro_rules! contract {
    ($($name:ident)*) => {
    /// The kernels that are tested below.
    const TESTED: &[&str] = &[$(stringify!($name)),*];

    $(mod $name {
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
            // The rows hold 0 and 1 only, so every activation becomes 0 or 255.
            let k = 128;
            let mut random = Random(12);
            let mut x: Vec<f32> = random.integers(4 * k, 0, 1).iter().map(|&b| b as f32).collect();
            x[k..2 * k].fill(1.0);
            x[k] = 0.0;
            let ranges = [(-64, 64), (-128, 127), (-127, 127), (-128, -64), (64, 127), (-64, 63)];
            for (low, high) in ranges {
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
        fn a_few_outlying_weights_are_exact() {
            let Some(kernel) = kernel() else { return };
            // The second size gets additional padding.
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
        fn rows_of_several_blocks_equal_themselves_alone() {
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

        /// Biases by head, and windows, in sequences that a window holds and in others.
        #[test]
        fn biased_attention_has_the_scalar_bits() {
            let Some(kernel) = kernel() else { return };
            let windows = [Some(5), None, Some(0), Some(40)];
            for &window in if cfg!(miri) { &windows[..1] } else { &windows[..] } {
                let ends: &[usize] = if cfg!(miri) { &[1, 18] } else { &[1, 6, 39, 139, 201] };
                let [ours, scalar] = [kernel, Kernel::SCALAR].map(|kernel| {
                    bits(&attend_with_bias(kernel, &mut Random(19), ends, window))
                });
                assert_eq!(ours, scalar, "{window:?}");
            }
        }

        /// However the queries of a sequence are divided, and whichever sequences it is computed with.
        #[test]
        fn a_part_of_a_biased_sequence_equals_itself_in_the_whole() {
            let Some(kernel) = kernel() else { return };
            let (count, dim) = BIASED;
            let (hidden, length) = (count * dim, if cfg!(miri) { 18 } else { 101 });
            let windows = [Some(7), None];
            for &window in if cfg!(miri) { &windows[..1] } else { &windows[..] } {
                let all = attend_with_bias(kernel, &mut Random(20), &[length], window);
                let (qkv, values) = biased_inputs(&mut Random(20), length, length, window);
                for &first in if cfg!(miri) { &[17][..] } else { &[0, 3, 16, 17] } {
                    let queries = &qkv[first * 3 * hidden..];
                    let inputs = AttentionInputs {
                        queries: Columns { matrix: queries, width: 3 * hidden, first: 0 },
                        first_query: first,
                        bias: Some(Bias { values: &values, reach: length + Bias::SPARE, window }),
                        ..AttentionInputs::of_each_token(&qkv, hidden)
                    };
                    let mut out = vec![f32::NAN; (length - first) * hidden];
                    let (offsets, query_offsets) = ([0, length], [0, length - first]);
                    let heads = Heads { count, dim, scale: 0.2 };
                    let scratch = &mut Default::default();
                    attention(kernel, inputs, &query_offsets, &offsets, heads, &mut out, scratch);
                    assert_eq!(bits(&out), bits(&all[first * hidden..]), "{window:?} {first}");
                }
                let ends = [9, 9 + length, 30 + length];
                let batch = attend_with_bias(kernel, &mut Random(21), &ends, window);
                let (qkv, values) = biased_inputs(&mut Random(21), ends[2], length, window);
                let qkv = &qkv[9 * 3 * hidden..(9 + length) * 3 * hidden];
                let mut alone = vec![f32::NAN; length * hidden];
                let inputs = AttentionInputs {
                    bias: Some(Bias { values: &values, reach: length + Bias::SPARE, window }),
                    ..AttentionInputs::of_each_token(qkv, hidden)
                };
                let (offsets, heads) = ([0, length], Heads { count, dim, scale: 0.2 });
                let scratch = &mut Default::default();
                attention(kernel, inputs, &offsets, &offsets, heads, &mut alone, scratch);
                assert_eq!(bits(&alone), bits(&batch[9 * hidden..(9 + length) * hidden]));
            }
        }

        #[test]
        fn rotations_have_the_scalar_bits() {
            let Some(kernel) = kernel() else { return };
            let mut random = Random(22);
            for half in [1, 4, 15, 16, 17, 32] {
                let frequencies = random.floats(half, 1.0).into_iter().map(f32::abs);
                let rotary = Rotary::new(&frequencies.collect::<Vec<_>>(), 40);
                let (width, positions) = (6 * half + 3, [0, 1, 39, 7]);
                let matrix = random.floats(width * positions.len(), 2.0);
                let [ours, scalar] = [kernel, Kernel::SCALAR].map(|kernel| {
                    let mut matrix = matrix.clone();
                    rotate(kernel, &mut matrix, width, 4 * half, &rotary, &positions);
                    bits(&matrix)
                });
                assert_eq!(ours, scalar, "{half}");
                assert_eq!(ours[..width], bits(&matrix[..width]), "the first position");
            }
        }

        /// The two halves of the columns, multiplied, in int8 and in floats.
        #[test]
        #[cfg_attr(miri, ignore = "slow")]
        fn gated_layers_are_products_of_layers() {
            let Some(kernel) = kernel() else { return };
            let mut random = Random(23);
            let widths = [16, 48, 80];
            for (&n, rows) in widths.iter().flat_map(|n| [(n, 1), (n, 5), (n, 70)]) {
                let k = 33;
                let matrix = Matrix::random(&mut random, k, 2 * n, -100, 100);
                let (weights, bias) = (random.floats(2 * k * n, 1.0), random.floats(2 * n, 1.0));
                let x = random.floats(rows * k, 3.0);
                let (mut in_int8, mut in_floats) = (vec![f32::NAN; rows * n], vec![f32::NAN; rows * n]);
                let scratch = &mut Default::default();
                linear_i8(&x, &matrix.linear(kernel).gated(), Activation::Silu, &mut in_int8, scratch);
                let linear = LinearF32::new(kernel, (k, 2 * n), &weights, &bias);
                linear_f32(&x, &linear.clone().gated(), Activation::Gelu, &mut in_floats);
                let mut both = vec![f32::NAN; rows * 2 * n];
                for (given, gate, activation) in [
                    (&in_int8, true, Activation::Silu),
                    (&in_floats, false, Activation::Gelu),
                ] {
                    let mut all = |activation| {
                        match gate {
                            true => both.copy_from_slice(&matrix.run(kernel, &x, activation)),
                            false => linear_f32(&x, &linear, activation, &mut both),
                        }
                        both.clone()
                    };
                    let (activated, plain) = (all(activation), all(Activation::None));
                    for (i, &y) in given.iter().enumerate() {
                        let at = i / n * 2 * n + i % n;
                        assert_eq!(y.to_bits(), (activated[at] * plain[at + n]).to_bits());
                    }
                }
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
                        let (mut sum, mut normalized) = (b.to_vec(), vec![f32::NAN; b.len()]);
                        sum_norm(kernel, a, &mut sum, params, &mut normalized);
                        assert_eq!(bits(&normalized), bits(two));
                        let sums = a.iter().zip(b).map(|(a, b)| a + b);
                        assert_eq!(bits(&sum), bits(&sums.collect::<Vec<_>>()));
                        bits(&out)
                    });
                    assert_eq!(ours, scalar, "{rows} rows of {width}");
                }
            }
        }

        #[test]
        fn values_that_are_not_finite_have_the_scalar_bits() {
            let Some(kernel) = kernel() else { return };
            let mut random = Random(16);
            let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-42, -0.0];
            let matrix = Matrix::random(&mut random, 33, 17, -64, 64);
            let weights = random.floats(33 * 17, 1.0);
            for place in if cfg!(miri) { &[32][..] } else { &[0, 5, 16, 32] } {
                for value in special {
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
                        attend_to_each(kernel, &x, &[0, 1], heads, &mut more[50..]);
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
                attend_to_each(kernel, qkv, &offsets, heads, &mut alone);
                assert_eq!(bits(&alone), bits(&out[start * hidden..end * hidden]));
                start = end;
            }
        }

        #[test]
        fn a_query_alone_equals_itself_among_others() {
            let Some(kernel) = kernel() else { return };
            let ends = if cfg!(miri) { &[1, 18][..] } else { &[1, 6, 22, 39, 103, 273][..] };
            let (count, dim) = if cfg!(miri) { (1, 1) } else { (2, 12) };
            let hidden = count * dim;
            let (qkv, all) = attend(kernel, &mut Random(18), ends, count, dim);
            let offsets = [&[0], ends].concat();
            let firsts = &offsets[..ends.len()];
            let rows = |width: usize, matrix: &[f32]| -> Vec<f32> {
                firsts.iter().flat_map(|row| &matrix[row * width..][..hidden]).copied().collect()
            };
            let (queries, expected) = (rows(3 * hidden, &qkv), rows(hidden, &all));
            let inputs = AttentionInputs {
                queries: Columns { matrix: &queries, width: hidden, first: 0 },
                ..AttentionInputs::of_each_token(&qkv, hidden)
            };
            let query_offsets: Vec<usize> = (0..offsets.len()).collect();
            let heads = Heads { count, dim, scale: 0.2 };
            let (mut out, scratch) = (vec![f32::NAN; expected.len()], &mut Default::default());
            attention(kernel, inputs, &query_offsets, &offsets, heads, &mut out, scratch);
            assert_eq!(bits(&out), bits(&expected));
        }

        #[test]
        #[cfg_attr(miri, ignore = "slow")]
        fn the_hash_is_golden() {
            let Some(kernel) = kernel() else { return };
            assert_eq!(self_check_hash(kernel), GOLDEN, "{:#x}", self_check_hash(kernel));
        }
    })*};
}
#[cfg(target_arch = "x86_64")]
contract!(scalar avx2 avxvnni avx512);
#[cfg(target_arch = "aarch64")]
contract!(scalar neon dotprod i8mm);
#[cfg(target_arch = "wasm32")]
contract!(scalar simd128 relaxed relaxed_maddubs relaxed_dpbusd);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32")))]
contract!(scalar);

/// The result of [`self_check_hash`] everywhere. It changes when the arithmetic or the check changes.
const GOLDEN: u64 = 0x02e0_1794_650e_a16b;

/// The kernels are exactly those whose instructions the CPU has, the slowest first. Where the CPU is
/// known, as under an emulator, `CROSSRANK_EXPECT_KERNELS` holds their names.
#[test]
fn kernels_are_found() {
    #[cfg(target_arch = "x86_64")]
    let sets = {
        let avx2 = is_x86_feature_detected!("avx2");
        let avx512 = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl");
        [
            ("avx2", avx2),
            ("avxvnni", avx2 && is_x86_feature_detected!("avxvnni")),
            ("avx512", avx512 && is_x86_feature_detected!("avx512vnni")),
        ]
    };
    #[cfg(target_arch = "aarch64")]
    let sets = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("dotprod", std::arch::is_aarch64_feature_detected!("dotprod")),
        ("i8mm", std::arch::is_aarch64_feature_detected!("i8mm")),
    ];
    // With relaxed SIMD, run with an engine that computes the relaxed dot product correctly.
    #[cfg(target_arch = "wasm32")]
    let sets = {
        #[cfg(target_feature = "relaxed-simd")]
        let [maddubs, dpbusd] = {
            use core::arch::wasm32::*;
            let (low, high) = (i8x16_splat(-128), u8x16_splat(255));
            let words = i16x8_relaxed_dot_i8x16_i7x16(i8x16_splat(-1), high);
            let sums = i32x4_relaxed_dot_i8x16_i7x16_add(low, high, i32x4_splat(0));
            let (word, sum) = (i16x8_extract_lane::<0>(words), i32x4_extract_lane::<0>(sums));
            [word == -255 * 2 && sum == -32768 * 2, sum == -128 * 255 * 4]
        };
        #[cfg(not(target_feature = "relaxed-simd"))]
        let [maddubs, dpbusd] = [false; 2];
        [
            ("simd128", true),
            ("relaxed", cfg!(target_feature = "relaxed-simd")),
            ("relaxed_maddubs", maddubs),
            ("relaxed_dpbusd", dpbusd),
        ]
    };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "wasm32")))]
    let sets = [];

    let names: Vec<&str> = Kernel::all().into_iter().map(Kernel::name).collect();
    // Not by `eprintln`, whose output a test that passes does not show.
    let list = format!("kernels of this machine: {}\n", names.join(" "));
    let _ = std::io::stderr().write_all(list.as_bytes());
    let sets = sets.into_iter().filter_map(|(name, exists)| exists.then_some(name));
    assert_eq!(names, ["scalar"].into_iter().chain(sets).collect::<Vec<_>>());
    if let Ok(expected) = std::env::var("CROSSRANK_EXPECT_KERNELS") {
        assert_eq!(names.join(" "), expected);
    }
    assert!(names.iter().all(|name| TESTED.contains(name)), "{names:?}, of which {TESTED:?}");
    assert_eq!((Kernel::all()[0], Kernel::best().name()), (Kernel::SCALAR, names[names.len() - 1]));
}
