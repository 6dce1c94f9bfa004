//! The scalar kernel against f64 references.

use super::*;
use crate::kernels::{LinearF32, NormParams, Rotary, add_norm, linear_f32, rotate};

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
            // Each activation is off by at most half a step.
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
    // Integers of 0..=255 are quantized without error, if both ends are among them.
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
fn scalar_attention_with_a_window_and_with_a_bias_is_near_f64() {
    let ((count, dim), length) = (BIASED, if cfg!(miri) { 18 } else { 60 });
    let (hidden, reach) = (count * dim, length + Bias::SPARE);
    for window in [None, Some(4)] {
        let out = attend_with_bias(Kernel::SCALAR, &mut Random(27), &[length], window);
        let (qkv, values) = biased_inputs(&mut Random(27), length, length, window);
        let at = |token: usize, part: usize, element: usize| {
            f64::from(qkv[token * 3 * hidden + part * hidden + element])
        };
        for (row, element) in (0..length).flat_map(|row| (0..hidden).map(move |e| (row, e))) {
            let head = element / dim;
            let row_of_bias = if window.is_some() { 0 } else { head } * (2 * reach + 1);
            let weight = |key: usize| {
                let elements = head * dim..(head + 1) * dim;
                let score = elements.map(|e| at(row, 0, e) * at(key, 1, e)).sum::<f64>();
                (0.2 * score + f64::from(values[row_of_bias + reach + row - key])).exp()
            };
            let weights: Vec<f64> = (0..length).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            let values = (0..length).map(|key| at(key, 2, element));
            let exact = weights.iter().zip(values).map(|(w, v)| w * v).sum::<f64>() / sum;
            let error = f64::from(out[row * hidden + element]) - exact;
            assert!(error.abs() < 1e-5, "{window:?}: {error} at {row}, {element}");
        }
    }
}

/// The angles of late positions are as exact as f32 can show, as are large ones.
#[test]
fn rotations_are_near_f64() {
    let frequencies = [1.0, 0.749_894_2, 0.05, 1.15e-4];
    let last = if cfg!(miri) { 20 } else { 8191 };
    let rotary = Rotary::new(&frequencies, last + 1);
    for position in [0, 1, last / 2, last] {
        let mut row = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        rotate(Kernel::SCALAR, &mut row, 8, 8, &rotary, &[position as u32]);
        for (i, frequency) in frequencies.iter().enumerate() {
            let (sin, cos) = (position as f64 * f64::from(*frequency)).sin_cos();
            let error = (f64::from(row[i]) - cos).abs().max((f64::from(row[i + 4]) - sin).abs());
            assert!(error < 1e-7, "{error} at {position}, {frequency}");
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
#[should_panic(expected = "x must be [rows, k]")]
fn a_shape_that_does_not_fit_is_refused() {
    Matrix::random(&mut Random(29), 10, 4, -64, 64).run(
        Kernel::SCALAR,
        &[0.0; 11],
        Activation::None,
    );
}
