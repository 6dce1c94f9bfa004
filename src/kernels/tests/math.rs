//! The elementary functions against f64 references, over dense sweeps.

use crate::kernels::isa::scalar::Scalar;
use crate::kernels::math::{Activation, exp, gelu, gelu_tanh, one_lane, relu, sigmoid, tanh};
use crate::kernels::sigmoid as scalar_sigmoid;

const STEPS: i32 = if cfg!(miri) { 50 } else { 400_000 };

/// Evenly spaced floats of `low..=high`.
fn sweep(low: f32, high: f32) -> impl Iterator<Item = f32> {
    (0..=STEPS).map(move |i| low + (high - low) * (i as f32 / STEPS as f32))
}

/// The largest `|f(x) - reference(x)| / size(reference(x))`, and its `x`.
fn worst(
    xs: impl Iterator<Item = f32>,
    f: impl Fn(f32) -> f32,
    reference: impl Fn(f64) -> f64,
    size: impl Fn(f64) -> f64,
) -> (f64, f32) {
    xs.map(|x| {
        let exact = reference(f64::from(x));
        ((f64::from(f(x)) - exact).abs() / size(exact), x)
    })
    .max_by(|a, b| a.0.total_cmp(&b.0))
    .unwrap()
}

/// erf in f64: its Taylor series, and Laplace's continued fraction of erfc beyond 3.
fn erf_f64(x: f64) -> f64 {
    let z = x.abs();
    let value = if z < 3.0 {
        let (mut term, mut sum) = (z, z);
        for n in 1..100 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * core::f64::consts::FRAC_2_SQRT_PI
    } else {
        let fraction = (1..=60).rev().fold(z, |f, n| z + f64::from(n) / 2.0 / f);
        1.0 - (-z * z).exp() / fraction / core::f64::consts::PI.sqrt()
    };
    value.copysign(x)
}

#[test]
fn exp_is_within_two_ulps() {
    let exp = |x| one_lane(Scalar, exp, x);
    let (error, x) = worst(sweep(-87.3, 88.3), exp, f64::exp, |y| y);
    assert!(error < 1.6e-7, "{error:e} at {x}");
    assert_eq!(exp(0.0), 1.0);
    assert_eq!([exp(-88.0), exp(f32::NEG_INFINITY)], [0.0; 2]);
    assert_eq!([exp(89.0), exp(f32::INFINITY)], [f32::INFINITY; 2]);
    assert!(exp(f32::NAN).is_nan());
}

#[test]
fn gelu_is_near_its_definition() {
    let gelu = |x| one_lane(Scalar, gelu, x);
    let reference = |x: f64| x / 2.0 * (1.0 + erf_f64(x / 2.0_f64.sqrt()));
    let (error, x) = worst(sweep(-10.0, 10.0), gelu, reference, |y| y.abs().max(1.0));
    assert!(error < 1e-6, "{error:e} at {x}");
    assert_eq!([gelu(0.0), gelu(1e30), gelu(f32::INFINITY)], [0.0, 1e30, f32::INFINITY]);
    assert!([gelu(-1e30), gelu(f32::NEG_INFINITY)].iter().all(|y| y.abs() < 1e-6));
    assert!(gelu(f32::NAN).is_nan());
}

#[test]
fn gelu_by_tanh_is_near_its_definition() {
    let gelu = |x| one_lane(Scalar, gelu_tanh, x);
    let u = |x: f64| (2.0 / core::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
    let reference = |x: f64| x / 2.0 * (1.0 + u(x).tanh());
    let (error, x) = worst(sweep(-20.0, 20.0), gelu, reference, |y| y.abs().max(1.0));
    assert!(error < 1e-6, "{error:e} at {x}");
    assert_eq!([gelu(0.0), gelu(1e10), gelu(f32::INFINITY)], [0.0, 1e10, f32::INFINITY]);
    assert!([gelu(-1e30), gelu(f32::NEG_INFINITY)].iter().all(|y| y.abs() < 1e-6));
    assert!(gelu(f32::NAN).is_nan());
}

#[test]
fn tanh_is_within_3e_7_of_itself() {
    let tanh = |x| one_lane(Scalar, tanh, x);
    let size = |y: f64| y.abs().max(1e-30);
    for (low, high) in [(-1.0, 1.0), (-12.0, 12.0), (-1e-3, 1e-3)] {
        let (error, x) = worst(sweep(low, high), tanh, f64::tanh, size);
        assert!(error < 3e-7, "{error:e} at {x}");
    }
    assert_eq!([tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)], [1.0, -1.0]);
    assert!(tanh(f32::NAN).is_nan());
    assert_eq!(tanh(-0.0), 0.0);
}

#[test]
fn sigmoid_is_within_3e_7_of_itself() {
    let reference = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (error, x) = worst(sweep(-87.0, 87.0), scalar_sigmoid, reference, |y| y);
    assert!(error < 3e-7, "{error:e} at {x}");
    assert_eq!(scalar_sigmoid(0.0), 0.5);
    assert_eq!([scalar_sigmoid(f32::INFINITY), scalar_sigmoid(f32::NEG_INFINITY)], [1.0, 0.0]);
    assert!(scalar_sigmoid(f32::NAN).is_nan());
    assert_eq!(one_lane(Scalar, sigmoid, 1.0), scalar_sigmoid(1.0));
}

#[test]
fn an_activation_is_its_function() {
    let apply = |activation: Activation, x| one_lane(Scalar, |isa, x| activation.apply(isa, x), x);
    assert_eq!(apply(Activation::None, 0.7), 0.7);
    assert_eq!(apply(Activation::Gelu, 0.7), one_lane(Scalar, gelu, 0.7));
    assert_eq!(apply(Activation::GeluTanh, 0.7), one_lane(Scalar, gelu_tanh, 0.7));
    assert_eq!([-0.7, 0.7].map(|x| apply(Activation::Relu, x)), [0.0, 0.7]);
    assert!(one_lane(Scalar, relu, f32::NAN).is_nan());
    assert_eq!(apply(Activation::Silu, 0.7), 0.7 * one_lane(Scalar, sigmoid, 0.7));
    assert_eq!(apply(Activation::Tanh, 0.7), one_lane(Scalar, tanh, 0.7));
}
