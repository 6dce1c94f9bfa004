//! Elementary functions as one expression tree over lanes.
//!
//! None of them calls libm, whose results differ between platforms. A NaN stays a NaN. The
//! polynomials were fitted for this crate with 40 digits (interpolation at Chebyshev nodes; for
//! GELU, weighted least squares with Lawson's iteration). `tests/math.rs` compares them with f64
//! references.

use super::isa::contract::Isa;
use super::isa::lanes::{F32x16, LANES, ROUND_MAGIC};

/// `c[0] + x c[1] + x^2 c[2] + ...`, by Horner's rule.
#[inline(always)]
fn poly<I: Isa, const N: usize>(isa: I, x: I::F32, c: &[f32; N]) -> I::F32 {
    let mut sum = isa.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = sum * x + isa.splat(c[i]);
    }
    sum
}

/// Below this, `e^x` is subnormal.
const EXP_MIN: f32 = -87.3;
/// Above this, `e^x` is infinite.
const EXP_MAX: f32 = 88.3;

/// A long polynomial, split into even and odd powers: two chains of operations that wait for each
/// other only once.
#[inline(always)]
fn long_poly<I: Isa, const N: usize>(isa: I, x: I::F32, even: &[f32; N], odd: &[f32; N]) -> I::F32 {
    let square = x * x;
    poly(isa, square, odd) * x + poly(isa, square, even)
}

/// `e^x`. It is zero below -87.3, so that no result is subnormal, and infinite above 88.3.
#[inline(always)]
pub(super) fn exp<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let (lowest, highest) = (isa.splat(EXP_MIN), isa.splat(EXP_MAX));
    let value = exp_within(isa, x.max(lowest).min(highest));
    let value = x.if_lt(lowest, isa.splat(0.0), value);
    highest.if_lt(x, isa.splat(f32::INFINITY), value)
}

/// `e^x` for x of at most 0, as in a softmax. It is never less than `e^-87.3`.
#[inline(always)]
pub(super) fn exp_nonpositive<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    exp_within(isa, x.max(isa.splat(EXP_MIN)))
}

/// `e^x` for x from [`EXP_MIN`] to [`EXP_MAX`].
///
/// The argument is reduced to `|r| <= ln 2 / 2` with Cody and Waite's two-part ln 2 ("Software Manual
/// for the Elementary Functions", 1980). There the error of `1 + r + r^2 p(r)` is 1e-8.
#[inline(always)]
fn exp_within<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const P: [f32; 5] = [0.5, 0.166_665_77, 0.041_666_554, 0.008_363_233, 0.001_392_625];

    let shifted = x * isa.splat(core::f32::consts::LOG2_E) + isa.splat(ROUND_MAGIC);
    let n = shifted - isa.splat(ROUND_MAGIC);
    let r = x - n * isa.splat(LN2_HIGH) - n * isa.splat(LN2_LOW);
    let e_r = r * r * poly(isa, r, &P) + r + isa.splat(1.0);
    e_r * shifted.pow2()
}

/// `x/2 (1 + erf(x / sqrt 2))`, with an error of at most 1e-6, relative for results above 1.
///
/// `max(x, 0)` exceeds it by `|x|` times the upper tail of the normal distribution at `|x|`. Up to
/// 5.2 the tail is approximated by a polynomial; at 5.2 the tail is 1e-7 and the polynomial is zero.
#[inline(always)]
pub(super) fn gelu<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    const END: f32 = 5.2;
    /// The coefficients of the tail at `END / 2 + t`, of even and odd powers of t.
    const EVEN: [f32; 7] = [
        4.661_403e-3,
        1.765_392e-2,
        5.544_291e-3,
        -3.508_577e-4,
        -3.410_825_6e-5,
        4.990_517e-6,
        -1.908_396_6e-7,
    ];
    const ODD: [f32; 7] = [
        -1.358_254_6e-2,
        -1.304_098_5e-2,
        -9.211_067e-4,
        2.373_367_2e-4,
        -1.286_439_1e-5,
        -6.605_119e-8,
        2.266_018_5e-8,
    ];
    let zero = isa.splat(0.0);
    let z = x.max(zero - x).min(isa.splat(END));
    x.max(zero) - z * long_poly(isa, z - isa.splat(END / 2.0), &EVEN, &ODD)
}

