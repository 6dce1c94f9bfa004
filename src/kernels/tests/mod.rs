//! Tests of the kernels, and what they share.

mod contract;
mod exact_i16;
mod math;
mod reference;
mod self_check;

use super::{
    Activation, AttentionInputs, AttentionScratch, Bias, Heads, Int8Scratch, Kernel, LinearI8,
    attention, linear_i8,
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
        let Matrix { k, n, .. } = self;
        let linear = self.linear(kernel);
        let rows = if *k == 0 { 3 } else { x.len() / k };
        let mut out = vec![f32::NAN; rows * n];
        linear_i8(x, &linear, activation, &mut out, &mut Int8Scratch::default());
        out
    }

    fn linear(&self, kernel: Kernel) -> LinearI8 {
        let Matrix { k, n, values, scales, zero_points, bias } = self;
        LinearI8::new(kernel, (*k, *n), values, scales, zero_points, bias)
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

/// Heads of sequences with a bias: their number and width.
const BIASED: (usize, usize) = if cfg!(miri) { (1, 1) } else { (2, 12) };

/// Queries, keys and values of random tokens, and the values of a bias for `longest` of them.
fn biased_inputs(
    random: &mut Random,
    tokens: usize,
    longest: usize,
    window: Option<usize>,
) -> (Vec<f32>, Vec<f32>) {
    let (count, dim) = BIASED;
    let reach = longest + Bias::SPARE;
    let qkv = random.floats(tokens * 3 * count * dim, 2.0);
    // The same for each distance, whatever the longest sequence is.
    let value = |head: usize, distance: usize| (head + 1) as f32 * (distance as f32).sin();
    let heads = if window.is_some() { 1 } else { count };
    let values = (0..heads).flat_map(|head| {
        (0..=2 * reach).map(move |i| match window {
            Some(window) if i.abs_diff(reach) > window => f32::NEG_INFINITY,
            Some(_) => 0.0,
            None => value(head, i.abs_diff(reach) + usize::from(i < reach)),
        })
    });
    (qkv, values.collect())
}

/// The attention of random sequences with a bias.
fn attend_with_bias(
    kernel: Kernel,
    random: &mut Random,
    ends: &[usize],
    window: Option<usize>,
) -> Vec<f32> {
    let (count, dim) = BIASED;
    let offsets: Vec<usize> = [&[0], ends].concat();
    let (longest, tokens) = (ends[ends.len() - 1], ends[ends.len() - 1]);
    let (qkv, values) = biased_inputs(random, tokens, longest, window);
    let inputs = AttentionInputs {
        bias: Some(Bias { values: &values, reach: longest + Bias::SPARE, window }),
        ..AttentionInputs::of_each_token(&qkv, count * dim)
    };
    let mut out = vec![f32::NAN; tokens * count * dim];
    let heads = Heads { count, dim, scale: 0.2 };
    attention(kernel, inputs, &offsets, &offsets, heads, &mut out, &mut Default::default());
    out
}

/// [`attention`] with a query for each token.
fn attend_to_each(kernel: Kernel, qkv: &[f32], offsets: &[usize], heads: Heads, out: &mut [f32]) {
    let inputs = AttentionInputs::of_each_token(qkv, heads.count * heads.dim);
    attention(kernel, inputs, offsets, offsets, heads, out, &mut AttentionScratch::default());
}
