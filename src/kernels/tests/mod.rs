//! Tests of the kernels, and what they share.

mod contract;
mod exact_i16;
mod math;
mod reference;
mod self_check;

use super::{
    Activation, AttentionInputs, AttentionScratch, Heads, Int8Scratch, Kernel, LinearI8, attention,
    linear_i8,
};

/// Marsaglia's xorshift64 ("Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    /// Integers of `low..=high`.
    fn integers(&mut self, count: usize, low: i32, high: i32) -> Vec<i32> {
        let span = (high - low + 1) as u32;
        (0..count).map(|_| low + (self.next() % span) as i32).collect()
    }

    /// Floats of `-size..size`.
    fn floats(&mut self, count: usize, size: f32) -> Vec<f32> {
        (0..count).map(|_| (self.next() >> 8) as f32 / 8_388_608.0 * size - size).collect()
    }
}

fn named(name: &str) -> Option<Kernel> {
    Kernel::all().into_iter().find(|kernel| kernel.name() == name)
}

fn bits(values: &[f32]) -> Vec<u32> {
    // The payload and the sign of a NaN depend on the platform.
    values.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

/// A matrix as a model's file holds it.
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

/// The attention of random sequences that end at `ends`: the input and the result.
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
    attend_to_each(kernel, &qkv, &offsets, heads, &mut out);
    (qkv, out)
}

/// [`attention`] with a query for each token.
fn attend_to_each(kernel: Kernel, qkv: &[f32], offsets: &[usize], heads: Heads, out: &mut [f32]) {
    let inputs = AttentionInputs::of_each_token(qkv, heads.count * heads.dim);
    attention(kernel, inputs, offsets, offsets, heads, out, &mut AttentionScratch::default());
}