/// `tanh x`. Near zero, where the exponential form suffers from cancellation, it is an odd polynomial.
#[inline(always)]
pub(super) fn tanh<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    const NEAR: f32 = 0.6;
    const P: [f32; 5] = [-0.333_333_3, 0.133_329_15, -0.053_873_95, 0.021_110_96, -0.006_269_12];
    let (zero, one, two) = (isa.splat(0.0), isa.splat(1.0), isa.splat(2.0));
    let u = x * x;
    let near = x + x * u * poly(isa, u, &P);
    let magnitude = x.if_lt(zero, zero - x, x);
    let far = one - two / (exp(isa, magnitude + magnitude) + one);
    let far = x.if_lt(zero, zero - far, far);
    magnitude.if_lt(isa.splat(NEAR), near, far)
}

/// `x/2 (1 + tanh u)` with `u = sqrt(2/pi) (x + 0.044715 x^3)` (Hendrycks and Gimpel 2016,
/// arXiv:1606.08415), which is `x sigmoid(2u)`. Arguments below -12, whose result is zero, are taken as
/// -12, so that no `x^3` is infinite.
#[inline(always)]
pub(super) fn gelu_tanh<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    /// `2 sqrt(2/pi)`.
    const FACTOR: f32 = 1.595_769;
    let x = x.max(isa.splat(-12.0));
    let u = x + x * x * x * isa.splat(0.044_715);
    x * sigmoid(isa, u * isa.splat(FACTOR))
}

/// The sine and the cosine of an angle of at least 0.
///
/// The argument is reduced to `|r| <= pi / 4`. There, Taylor's series have errors below 1e-15.
pub(super) fn sin_cos(angle: f32) -> [f64; 2] {
    use core::f64::consts::FRAC_PI_2;
    let angle = f64::from(angle);
    let quarter = (angle / FRAC_PI_2 + 0.5) as u64;
    let r = angle - quarter as f64 * FRAC_PI_2;
    // `r^n / n!` for n from `first` to 17 in steps of two, with alternating signs.
    let series = |first: u32, power: f64| {
        let (mut sum, mut term) = (power, power);
        for n in (first + 2..=17).step_by(2) {
            term *= -(r * r) / f64::from(n * (n - 1));
            sum += term;
        }
        sum
    };
    let (sin, cos) = (series(1, r), series(0, 1.0));
    match quarter % 4 {
        0 => [sin, cos],
        1 => [cos, -sin],
        2 => [-sin, -cos],
        _ => [-cos, sin],
    }
}

/// The larger of `x` and 0.
#[inline(always)]
pub(super) fn relu<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    x.max(isa.splat(0.0))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let one = isa.splat(1.0);
    one / (one + exp(isa, isa.splat(0.0) - x))
}

/// The function that a linear operation applies to its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    None,
    /// The exact form, with erf.
    Gelu,
    /// The approximation by tanh.
    GeluTanh,
    Relu,
    Silu,
    Tanh,
}

impl Activation {
    #[inline(always)]
    pub(super) fn apply<I: Isa>(self, isa: I, x: I::F32) -> I::F32 {
        match self {
            Activation::None => x,
            Activation::Gelu => gelu(isa, x),
            Activation::GeluTanh => gelu_tanh(isa, x),
            Activation::Relu => relu(isa, x),
            Activation::Silu => x * sigmoid(isa, x),
            Activation::Tanh => tanh(isa, x),
        }
    }
}

/// What becomes of a result of a linear operation.
#[derive(Clone, Copy)]
pub(super) enum Store {
    /// It is stored after the activation.
    Activated(Activation),
    /// What was stored before is multiplied by it.
    Multiplied,
}

impl Store {
    #[inline(always)]
    pub(super) fn store<I: Isa>(self, isa: I, y: I::F32, out: &mut [f32]) {
        match self {
            Store::Activated(activation) => activation.apply(isa, y),
            Store::Multiplied => isa.load_or(out, 0.0) * y,
        }
        .store_first(out);
    }
}

/// Evaluates a function of lanes for a single number.
pub(super) fn one_lane<I: Isa>(isa: I, f: impl Fn(I, I::F32) -> I::F32, x: f32) -> f32 {
    let lanes: [f32; LANES] = f(isa, isa.splat(x)).to_array();
    lanes[0]
}
