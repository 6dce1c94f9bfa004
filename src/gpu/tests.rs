//! Every step against a plain twin on the CPU, what a batch moves, and what becomes of failures.
//! They need an adapter: `tests/gpu.sh` installs two in software.

use std::process::Command;

use wgpu::naga;

use super::batch::Batch;
use super::device::Device;
use super::shaders::{Commands, Compiler, Real, source, with_constants};
use super::steps::{Attention, BLOCK_QUERIES, Embeddings, Linear, Norm, Pool, Rows};
use super::{Adapter, Gpu, Precision, block_on};
use crate::error::ErrorKind;
use crate::model::{self, Activation, Encoder, Layer, Numbering, Pooling, Table, Values};
use crate::tokenizer::Encoding;

const SOURCES: [&str; 5] =
    [source::EMBED, source::LINEAR, source::ATTENTION, source::NORM, source::POOL];

/// An adapter, without which these tests fail.
fn adapter() -> Adapter {
    block_on(Adapter::fastest()).expect("there is an adapter; tests/gpu.sh installs some")
}

/// The arithmetics of the adapter, each with the relative error that is allowed.
fn precisions() -> Vec<(Real, f64)> {
    let all = [(Real::F32, 1e-4), (Real::F16, 1e-2)];
    let has = adapter().f16;
    all.into_iter().filter(|(real, _)| has || *real == Real::F32).collect()
}

/// A small generator of the same numbers in every run (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From -1 to 1.
    fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.float()).collect()
    }

    /// Weights of int8 whose scales and zero points are one a column, or one for all.
    fn int8(&mut self, rows: usize, columns: usize, each: bool) -> Values {
        let parameters = if each { columns } else { 1 };
        Values::Int8 {
            values: (0..rows * columns).map(|_| self.next() as u8).collect(),
            unsigned: each,
            scales: (0..parameters).map(|_| 0.01 + 0.005 * self.float()).collect(),
            zero_points: (0..parameters).map(|_| (self.next() % 21) as i32 - 10).collect(),
        }
    }

    fn linear(&mut self, inputs: usize, outputs: usize, weights: Values) -> model::Linear {
        let activation = Activation::None;
        model::Linear { inputs, outputs, weights, bias: self.floats(outputs), activation }
    }

    fn norm(&mut self, hidden: usize) -> model::Norm {
        model::Norm { gamma: self.floats(hidden), beta: self.floats(hidden), eps: 1e-12 }
    }
}

/// A device that runs single steps.
struct Bench {
    device: Device,
    real: Real,
}

impl Bench {
    fn new(real: Real) -> Bench {
        let device = block_on(Device::open(&adapter(), real == Real::F16)).unwrap();
        Bench { device, real }
    }

    fn upload(&self, values: &[f32]) -> wgpu::Buffer {
        match self.real {
            Real::F32 => self.device.upload(values),
            Real::F16 => {
                let halves = values.iter().map(|&x| half::f16::from_f32(x).to_bits());
                self.device.upload(&halves.collect::<Vec<u16>>())
            }
        }
    }

    /// What is in a buffer after the steps.
    fn run(&self, steps: impl FnOnce(&mut Commands), out: &wgpu::Buffer, real: Real) -> Vec<f32> {
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
        match real {
            Real::F32 => floats,
            Real::F16 => floats.iter().flat_map(|pair| halves(pair.to_bits())).collect(),
        }
    }
}

fn halves(word: u32) -> [f32; 2] {
    [word as u16, (word >> 16) as u16].map(|bits| half::f16::from_bits(bits).to_f32())
}

/// Differences are measured against the largest number.
fn assert_near(got: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let error = got.iter().zip(expected).map(|(&g, e)| (f64::from(g) - e).abs());
    let error = error.fold(0.0, f64::max) / largest;
    assert!(error <= tolerance, "{what}: {error:e} of the largest, {largest}");
}

/// As floats have them in `real`.
fn rounded(values: &[f32], real: Real) -> Vec<f64> {
    let round = |&x: &f32| match real {
        Real::F32 => f64::from(x),
        Real::F16 => half::f16::from_f32(x).to_f64(),
    };
    values.iter().map(round).collect()
}

