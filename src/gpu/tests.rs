//! Tests of each step, of the bytes that a batch moves, and of failures. They need an adapter:
//! `tests/gpu.sh` installs two in software.

mod steps;

use std::process::Command;

use wgpu::naga;

use super::device::Device;
use super::shaders::{FloatType, source, with_constants};
use super::{Adapter, Gpu, Precision, block_on};
use crate::error::ErrorKind;
use crate::model::{
    self, Activation, Encoder, Head, HeadStep, Int8, Layer, Pooling, PositionScheme, Positions,
    RelativePositions, Residuals, Table, Weights,
};
use crate::tokenizer::Encoding;

const SOURCES: [&str; 5] =
    [source::EMBED, source::LINEAR, source::ATTENTION, source::NORM, source::POOL];

/// An adapter, without which these tests fail.
fn adapter() -> Adapter {
    block_on(Adapter::fastest()).expect("there is an adapter; tests/gpu.sh installs some")
}

/// The types of float that the adapter has, each with the relative error that is allowed.
fn precisions() -> Vec<(FloatType, f64)> {
    let all = [(FloatType::F32, 1e-4), (FloatType::F16, 1e-2)];
    let has = adapter().f16;
    all.into_iter().filter(|(float, _)| has || *float == FloatType::F32).collect()
}

/// A small generator that gives the same numbers in every run (Marsaglia 2003).
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

    /// Int8 weights, with a scale and a zero point for each column, or one for all.
    fn int8(&mut self, rows: usize, columns: usize, each: bool) -> Weights {
        let parameters = if each { columns } else { 1 };
        Weights::Int8(Int8 {
            bytes: (0..rows * columns).map(|_| self.next() as u8).collect(),
            unsigned: each,
            by_row: false,
            scales: (0..parameters).map(|_| 0.002 + 0.001 * self.float()).collect(),
            zero_points: (0..parameters).map(|_| (self.next() % 21) as i32 - 10).collect(),
        })
    }

    fn linear(&mut self, inputs: usize, outputs: usize, weights: Weights) -> model::Linear {
        let activation = Activation::None;
        model::Linear { inputs, outputs, weights, bias: self.floats(outputs), activation }
    }

    fn norm(&mut self, hidden: usize) -> model::Norm {
        model::Norm { gamma: self.floats(hidden), beta: self.floats(hidden), eps: 1e-12 }
    }
}

/// A model with random weights.
fn encoder(
    random: &mut Random,
    hidden: usize,
    heads: usize,
    layers: usize,
    words: (usize, Weights),
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
            relative: RelativePositions::None,
            window: None,
            intermediate: linear(hidden, 4 * hidden),
            gated: None,
            output: linear(4 * hidden, hidden),
            output_norm: model::Norm {
                gamma: vec![1.0; hidden],
                beta: vec![0.0; hidden],
                eps: 1e-12,
            },
        });
    }
    let pooler = model::Linear { activation: Activation::Tanh, ..linear(hidden, hidden) };
    let steps = [pooler, linear(hidden, 1)].map(HeadStep::Linear).into();
    let (rows, words) = words;
    Encoder {
        heads,
        token_embeddings: Table { rows, values: words },
        positions: Positions::Embedded {
            table: Table { rows: 80, values: random.int8(80, hidden, false) },
            scheme: PositionScheme::FromZero,
        },
        token_type_embeddings: Some(Table {
            rows: 2,
            values: Weights::Float(random.floats(2 * hidden).into()),
        }),
        embedding_norm: random.norm(hidden),
        residuals: Residuals::Normalized,
        layers: all,
        head: Head { pooling: Pooling::First, steps },
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

/// Sources follow the rules of WebGPU, as they stand and as plans change them. naga checks this, and
/// tint too if it is installed.
#[test]
fn shaders_are_valid() {
    let folder = temp_dir::TempDir::new().unwrap();
    for code in SOURCES {
        for float in [FloatType::F32, FloatType::F16] {
            let code = with_constants(code, float, &[]);
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
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn a_batch_moves_at_most_twice_what_it_must() {
    let (encoder, encodings) = reranker(&mut Random(6));
    let sequences: Vec<&Encoding> = encodings.iter().collect();
    for float in precisions().into_iter().map(|(float, _)| float) {
        let precision = if float == FloatType::F16 { Precision::F16 } else { Precision::F32 };
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
        let projections = 1 + 3 + 3;
        let rest_of_layer = 1 + (1 + 1 + 1) + (1 + 4) + (4 + 1 + 1);
        let rows = tokens * (16 + hidden + 2 * 4 * hidden) + 4 * 4 * hidden;
        let of_tokens = 1 + layers * projections + (layers - 1) * rest_of_layer;
        let activations = tokens * hidden * float.bytes() * of_tokens;
        // The last layer computes vectors of sequences after its attention.
        let vectors = sequences * hidden * (2 * float.bytes() + 4 * rest_of_layer);
        let head = sequences * 4 * (4 * hidden + 4);
        let necessary = weights + rows + activations + vectors + head;
        println!(
            "{float:?}: {} bytes, {:.2} times those that are necessary",
            counts.bytes,
            counts.bytes as f64 / necessary as f64
        );
        assert!(
            (necessary..=2 * necessary).contains(&counts.bytes),
            "{counts:?}, and {necessary} are necessary"
        );
    }
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
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
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn a_lost_device_is_an_error_from_then_on() {
    let (encoder, encodings) = reranker(&mut Random(8));
    let gpu = load(&encoder, Precision::Best);
    let list: Vec<&Encoding> = encodings.iter().cycle().take(400).collect();
    let lost = std::thread::scope(|scope| {
        let call = scope.spawn(|| block_on(gpu.run(&list)));
        std::thread::sleep(std::time::Duration::from_millis(30));
        gpu.lose();
        call.join().unwrap()
    });
    assert_eq!(kind(lost), Some(ErrorKind::GpuFailed));
    let later = block_on(gpu.run(&list[..1]));
    assert!(later.as_ref().is_err_and(|e| e.to_string().contains("use the CPU")), "{later:?}");
    assert_eq!(kind(later), Some(ErrorKind::GpuFailed));
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn what_does_not_fit_is_refused_before_anything_runs() {
    let (encoder, _) = reranker(&mut Random(9));
    let sizes = |change: &dyn Fn(&mut wgpu::Limits)| {
        let mut device = block_on(Device::open(&adapter(), false)).unwrap();
        change(&mut device.limits);
        kind(super::Sizes::new(&encoder, &device, FloatType::F32, false))
    };
    assert_eq!(sizes(&|_| ()), None);
    // The token embeddings, the activations of the longest text, and its blocks do not fit.
    let failed = Some(ErrorKind::GpuFailed);
    assert_eq!(sizes(&|limits| limits.max_storage_buffer_binding_size = 6000), failed);
    assert_eq!(sizes(&|limits| limits.max_buffer_size = 4 * 256 * 79), failed);
    assert_eq!(sizes(&|limits| limits.max_compute_workgroups_per_dimension = 8), failed);

    let odd = self::encoder(&mut Random(1), 20, 2, 0, (2, Weights::Float(vec![0.0; 40].into())));
    let precision = Precision::F32;
    assert_eq!(kind(block_on(Gpu::load(&odd, Pooling::Mean, &adapter(), precision))), failed);
    let mut without = adapter();
    without.f16 = false;
    let loaded = block_on(Gpu::load(&encoder, Pooling::Mean, &without, Precision::F16));
    assert_eq!(kind(loaded), failed);
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn failures_are_errors_and_not_panics() {
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
