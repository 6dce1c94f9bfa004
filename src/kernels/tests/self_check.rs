//! One hash over the results of every operation.

use super::Random;
use crate::kernels::{
    Activation, AttentionInputs, AttentionScratch, Heads, Int8Scratch, Kernel, LinearF32, LinearI8,
    NormParams, add_norm, attention, linear_f32, linear_i8, sigmoid,
};

/// Runs every operation on fixed pseudo-random data and hashes the bits of all results (FNV-1a). The
/// hash must be the same on every kernel and every platform.
pub fn self_check_hash(kernel: Kernel) -> u64 {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    let mut int8 = Int8Scratch::default();
    // The range of the weights: reduced, full, and narrow but away from zero.
    for (rows, k, n, low, high) in
        [(7, 52, 35, -64, 64), (5, 33, 16, -128, 127), (9, 70, 17, 3, 80)]
    {
        let x = random.floats(rows * k, 2.0);
        let values = random.integers(k * n, low, high);
        let values: Vec<i8> = values.into_iter().map(|v| v as i8).collect();
        let scales: Vec<f32> = random.floats(n, 0.01);
        let zero_points = random.integers(n, -20, 20);
        let bias = random.floats(n, 0.5);
        let linear = LinearI8::new(kernel, (k, n), &values, &scales, &zero_points, &bias);
        let weights = random.floats(k * n, 0.3);
        let float = LinearF32::new(kernel, (k, n), &weights, &bias);
        let mut out = vec![0.0; rows * n];
        for activation in [
            Activation::None,
            Activation::Gelu,
            Activation::GeluTanh,
            Activation::Relu,
            Activation::Tanh,
        ] {
            linear_i8(&x, &linear, activation, &mut out, &mut int8);
            hash.add(&out);
            linear_f32(&x, &float, activation, &mut out);
            hash.add(&out);
        }
    }

    let mut scratch = AttentionScratch::default();
    for (count, dim) in [(2, 32), (3, 12), (1, 64)] {
        let offsets = [0, 1, 18, 18, 67];
        let hidden = count * dim;
        let qkv = random.floats(67 * 3 * hidden, 3.0);
        let heads = Heads { count, dim, scale: 1.0 / (dim as f32).sqrt() };
        let mut out = vec![0.0; 67 * hidden];
        let inputs = AttentionInputs::of_each_token(&qkv, heads.count * heads.dim);
        attention(kernel, inputs, &offsets, &offsets, heads, &mut out, &mut scratch);
        hash.add(&out);
    }

    for width in [48, 29] {
        let terms = [(); 3].map(|()| random.floats(4 * width, 5.0));
        let (gamma, beta) = (random.floats(width, 1.0), random.floats(width, 1.0));
        let params = NormParams { gamma: &gamma, beta: &beta, eps: 1e-12 };
        let mut out = vec![0.0; 4 * width];
        add_norm(kernel, [&terms[0]], params, &mut out);
        hash.add(&out);
        add_norm(kernel, [&terms[0], &terms[1], &terms[2]], params, &mut out);
        hash.add(&out);
    }

    hash.add(&random.floats(100, 20.0).into_iter().map(sigmoid).collect::<Vec<_>>());
    hash.0
}

struct Fnv(u64);

impl Fnv {
    fn add(&mut self, values: &[f32]) {
        for byte in values.iter().flat_map(|x| x.to_bits().to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
