//! Whole models on a GPU, compared with the same arithmetic on the CPU and with other runtimes. See
//! `gpu::tests`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::encoder::reranker_or_embedder;
use super::super::fused::Fused;
use super::super::load::load;
use super::super::plan::Plan;
use super::{Case, Graph, graphs, run_alone};
use crate::gpu::{Adapter, Gpu, Precision, block_on};
use crate::kernels::Kernel;
use crate::model::{Config, Encoder, Layer, Linear, ModelFiles, Output, Pooling, Weights};
use crate::tokenizer::{Encoding, Limits, PairTokenizer};

#[derive(Deserialize)]
struct Golden {
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    input_ids: Vec<u32>,
    token_type_ids: Vec<u32>,
}

/// What there is time for.
struct Extent {
    /// The most tokens of a golden pair.
    max_tokens: usize,
    /// The step through the graphs of other exporters.
    step: usize,
    queries: usize,
    candidates: usize,
}

impl Extent {
    /// Software is slow, SwiftShader more than Mesa's.
    fn of(adapter: &Adapter) -> Extent {
        match &adapter.name {
            name if name.contains("SwiftShader") => {
                Extent { max_tokens: 24, step: 8, queries: 1, candidates: 12 }
            }
            _ if adapter.software => {
                Extent { max_tokens: 256, step: 2, queries: 3, candidates: 12 }
            }
            _ => Extent { max_tokens: 512, step: 1, queries: 10, candidates: 100 },
        }
    }
}

/// The golden pairs that there is time for, with their indices.
fn golden() -> (Vec<usize>, Vec<Encoding>) {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../tests/data/golden.json")).unwrap();
    let Extent { max_tokens, .. } = Extent::of(&adapter());
    let pairs = golden.pairs.into_iter().enumerate();
    let pairs = pairs.filter(|(_, pair)| pair.input_ids.len() <= max_tokens);
    let of_each = |(i, pair): (usize, Pair)| (i, sequence(pair.input_ids, pair.token_type_ids));
    let (pairs, encodings): (Vec<usize>, Vec<Encoding>) = pairs.map(of_each).unzip();
    assert!(encodings.len() >= 8);
    (pairs, encodings)
}

fn sequence(ids: Vec<u32>, type_ids: Vec<u32>) -> Encoding {
    Encoding { ids, type_ids, query_truncated: false, document_truncated: false }
}

fn adapter() -> Adapter {
    block_on(Adapter::fastest()).expect("there is an adapter; tests/gpu.sh installs some")
}

fn encoder_of(files: &ModelFiles) -> Encoder {
    reranker_or_embedder(files).unwrap().1
}

/// The outputs of a model in each precision of the GPU, each with the tolerance.
fn outputs(files: &ModelFiles, sequences: &[&Encoding]) -> Vec<(Vec<f32>, f32)> {
    let adapter = adapter();
    let all = [(Precision::F32, 0.02), (Precision::F16, 0.05)];
    let has = all.into_iter().filter(|(precision, _)| adapter.f16 || *precision == Precision::F32);
    let run = |(precision, tolerance)| {
        let start = std::time::Instant::now();
        let gpu = block_on(files.load_on_gpu(&adapter, precision)).unwrap();
        assert_eq!(gpu.precision(), precision);
        let loaded = start.elapsed();
        let outputs = block_on(gpu.run(sequences)).unwrap();
        println!(
            "{} {precision:?}: loaded in {loaded:.1?}, in all {:.1?}",
            adapter.name,
            start.elapsed()
        );
        (outputs, tolerance)
    };
    has.map(run).collect()
}

/// The outputs of an encoder on the CPU with activations that are not quantized, as on a GPU.
fn with_float_activations(
    mut encoder: Encoder,
    output: Output,
    sequences: &[&Encoding],
) -> Vec<f32> {
    let dequantize = |linear: &mut Linear| {
        linear.weights = Weights::Float(linear.weights.to_f32(linear.outputs).into())
    };
    encoder.layers.iter_mut().flat_map(Layer::linears_mut).for_each(dequantize);
    encoder.head.linears_mut().for_each(dequantize);
    let fused: Arc<dyn Plan> = Arc::new(Fused::new(encoder, &output, Kernel::best()));
    run_alone(&fused, sequences).unwrap()
}

/// The largest difference.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The file that the tests in browsers compare with.
const LOGITS: &str = "tests/data/float-activation-logits.json";

#[derive(Deserialize, Serialize)]
struct SavedLogits {
    about: String,
    logits: Vec<f32>,
}

/// The logits that the file has for these pairs.
fn saved_logits(expected: &[f32], pairs: &[usize]) -> Vec<f32> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(LOGITS);
    if std::env::var_os("CROSSRANK_UPDATE").is_some() && pairs.len() == 64 {
        let about = "The bundled model's logits of golden.json's pairs on the CPU, with its int8 \
                     weights and f32 activations";
        let saved = SavedLogits { about: about.into(), logits: expected.to_vec() };
        std::fs::write(&path, serde_json::to_string_pretty(&saved).unwrap() + "\n").unwrap();
    }
    let saved: SavedLogits = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    pairs.iter().map(|&pair| saved.logits[pair]).collect()
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn golden_pairs_have_the_logits_of_the_cpu() {
    let files = ModelFiles::bundled_reranker().unwrap();
    let (pairs, encodings) = golden();
    let sequences: Vec<&Encoding> = encodings.iter().collect();
    let expected = with_float_activations(encoder_of(&files), Output::Logit, &sequences);
    let saved = saved_logits(&expected, &pairs);
    assert!(distance(&saved, &expected) < 1e-3, "CROSSRANK_UPDATE=1 writes {LOGITS}");
    for (logits, tolerance) in outputs(&files, &sequences) {
        let distance = distance(&logits, &expected);
        println!("{} pairs: {distance:.5} from the CPU's, {tolerance} allowed", logits.len());
        assert!(distance <= tolerance);
    }
}

