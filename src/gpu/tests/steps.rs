//! Every step, compared with a plain implementation on the CPU.

use super::super::batch::{Batch, Sizes};
use super::super::device::Device;
use super::super::shaders::{Commands, Compiler, FloatType};
use super::super::steps::{Attention, BLOCK_QUERIES, Embeddings, Linear, Norm, Pool, Rows};
use super::{Random, adapter, encoder, encoding, precisions};
use crate::gpu::block_on;
use crate::model::{self, Activation, Int8, Pooling, Weights};
use crate::tokenizer::Encoding;

/// A device that runs single steps.
struct Bench {
    device: Device,
    float: FloatType,
}

impl Bench {
    fn new(float: FloatType) -> Bench {
        let device = block_on(Device::open(&adapter(), float == FloatType::F16)).unwrap();
        Bench { device, float }
    }

    fn upload(&self, values: &[f32]) -> wgpu::Buffer {
        match self.float {
            FloatType::F32 => self.device.upload(values),
            FloatType::F16 => {
                let halves = values.iter().map(|&x| half::f16::from_f32(x).to_bits());
                self.device.upload(&halves.collect::<Vec<u16>>())
            }
        }
    }

    /// The contents of a buffer after the steps.
    fn run(
        &self,
        steps: impl FnOnce(&mut Commands),
        out: &wgpu::Buffer,
        float: FloatType,
    ) -> Vec<f32> {
        let bytes = out.size();
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let read = self.device.buffer_for(bytes, usage);
        let commands = || {
            let mut encoder = self.device.inner.create_command_encoder(&Default::default());
            steps(&mut Commands::new(&self.device, &mut encoder));
            encoder.copy_buffer_to_buffer(out, 0, &read, 0, bytes);
            self.device.queue.submit([encoder.finish()]);
        };
        block_on(self.device.guarded(commands)).unwrap();
        let floats = block_on(self.device.read(&read, bytes)).unwrap();
        match float {
            FloatType::F32 => floats,
            FloatType::F16 => floats.iter().flat_map(|pair| halves(pair.to_bits())).collect(),
        }
    }
}

fn halves(word: u32) -> [f32; 2] {
    [word as u16, (word >> 16) as u16].map(|bits| half::f16::from_bits(bits).to_f32())
}

/// Differences are relative to the largest number.
fn assert_near(got: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let error = got.iter().zip(expected).map(|(&g, e)| (f64::from(g) - e).abs());
    let error = error.fold(0.0, f64::max);
    assert!(error <= tolerance * largest, "{what}: {error:e} where the largest is {largest}");
}

/// The values that `float` can hold.
fn rounded(values: &[f32], float: FloatType) -> Vec<f64> {
    let round = |&x: &f32| match float {
        FloatType::F32 => f64::from(x),
        FloatType::F16 => half::f16::from_f32(x).to_f64(),
    };
    values.iter().map(round).collect()
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn linear_layers() {
    let mut random = Random(1);
    let shapes = [(1, 4, 1), (3, 20, 60), (64, 16, 64), (65, 36, 68), (130, 100, 132)];
    for (float, tolerance) in precisions() {
        let bench = Bench::new(float);
        for (tokens, inputs, outputs) in shapes {
            // Of the size that models have, so that sums are about as large as inputs.
            let small: Vec<f32> = random
                .floats(inputs * outputs)
                .iter()
                .map(|w| w / (inputs as f32).sqrt())
                .collect();
            let weights = [
                random.int8(inputs, outputs, false),
                random.int8(inputs, outputs, true),
                Weights::Float(small.into()),
            ];
            for (activation, adds) in ACTIVATIONS {
                let weights = weights[random.next() as usize % weights.len()].clone();
                let linear =
                    model::Linear { activation, ..random.linear(inputs, outputs, weights) };
                let padded = outputs.next_multiple_of(4);
                let (x, before) = (random.floats(tokens * inputs), random.floats(tokens * padded));
                let step = Linear::new(&mut Compiler::new(&bench.device), &linear, adds, float);
                let (input, out) = (bench.upload(&x), bench.upload(&before));
                let rows = Rows { buffer: &input, count: tokens };
                let got = bench.run(|commands| step.dispatch(commands, rows, &out), &out, float);
                let got: Vec<f32> =
                    got.chunks(padded).flat_map(|row| &row[..outputs]).copied().collect();

                let (x, before) = (rounded(&x, float), rounded(&before, float));
                let weights = linear.weights.to_f32(outputs);
                let at = |token: usize, column: usize| {
                    let products = (0..inputs)
                        .map(|i| x[token * inputs + i] * f64::from(weights[i * outputs + column]));
                    let y = activate(
                        activation,
                        products.sum::<f64>() + f64::from(linear.bias[column]),
                    );
                    if adds { y + before[token * padded + column] } else { y }
                };
                let expected: Vec<f64> =
                    (0..tokens * outputs).map(|i| at(i / outputs, i % outputs)).collect();
                let what = format!("{tokens} x {inputs} x {outputs}, {activation:?}, {float:?}");
                assert_near(&got, &expected, tolerance, &what);
            }
        }
    }
}

const ACTIVATIONS: [(Activation, bool); 5] = [
    (Activation::None, true),
    (Activation::Gelu, false),
    (Activation::GeluTanh, false),
    (Activation::Relu, false),
    (Activation::Tanh, false),
];

fn activate(activation: Activation, y: f64) -> f64 {
    match activation {
        Activation::None => y,
        Activation::Gelu => y / 2.0 * (1.0 + erf(y / 2.0_f64.sqrt())),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (y + 0.044_715 * y.powi(3));
            y / 2.0 * (1.0 + inner.tanh())
        }
        Activation::Relu => y.max(0.0),
        Activation::Silu => y / (1.0 + (-y).exp()),
        Activation::Tanh => y.tanh(),
    }
}

