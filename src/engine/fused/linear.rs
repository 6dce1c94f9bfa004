//! Linear layers with packed weights.

use crate::kernels::{
    Activation, Int8Scratch, Kernel, LinearF32, LinearI8, linear_f32, linear_i8, signed,
};
use crate::model;

/// `activation(x w + bias)` for each row of `x`.
pub(super) struct Linear {
    packed: Packed,
    activation: Activation,
}

enum Packed {
    Int8(LinearI8),
    F32(LinearF32),
}

impl Linear {
    /// Packs the weights, and gives back the memory that they were mapped into.
    pub fn new(kernel: Kernel, linear: &model::Linear) -> Linear {
        let shape = (linear.inputs, linear.outputs);
        let (weights, bias) = (&linear.weights, &linear.bias);
        let packed = match weights.int8(linear.outputs) {
            Some(int8) if linear.inputs <= LinearI8::MAX_INPUTS => Packed::Int8(LinearI8::new(
                kernel,
                shape,
                signed(&int8.signed(0..int8.bytes.len())),
                &int8.scales,
                &int8.zero_points,
                bias,
            )),
            _ => Packed::F32(LinearF32::new(kernel, shape, &weights.to_f32(linear.outputs), bias)),
        };
        weights.release();
        Linear { packed, activation: activation(linear.activation) }
    }

    /// `activation(x w + bias) * (x gated)`.
    pub fn gated(kernel: Kernel, linear: &model::Linear, gated: &model::Linear) -> Linear {
        let both = model::Linear::concat_columns([linear, gated]);
        let Linear { packed, .. } = Linear::new(kernel, &both);
        [linear, gated].iter().for_each(|part| part.weights.release());
        let packed = match packed {
            Packed::Int8(packed) => Packed::Int8(packed.gated()),
            Packed::F32(packed) => Packed::F32(packed.gated()),
        };
        Linear { packed, activation: activation(linear.activation) }
    }

    /// The width of a row of the result.
    pub fn outputs(&self) -> usize {
        match &self.packed {
            Packed::Int8(linear) => linear.outputs(),
            Packed::F32(linear) => linear.outputs(),
        }
    }

    /// `x` is `[rows, inputs]`, `out` is `[rows, outputs]`.
    pub fn apply(&self, x: &[f32], out: &mut [f32], scratch: &mut Int8Scratch) {
        match &self.packed {
            Packed::Int8(linear) => linear_i8(x, linear, self.activation, out, scratch),
            Packed::F32(linear) => linear_f32(x, linear, self.activation, out),
        }
    }
}

fn activation(activation: model::Activation) -> Activation {
    match activation {
        model::Activation::None => Activation::None,
        model::Activation::Gelu => Activation::Gelu,
        model::Activation::GeluTanh => Activation::GeluTanh,
        model::Activation::Relu => Activation::Relu,
        model::Activation::Silu => Activation::Silu,
        model::Activation::Tanh => Activation::Tanh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int8_layers_too_deep_for_integers_compute_in_floats() {
        for (inputs, deep) in [(LinearI8::MAX_INPUTS, false), (LinearI8::MAX_INPUTS + 1, true)] {
            let (bytes, scales, zero_points) = (vec![1; inputs].into(), vec![0.5], vec![0]);
            let int8 = model::Int8 { bytes, unsigned: false, by_row: false, scales, zero_points };
            let (weights, activation) = (model::Weights::Int8(int8), model::Activation::None);
            let layer = model::Linear { inputs, outputs: 1, weights, bias: vec![1.0], activation };
            let linear = Linear::new(Kernel::SCALAR, &layer);
            assert_eq!(matches!(linear.packed, Packed::F32(_)), deep);
            let mut out = [0.0];
            linear.apply(&vec![2.0; inputs], &mut out, &mut Int8Scratch::default());
            assert_eq!(out, [inputs as f32 + 1.0]);
        }
    }
}