/// Graphs of other exporters, sizes and quantizations have the logits of the exporters' own runtime,
/// which does not round activations if weights are int8.
#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn other_graphs_have_the_logits_of_their_exporters() {
    let mut agreed = 0;
    let adapter = adapter();
    let Extent { step, .. } = Extent::of(&adapter);
    let fused = graphs().into_iter().filter(Graph::is_fused);
    for Graph { name, files, cases } in fused.step_by(step) {
        let encoder = encoder_of(&files);
        let encodings: Vec<Encoding> = cases.iter().map(Case::encoding).collect();
        let sequences: Vec<&Encoding> = encodings.iter().collect();
        let gpu = match block_on(Gpu::load(&encoder, Pooling::First, &adapter, Precision::F32)) {
            Ok(gpu) => gpu,
            Err(error) => {
                let error = error.to_string();
                let reasons = ["multiples of 4", "its shaders are for BERT's layers"];
                assert!(reasons.iter().any(|reason| error.contains(reason)), "{name}: {error}");
                continue;
            }
        };
        let logits = block_on(gpu.run(&sequences)).unwrap();
        let theirs =
            cases.iter().map(|case| case.logits.float_activations.unwrap_or(case.logits.ort_none));
        let distance = distance(&logits, &theirs.collect::<Vec<_>>());
        let tolerance = if name.contains("half") { 0.01 } else { 1e-3 };
        assert!(distance < tolerance, "{name}: {distance}");
        agreed += 1;
    }
    assert!(agreed >= 40 / step, "{agreed}");
}

#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn an_embedders_vectors_are_those_of_the_cpu() {
    let files = ModelFiles::bundled_embedder().unwrap();
    let text = |length: u32| {
        sequence((0..length).map(|i| 101 + i * 37).collect(), vec![0; length as usize])
    };
    let encodings = [3, 24, 7].map(text);
    let sequences = encodings.each_ref();
    let output = Output::Embedding(Pooling::Mean);
    let expected = with_float_activations(encoder_of(&files), output, &sequences);
    for (vectors, tolerance) in outputs(&files, &sequences) {
        assert!(distance(&vectors, &expected) < 0.2 * tolerance);
    }
}

/// The indices of the ten largest logits.
fn top_ten(logits: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    order.truncate(10);
    order
}

/// Lists of TREC DL 2019 have the same top ten as on the CPU, except for logits that are nearly equal.
#[test]
#[ignore = "needs a GPU or a driver in software: tests/gpu.sh"]
fn queries_have_the_same_top_ten() {
    let Some(folder) = std::env::var_os("CROSSRANK_EVAL_DIR") else {
        println!("skipped, because CROSSRANK_EVAL_DIR names no folder of evaluation sets");
        return;
    };
    let folder = std::path::PathBuf::from(folder).join("trec-dl-19");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let lines = |name: &str| -> Vec<(String, String)> {
        let text = read(name);
        let line = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let of = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            (of("_id"), format!("{} {}", of("title"), of("text")).trim().to_owned())
        };
        text.lines().map(line).collect()
    };
    let corpus: BTreeMap<String, String> = lines("corpus.jsonl").into_iter().collect();
    let candidate_lines = read("bm25_top100.tsv");

    let files = ModelFiles::bundled_reranker().unwrap();
    let config = Config::reranker(&files).unwrap();
    let tokenizer = PairTokenizer::load(&files.tokenizer, config.max_length, None).unwrap();
    let adapter = adapter();
    let gpu = block_on(files.load_on_gpu(&adapter, Precision::Best)).unwrap();
    let rounding = load(files.clone(), &config, None).unwrap();
    let Extent { queries, candidates, .. } = Extent::of(&adapter);
    for (id, query) in lines("queries.jsonl").into_iter().take(queries) {
        let rows = candidate_lines.lines().map(|row| row.split('\t').collect::<Vec<_>>());
        let rows = rows.filter(|row| row[0] == id).take(candidates);
        let tokens = tokenizer.query(&query, Limits::default()).unwrap();
        let encode = |row: Vec<&str>| tokenizer.pair(&tokens, &corpus[row[1]]).unwrap();
        let encodings: Vec<Encoding> = rows.map(encode).collect();
        let sequences: Vec<&Encoding> = encodings.iter().collect();

        let logits = block_on(gpu.run(&sequences)).unwrap();
        let expected = with_float_activations(encoder_of(&files), Output::Logit, &sequences);
        for (&ours, theirs) in top_ten(&logits).iter().zip(top_ten(&expected)) {
            let apart = (expected[ours] - expected[theirs]).abs();
            assert!(ours == theirs || apart < 0.05, "{query:?}: logits {apart} apart");
        }
        let rounded = run_alone(&rounding, &sequences).unwrap();
        println!(
            "{query}: {:.4} from the CPU's logits, {:.3} where that rounds activations",
            distance(&logits, &expected),
            distance(&logits, &rounded)
        );
    }
}
