//! The sigmoid of a single logit.

use crate::kernels::isa::scalar::Scalar;
use crate::kernels::math;

/// `1 / (1 + e^-x)`, with the same bits on every platform.
pub fn sigmoid(x: f32) -> f32 {
    math::one_lane(Scalar, math::sigmoid, x)
}
