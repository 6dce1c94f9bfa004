//! Elementary functions as one expression tree over lanes.
//!
//! None of them calls libm, whose results differ between platforms. A NaN stays a NaN. The
//! polynomials and quotients were fitted for this crate in 40 digits (interpolation at Chebyshev
//! nodes; for the normal distribution, weighted least squares with Lawson's iteration); `tests_math.rs` holds them to
//! f64 references.

use super::simd::{F32x16, Isa, LANES, MAGIC};

/// `c[0] + x c[1] + x^2 c[2] + ...`, by Horner's rule.
#[inline(always)]
fn poly<I: Isa, const N: usize>(isa: I, x: I::F32, c: &[f32; N]) -> I::F32 {
    let mut sum = isa.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = sum * x + isa.splat(c[i]);
    }
    sum
}

/// `e^x`. Zero below -87.3 (no subnormal results) and infinite above 88.3.
///
/// Reduced by Cody and Waite's two-part ln 2 to `|r| <= ln 2 / 2` ("Software Manual for the
/// Elementary Functions", 1980), where `1 + r + r^2 p(r)` errs by 1e-8.
#[inline(always)]
pub(super) fn exp<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    const LOWEST: f32 = -87.3;
    const HIGHEST: f32 = 88.3;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const P: [f32; 5] = [0.5, 0.166_665_77, 0.041_666_554, 0.008_363_233, 0.001_392_625];

    let clamped = x.max(isa.splat(LOWEST)).min(isa.splat(HIGHEST));
    let shifted = clamped * isa.splat(core::f32::consts::LOG2_E) + isa.splat(MAGIC);
    let n = shifted - isa.splat(MAGIC);
    let r = clamped - n * isa.splat(LN2_HIGH) - n * isa.splat(LN2_LOW);
    let e_r = r * r * poly(isa, r, &P) + r + isa.splat(1.0);
    let value = e_r * shifted.pow2();
    let value = x.if_lt(isa.splat(LOWEST), isa.splat(0.0), value);
    isa.splat(HIGHEST).if_lt(x, isa.splat(f32::INFINITY), value)
}

/// The normal distribution's cumulative function `(1 + erf(x / sqrt 2)) / 2`, within 1.5e-7.
///
/// For `z = |x|`, `-log2` of the upper tail is smooth and close to a parabola, so that one
/// polynomial `g(z)` serves up to 5.75, beyond which the tail is less than 5e-9 and taken as zero.
#[inline(always)]
pub(super) fn normal_cdf<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    const END: f32 = 5.75;
    const G: [f32; 9] = [
        1.0,
        1.151_106,
        0.459_198_47,
        0.052_533_14,
        -0.007_126_339_3,
        1.914_427_7e-4,
        1.613_419_3e-4,
        -3.373_625_8e-5,
        2.333_966_4e-6,
    ];
    /// `2^f` for `|f| <= 1/2`, within 1e-7 of itself.
    const EXP2: [f32; 6] =
        [1.0, core::f32::consts::LN_2, 0.240_221_03, 0.055_503_567, 0.009_676_264, 0.001_339_109_3];
    let zero = isa.splat(0.0);
    let z = x.if_lt(zero, zero - x, x);
    let bounded = z.min(isa.splat(END));
    let exponent = zero - poly(isa, bounded, &G);
    let shifted = exponent + isa.splat(MAGIC);
    let fraction = exponent - (shifted - isa.splat(MAGIC));
    let tail = poly(isa, fraction, &EXP2) * shifted.pow2();
    let tail = isa.splat(END).if_lt(z, zero, tail);
    x.if_lt(zero, tail, isa.splat(1.0) - tail)
}

/// `x/2 (1 + erf(x / sqrt 2))`.
#[inline(always)]
pub(super) fn gelu<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    x * normal_cdf(isa, x)
}

/// `tanh x`: an odd polynomial near zero, where the exponential form cancels.
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

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let one = isa.splat(1.0);
    one / (one + exp(isa, isa.splat(0.0) - x))
}

/// What a linear operation applies to its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    None,
    /// The erf form.
    Gelu,
    Tanh,
}

impl Activation {
    #[inline(always)]
    pub(super) fn apply<I: Isa>(self, isa: I, x: I::F32) -> I::F32 {
        match self {
            Activation::None => x,
            Activation::Gelu => gelu(isa, x),
            Activation::Tanh => tanh(isa, x),
        }
    }
}

/// One lane of a function.
pub(super) fn one_lane<I: Isa>(isa: I, f: impl Fn(I, I::F32) -> I::F32, x: f32) -> f32 {
    let lanes: [f32; LANES] = f(isa, isa.splat(x)).to_array();
    lanes[0]
}