/// The error function by a series of terms of one sign (Abramowitz and Stegun 7.1.6).
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    sum * 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp()
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn norms() {
    let mut random = Random(2);
    for (float, tolerance) in precisions() {
        let bench = Bench::new(float);
        for (tokens, hidden) in [(1, 4), (7, 20), (8, 64), (9, 100), (30, 384)] {
            let (norm, x) = (random.norm(hidden), random.floats(tokens * hidden));
            let step = Norm::new(&mut Compiler::new(&bench.device), &norm, float);
            let states = bench.upload(&x);
            let rows = Rows { buffer: &states, count: tokens };
            let got = bench.run(|commands| step.dispatch(commands, rows), &states, float);
            let expected = normal(&rounded(&x, float), &norm);
            assert_near(&got, &expected, tolerance, &format!("{tokens} x {hidden}, {float:?}"));
        }
    }
}

fn normal(x: &[f64], norm: &model::Norm) -> Vec<f64> {
    let hidden = norm.gamma.len();
    let row = |row: &[f64]| {
        let mean = row.iter().sum::<f64>() / hidden as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / hidden as f64;
        let scale = 1.0 / (variance + f64::from(norm.eps)).sqrt();
        let parameters = norm.gamma.iter().zip(&norm.beta);
        let normal = row
            .iter()
            .zip(parameters)
            .map(|(x, (&gamma, &beta))| (x - mean) * scale * f64::from(gamma) + f64::from(beta));
        normal.collect::<Vec<f64>>()
    };
    x.chunks(hidden).flat_map(row).collect()
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn attention_within_sequences() {
    let mut random = Random(3);
    let lengths: [&[usize]; 3] = [&[1], &[3, 16, 17], &[32, 33, 1, 70]];
    for (float, tolerance) in precisions() {
        let bench = Bench::new(float);
        for (heads, dim) in [(1, 4), (3, 20), (2, 32), (2, 64), (1, 128)] {
            let hidden = heads * dim;
            let step = Attention::new(&mut Compiler::new(&bench.device), hidden, heads, float);
            for lengths in lengths {
                let tokens = lengths.iter().sum();
                // Some scores are far from each other.
                let mut qkv = random.floats(tokens * 3 * hidden);
                qkv.iter_mut().for_each(|x| *x *= 3.0);
                let (wide, out) = (bench.upload(&qkv), bench.upload(&vec![0.0; tokens * hidden]));
                let batch = batch_of(lengths);
                let blocks = bench.device.upload(&batch.blocks);
                let blocks = Rows { buffer: &blocks, count: batch.blocks.len() };
                let rows = Rows { buffer: &wide, count: tokens };
                let got =
                    bench.run(|commands| step.dispatch(commands, blocks, rows, &out), &out, float);
                let qkv = rounded(&qkv, float);
                let mut expected = Vec::new();
                for [start, end] in &batch.sequences {
                    let sequence = &qkv[*start as usize * 3 * hidden..*end as usize * 3 * hidden];
                    expected.extend(attend(sequence, heads, dim));
                }
                let what = format!("{lengths:?}, {heads} x {dim}, {float:?}");
                assert_near(&got, &expected, tolerance, &what);
            }
        }
    }
}

/// A batch of sequences of these lengths, without the rows of their tokens.
fn batch_of(lengths: &[usize]) -> Batch {
    let mut batch = Batch::default();
    let mut start = 0;
    for &length in lengths {
        let end = start + length as u32;
        batch.sequences.push([start, end]);
        let firsts = (start..end).step_by(BLOCK_QUERIES);
        batch.blocks.extend(firsts.map(|first| [start, end, first, 0]));
        start = end;
    }
    batch
}

fn attend(qkv: &[f64], heads: usize, dim: usize) -> Vec<f64> {
    let hidden = heads * dim;
    let tokens = qkv.len() / (3 * hidden);
    let part = |which: usize, token: usize, head: usize| {
        &qkv[(token * 3 + which) * hidden + head * dim..][..dim]
    };
    let mut out = Vec::new();
    for query in 0..tokens {
        for head in 0..heads {
            let q = part(0, query, head);
            let score = |key: usize| {
                let dot: f64 = q.iter().zip(part(1, key, head)).map(|(a, b)| a * b).sum();
                dot / (dim as f64).sqrt()
            };
            let scores: Vec<f64> = (0..tokens).map(score).collect();
            let largest = scores.iter().copied().fold(f64::MIN, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
            let sum: f64 = weights.iter().sum();
            out.extend((0..dim).map(|i| {
                let weighted = weights.iter().enumerate().map(|(key, w)| w * part(2, key, head)[i]);
                weighted.sum::<f64>() / sum
            }));
        }
    }
    out
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn embeddings() {
    let mut random = Random(4);
    for (float, tolerance) in precisions() {
        let bench = Bench::new(float);
        let hidden = 36;
        let by_row = match random.int8(hidden, 50, true) {
            Weights::Int8(int8) => {
                Weights::Int8(Int8 { by_row: true, zero_points: vec![3], ..int8 })
            }
            other => other,
        };
        let tables = [
            random.int8(50, hidden, true),
            random.int8(50, hidden, false),
            by_row,
            Weights::Float(random.floats(50 * hidden).into()),
        ];
        for words in tables {
            let encoder = encoder(&mut random, hidden, 1, 0, (50, words));
            let sizes = Sizes::new(&encoder, &bench.device, float, true).unwrap();
            let encodings = [5, 1, 60].map(|tokens| encoding(&mut random, tokens, 50));
            let batch = Batch::new(&sizes, &encodings.each_ref()).unwrap();
            let step = Embeddings::new(&mut Compiler::new(&bench.device), &encoder, float);
            let rows = bench.device.upload(&batch.rows);
            let out = bench.upload(&vec![0.0; 66 * hidden]);
            let rows = Rows { buffer: &rows, count: 66 };
            let got = bench.run(|commands| step.dispatch(commands, rows, &out), &out, float);

            let tables = [
                &encoder.token_embeddings,
                encoder.token_type_embeddings.as_ref().unwrap(),
                encoder.position_table().unwrap().0,
            ]
            .map(|t| t.values.to_f32(hidden));
            let mut expected = Vec::new();
            for Encoding { ids, type_ids, .. } in &encodings {
                for (position, (&word, &segment)) in ids.iter().zip(type_ids).enumerate() {
                    let rows = [word as usize, segment as usize, position];
                    expected.extend((0..hidden).map(|i| {
                        let elements =
                            tables.iter().zip(rows).map(|(table, row)| table[row * hidden + i]);
                        elements.map(f64::from).sum::<f64>()
                    }));
                }
            }
            assert_near(&got, &expected, tolerance, &format!("{float:?}"));
        }
    }
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn pooling() {
    let mut random = Random(5);
    for (float, tolerance) in precisions() {
        let bench = Bench::new(float);
        for (hidden, pooling) in [(20, Pooling::Mean), (300, Pooling::Mean), (300, Pooling::First)]
        {
            let lengths = [1, 40, 3];
            let (batch, x) = (batch_of(&lengths), random.floats(44 * hidden));
            let step = Pool::new(&mut Compiler::new(&bench.device), hidden, pooling, float);
            let (states, out) = (bench.upload(&x), bench.device.buffer(12 * hidden as u64));
            let sequences = bench.device.upload(&batch.sequences);
            let sequences = Rows { buffer: &sequences, count: 3 };
            let states = Rows { buffer: &states, count: 44 };
            let got = bench.run(
                |commands| step.dispatch(commands, sequences, states, &out),
                &out,
                FloatType::F32,
            );
            let x = rounded(&x, float);
            let expected = batch.sequences.iter().flat_map(|&[start, end]| {
                let end = if matches!(pooling, Pooling::Mean) { end } else { start + 1 };
                let x = &x;
                (0..hidden).map(move |i| {
                    let tokens = (start..end).map(|token| x[token as usize * hidden + i]);
                    tokens.sum::<f64>() / f64::from(end - start)
                })
            });
            assert_near(
                &got,
                &expected.collect::<Vec<_>>(),
                tolerance,
                &format!("{pooling:?}, {float:?}"),
            );
        }
    }
}