#[test]
fn linear_layers() {
    let mut random = Random(1);
    let shapes = [(1, 4, 1), (3, 20, 60), (64, 16, 64), (65, 36, 68), (130, 100, 132)];
    for (real, tolerance) in precisions() {
        let bench = Bench::new(real);
        for (tokens, inputs, outputs) in shapes {
            let weights = [
                random.int8(inputs, outputs, false),
                random.int8(inputs, outputs, true),
                Values::Float(random.floats(inputs * outputs).into()),
            ];
            for (activation, adds) in ACTIVATIONS {
                let weights = weights[random.next() as usize % weights.len()].clone();
                let linear =
                    model::Linear { activation, ..random.linear(inputs, outputs, weights) };
                let padded = outputs.next_multiple_of(4);
                let (x, before) = (random.floats(tokens * inputs), random.floats(tokens * padded));
                let step = Linear::new(&mut Compiler::new(&bench.device), &linear, adds, real);
                let (input, out) = (bench.upload(&x), bench.upload(&before));
                let rows = Rows { buffer: &input, count: tokens };
                let got = bench.run(|commands| step.dispatch(commands, rows, &out), &out, real);
                let got: Vec<f32> =
                    got.chunks(padded).flat_map(|row| &row[..outputs]).copied().collect();

                let (x, before) = (rounded(&x, real), rounded(&before, real));
                let weights = linear.weights.to_f32();
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
                let what = format!("{tokens} x {inputs} x {outputs}, {activation:?}, {real:?}");
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
fn norms() {
    let mut random = Random(2);
    for (real, tolerance) in precisions() {
        let bench = Bench::new(real);
        for (tokens, hidden) in [(1, 4), (7, 20), (8, 64), (9, 100), (30, 384)] {
            let (norm, x) = (random.norm(hidden), random.floats(tokens * hidden));
            let step = Norm::new(&mut Compiler::new(&bench.device), &norm, real);
            let states = bench.upload(&x);
            let rows = Rows { buffer: &states, count: tokens };
            let got = bench.run(|commands| step.dispatch(commands, rows), &states, real);
            let expected = normal(&rounded(&x, real), &norm);
            assert_near(&got, &expected, tolerance, &format!("{tokens} x {hidden}, {real:?}"));
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
fn attention_within_sequences() {
    let mut random = Random(3);
    let lengths: [&[usize]; 3] = [&[1], &[3, 16, 17], &[32, 33, 1, 70]];
    for (real, tolerance) in precisions() {
        let bench = Bench::new(real);
        for (heads, dim) in [(1, 4), (3, 20), (2, 32), (2, 64), (1, 128)] {
            let hidden = heads * dim;
            let step = Attention::new(&mut Compiler::new(&bench.device), hidden, heads, real);
            for lengths in lengths {
                let tokens = lengths.iter().sum();
                // Scores far from each other too.
                let mut qkv = random.floats(tokens * 3 * hidden);
                qkv.iter_mut().for_each(|x| *x *= 3.0);
                let (wide, out) = (bench.upload(&qkv), bench.upload(&vec![0.0; tokens * hidden]));
                let batch = batch_of(lengths);
                let blocks = bench.device.upload(&batch.blocks);
                let blocks = Rows { buffer: &blocks, count: batch.blocks.len() };
                let rows = Rows { buffer: &wide, count: tokens };
                let got =
                    bench.run(|commands| step.dispatch(commands, blocks, rows, &out), &out, real);
                let qkv = rounded(&qkv, real);
                let mut expected = Vec::new();
                for [begin, end] in &batch.sequences {
                    let sequence = &qkv[*begin as usize * 3 * hidden..*end as usize * 3 * hidden];
                    expected.extend(attend(sequence, heads, dim));
                }
                let what = format!("{lengths:?}, {heads} x {dim}, {real:?}");
                assert_near(&got, &expected, tolerance, &what);
            }
        }
    }
}

/// The sequences and blocks of tokens that are nobody's.
fn batch_of(lengths: &[usize]) -> Batch {
    let mut batch = Batch::default();
    let mut begin = 0;
    for &length in lengths {
        let end = begin + length as u32;
        batch.sequences.push([begin, end]);
        let firsts = (begin..end).step_by(BLOCK_QUERIES);
        batch.blocks.extend(firsts.map(|first| [begin, end, first, 0]));
        begin = end;
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

/// A model with random weights.
fn encoder(
    random: &mut Random,
    hidden: usize,
    heads: usize,
    layers: usize,
    words: (usize, Values),
) -> Encoder {
    let mut linear = |inputs: usize, outputs: usize| {
        let weights = random.int8(inputs, outputs, true);
        random.linear(inputs, outputs, weights)
    };
    let mut all: Vec<Layer> = Vec::new();
    for _ in 0..layers {
        all.push(Layer {
            query: linear(hidden, hidden),
            key: linear(hidden, hidden),
            value: linear(hidden, hidden),
            attention_output: linear(hidden, hidden),
            attention_norm: model::Norm {
                gamma: vec![1.0; hidden],
                beta: vec![0.0; hidden],
                eps: 1e-12,
            },
            intermediate: linear(hidden, 4 * hidden),
            output: linear(4 * hidden, hidden),
            output_norm: model::Norm {
                gamma: vec![1.0; hidden],
                beta: vec![0.0; hidden],
                eps: 1e-12,
            },
        });
    }
    let pooler = model::Linear { activation: Activation::Tanh, ..linear(hidden, hidden) };
    let head = vec![pooler, linear(hidden, 1)];
    let (rows, words) = words;
    Encoder {
        heads,
        words: Table { rows, values: words },
        positions: Table { rows: 80, values: random.int8(80, hidden, false) },
        numbering: Numbering::FromZero,
        segments: Some(Table { rows: 2, values: Values::Float(random.floats(2 * hidden).into()) }),
        embedding_norm: random.norm(hidden),
        layers: all,
        head,
    }
}

fn encoding(random: &mut Random, tokens: usize, words: u64) -> Encoding {
    Encoding {
        ids: (0..tokens).map(|_| (random.next() % words) as u32).collect(),
        type_ids: (0..tokens).map(|_| (random.next() % 2) as u32).collect(),
        query_truncated: false,
        document_truncated: false,
    }
}

#[test]
fn embeddings() {
    let mut random = Random(4);
    for (real, tolerance) in precisions() {
        let bench = Bench::new(real);
        let hidden = 36;
        let tables = [
            random.int8(50, hidden, true),
            random.int8(50, hidden, false),
            Values::Float(random.floats(50 * hidden).into()),
        ];
        for words in tables {
            let encoder = encoder(&mut random, hidden, 1, 0, (50, words));
            let sizes = super::Sizes::new(&encoder, &bench.device, real, true).unwrap();
            let encodings = [5, 1, 60].map(|tokens| encoding(&mut random, tokens, 50));
            let batch = Batch::new(&sizes, &encodings.each_ref()).unwrap();
            let step = Embeddings::new(&mut Compiler::new(&bench.device), &encoder, real);
            let rows = bench.device.upload(&batch.rows);
            let out = bench.upload(&vec![0.0; 66 * hidden]);
            let rows = Rows { buffer: &rows, count: 66 };
            let got = bench.run(|commands| step.dispatch(commands, rows, &out), &out, real);

            let tables = [&encoder.words, encoder.segments.as_ref().unwrap(), &encoder.positions]
                .map(|t| t.values.to_f32());
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
            assert_near(&got, &expected, tolerance, &format!("{real:?}"));
        }
    }
}

#[test]
fn pooling() {
    let mut random = Random(5);
    for (real, tolerance) in precisions() {
        let bench = Bench::new(real);
        for (hidden, pooling) in [(20, Pooling::Mean), (300, Pooling::Mean), (300, Pooling::First)]
        {
            let lengths = [1, 40, 3];
            let (batch, x) = (batch_of(&lengths), random.floats(44 * hidden));
            let step = Pool::new(&mut Compiler::new(&bench.device), hidden, pooling, real);
            let (states, out) = (bench.upload(&x), bench.device.buffer(12 * hidden as u64));
            let sequences = bench.device.upload(&batch.sequences);
            let sequences = Rows { buffer: &sequences, count: 3 };
            let states = Rows { buffer: &states, count: 44 };
            let got = bench.run(
                |commands| step.dispatch(commands, sequences, states, &out),
                &out,
                Real::F32,
            );
            let x = rounded(&x, real);
            let expected = batch.sequences.iter().flat_map(|&[begin, end]| {
                let end = if matches!(pooling, Pooling::Mean) { end } else { begin + 1 };
                let x = &x;
                (0..hidden).map(move |i| {
                    let tokens = (begin..end).map(|token| x[token as usize * hidden + i]);
                    tokens.sum::<f64>() / f64::from(end - begin)
                })
            });
            assert_near(
                &got,
                &expected.collect::<Vec<_>>(),
                tolerance,
                &format!("{pooling:?}, {real:?}"),
            );
        }
    }
}

/// The source as it stands, and as plans have it, passes WebGPU's rules, by naga, and by tint where
/// that is installed.
#[test]
fn shaders_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    for code in SOURCES {
        for real in [Real::F32, Real::F16] {
            let code = with_constants(code, real, &[]);
            let module = naga::front::wgsl::parse_str(&code).unwrap();
            let capabilities = naga::valid::Capabilities::SHADER_FLOAT16;
            naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities)
                .validate(&module)
                .unwrap();
            assert!(!code.contains("subgroup"));

            let file = folder.path().join("shader.wgsl");
            std::fs::write(&file, &code).unwrap();
            let tint = Command::new("tint")
                .args(["--format", "wgsl", "-o", "/dev/null"])
                .arg(&file)
                .output();
            let Ok(output) = tint else {
                println!("tint is not installed, and did not look at the shaders");
                continue;
            };
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// A reranker of two layers, and texts for it.
fn reranker(random: &mut Random) -> (Encoder, Vec<Encoding>) {
    let words = random.int8(100, 64, false);
    let encoder = encoder(random, 64, 2, 2, (100, words));
    let encodings = [1, 70, 9, 33].map(|tokens| encoding(random, tokens, 100));
    (encoder, encodings.into())
}

fn load(encoder: &Encoder, precision: Precision) -> Gpu {
    block_on(Gpu::load(encoder, Pooling::Mean, &adapter(), precision)).unwrap()
}

#[test]
fn a_batch_moves_at_most_twice_what_it_must() {
    let (encoder, encodings) = reranker(&mut Random(6));
    let sequences: Vec<&Encoding> = encodings.iter().collect();
    for real in precisions().into_iter().map(|(real, _)| real) {
        let precision = if real == Real::F16 { Precision::F16 } else { Precision::F32 };
        let gpu = load(&encoder, precision);
        let (logits, counts) = block_on(gpu.run_batch(&sequences)).unwrap();
        assert_eq!(logits.len(), 4);
        assert_eq!((counts.submissions, counts.readbacks), (1, 1));
        let outside = 5; // embeddings, their norm, pooling, pooler, classifier
        let layers = encoder.layers.len() as u64;
        assert!(counts.dispatches <= outside + 8 * layers, "{counts:?}");

        // Weights once, and once what goes into a fused step and comes out of it.
        let (tokens, hidden, sequences) = (113, 64, 4);
        let int8 = |inputs: u64, outputs: u64| inputs * outputs + 12 * outputs;
        let weights = layers
            * (4 * int8(hidden, hidden) + 2 * int8(hidden, 4 * hidden) + 4 * 4 * hidden)
            + int8(hidden, hidden)
            + int8(hidden, 4);
        let a_layer = (1 + 3) + (3 + 1) + (1 + 1 + 1) + (1 + 4) + (4 + 1 + 1);
        let rows = tokens * (16 + hidden + 2 * 4 * hidden) + 4 * 4 * hidden;
        let activations = tokens * hidden * real.bytes() * (1 + layers * a_layer);
        let head = sequences * (hidden * real.bytes() + 4 * (4 * hidden + 4));
        let least = weights + rows + activations + head;
        println!(
            "{real:?}: {} bytes, {:.2} of the least",
            counts.bytes,
            counts.bytes as f64 / least as f64
        );
        assert!((least..=2 * least).contains(&counts.bytes), "{counts:?}, and {least} at least");
    }
}

#[test]
fn a_logit_does_not_depend_on_the_others() {
    let (encoder, encodings) = reranker(&mut Random(7));
    let gpu = load(&encoder, Precision::Best);
    let run = |sequences: &[&Encoding]| block_on(gpu.run(sequences)).unwrap();
    let singles: Vec<f32> = encodings.iter().flat_map(|encoding| run(&[encoding])).collect();
    assert!(singles.iter().all(|logit| logit.is_finite()));
    assert!(run(&[]).is_empty());
    // More than a batch, from two threads.
    let many: Vec<&Encoding> = encodings.iter().cycle().take(24).collect();
    assert!(many.iter().map(|e| e.ids.len()).sum::<usize>() > gpu.batch_tokens());
    std::thread::scope(|scope| {
        for list in [scope.spawn(|| run(&many)), scope.spawn(|| run(&many))] {
            assert_eq!(list.join().unwrap(), singles.repeat(6));
        }
    });
}

fn kind<T>(result: crate::error::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn a_lost_device_is_an_error_from_then_on() {
    let (encoder, encodings) = reranker(&mut Random(8));
    let gpu = load(&encoder, Precision::Best);
    let list: Vec<&Encoding> = encodings.iter().cycle().take(400).collect();
    let lost = std::thread::scope(|scope| {
        let call = scope.spawn(|| block_on(gpu.run(&list)));
        std::thread::sleep(std::time::Duration::from_millis(30));
        gpu.device.inner.destroy();
        call.join().unwrap()
    });
    assert_eq!(kind(lost), Some(ErrorKind::GpuFailed));
    let again = block_on(gpu.run(&list[..1]));
    assert!(again.as_ref().is_err_and(|e| e.to_string().contains("use the CPU")), "{again:?}");
    assert_eq!(kind(again), Some(ErrorKind::GpuFailed));
}

#[test]
fn what_does_not_fit_is_refused_before_anything_runs() {
    let (encoder, _) = reranker(&mut Random(9));
    let sizes = |change: &dyn Fn(&mut wgpu::Limits)| {
        let mut device = block_on(Device::open(&adapter(), false)).unwrap();
        change(&mut device.limits);
        kind(super::Sizes::new(&encoder, &device, Real::F32, false))
    };
    assert_eq!(sizes(&|_| ()), None);
    // The words, the activations of the longest text, and its blocks.
    let failed = Some(ErrorKind::GpuFailed);
    assert_eq!(sizes(&|limits| limits.max_storage_buffer_binding_size = 6000), failed);
    assert_eq!(sizes(&|limits| limits.max_buffer_size = 4 * 256 * 79), failed);
    assert_eq!(sizes(&|limits| limits.max_compute_workgroups_per_dimension = 8), failed);

    let odd = self::encoder(&mut Random(1), 20, 2, 0, (2, Values::Float(vec![0.0; 40].into())));
    let precision = Precision::F32;
    assert_eq!(kind(block_on(Gpu::load(&odd, Pooling::Mean, &adapter(), precision))), failed);
    let mut without = adapter();
    without.f16 = false;
    let loaded = block_on(Gpu::load(&encoder, Pooling::Mean, &without, Precision::F16));
    assert_eq!(kind(loaded), failed);
}

#[test]
fn what_goes_wrong_is_an_error_and_no_panic() {
    let (encoder, encodings) = reranker(&mut Random(10));
    let gpu = load(&encoder, Precision::F32);
    let unknown = Encoding { ids: vec![1, 100], ..encodings[2].clone() };
    let empty = Encoding { ids: Vec::new(), type_ids: Vec::new(), ..unknown.clone() };
    let long = encoding(&mut Random(1), 81, 100);
    for bad in [unknown, empty, long] {
        let result = block_on(gpu.run(&[&encodings[0], &bad]));
        assert_eq!(kind(result), Some(ErrorKind::InvalidModel));
    }
    assert!(block_on(gpu.run(&[&encodings[0]])).is_ok(), "the device is as it was");

    let too_large = || gpu.device.buffer(gpu.device.limits.max_buffer_size + 4);
    let refused = block_on(gpu.device.guarded(too_large));
    assert_eq!(kind(refused), Some(ErrorKind::GpuFailed));
    let panicked = block_on::<()>(async { panic!("of a driver") });
    assert_eq!(kind(panicked), Some(ErrorKind::GpuFailed));
}
