//! Graphs of several exporters and settings (`tests/data/graphs`, written by `tests/generate`):
//! which of them are recognized, what runs them, and whether logits agree with those of the exporters.

#[cfg(feature = "gpu")]
mod gpu;

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

#[cfg(feature = "general")]
use super::load::checked;
use super::load::{load, load_for};
use super::onnx::Onnx;
use super::plan::{Plan, run};
#[cfg(feature = "general")]
use super::reference::{Rows, Verdict, check, outputs};
#[cfg(feature = "general")]
use super::tract::Tract;
use super::workers::Workers;
use crate::error::ErrorKind;
use crate::kernels::Kernel;
use crate::model::{Config, ModelFiles, Pooling, PositionScheme};
use crate::tokenizer::Encoding;

/// The graphs that no rule matches, and that run on the operators of tract, besides those that are
/// called `general`.
const GENERAL: [&str; 6] = [
    "other-external",
    "other-head-silu",
    "other-mean-pooled",
    "other-padding-counts",
    "other-positions-from-one",
    "other-silu",
];

/// The graphs that are refused.
const REFUSED: [&str; 1] = ["other-two-labels"];

/// The outputs of a batch on one thread.
fn run_alone(plan: &Arc<dyn Plan>, sequences: &[&Encoding]) -> crate::Result<Vec<f32>> {
    run(plan, sequences, &Arc::new(Workers::new(1)))
}

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    input_ids: Vec<u32>,
    // Some architectures have no token types.
    #[serde(default)]
    token_type_ids: Vec<u32>,
    logits: Logits,
}

/// The logits of other runtimes. `torch` ran the f32 model before it was quantized.
/// `float_activations` has quantized weights, and activations that are not rounded.
#[derive(Deserialize)]
struct Logits {
    torch: f32,
    ort_none: f32,
    float_activations: Option<f32>,
}

struct Graph {
    name: String,
    files: ModelFiles,
    cases: Vec<Case>,
}

impl Graph {
    fn is_fused(&self) -> bool {
        !self.name.starts_with("general-") && !GENERAL.contains(&self.name.as_str())
    }

    fn plan(&self, kernel: Kernel) -> Arc<dyn Plan> {
        let config = Config::reranker(&self.files).unwrap();
        load_for(self.files.clone(), &config, kernel).unwrap()
    }
}

impl Case {
    fn encoding(&self) -> Encoding {
        Encoding {
            ids: self.input_ids.clone(),
            type_ids: self.token_type_ids.clone(),
            query_truncated: false,
            document_truncated: false,
        }
    }
}

fn graphs() -> Vec<Graph> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/graphs");
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    assert!(names.len() > 60, "the folder of graphs is there");
    let read = |name: String| {
        let path = folder.join(&name);
        let expected = std::fs::read(path.join("expected.json")).unwrap();
        let expected: Expected = serde_json::from_slice(&expected).unwrap();
        Graph { name, files: ModelFiles::read(&path).unwrap(), cases: expected.cases }
    };
    names.into_iter().filter(|name| !REFUSED.contains(&name.as_str())).map(read).collect()
}

/// A bundled model as an int8 graph.
fn int8_graph(name: &str) -> ModelFiles {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/model").join(name);
    ModelFiles::read(folder).unwrap()
}

#[test]
fn other_graphs_are_refused() {
    for name in REFUSED {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/graphs").join(name);
        let files = ModelFiles::read(folder).unwrap();
        let loaded = Config::reranker(&files).and_then(|config| load(files.clone(), &config, None));
        let kind = loaded.err().map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::UnsupportedModel), "{name}");
    }
}

#[test]
fn a_kernel_can_be_named() {
    let bundled = ModelFiles::bundled_reranker().unwrap();
    let config = Config::reranker(&bundled).unwrap();
    let load = |name| load(bundled.clone(), &config, Some(name));
    for kernel in Kernel::all() {
        assert_eq!(load(kernel.name()).unwrap().kernel(), Some(kernel.name()));
    }
    let error = load("sse9").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("no kernel sse9; it has scalar"), "{error}");
}

#[test]
fn known_encoders_are_recognized_and_no_others() {
    let int8 = int8_graph("minilm-l6-en");
    let plan = load(int8.clone(), &Config::reranker(&int8).unwrap(), None).unwrap();
    assert!(plan.kernel().is_some(), "{:?}", plan.warning());

    for graph in graphs() {
        let plan = graph.plan(Kernel::best());
        let fused = graph.is_fused();
        let kernel = fused.then(|| Kernel::best().name());
        assert_eq!(plan.kernel(), kernel, "{}: {:?}", graph.name, plan.warning());
        assert_eq!(plan.warning().is_none(), fused, "{}", graph.name);
    }
}

/// Neither the name of an architecture nor the settings that belong to it decide how positions are
/// numbered, nor how long texts may be.
#[test]
fn the_graph_shows_how_positions_are_numbered() {
    let padding = PositionScheme::AfterPadding(1);
    let cases = [
        ("torchscript-14", PositionScheme::FromZero),
        ("distilbert-tf5-sdpa", PositionScheme::FromZero),
        ("unnamed-bert", PositionScheme::FromZero),
        ("roberta", padding),
        ("roberta-tf5-sdpa", padding),
        ("xlm-roberta-dynamo", padding),
        ("int8-xlm-roberta", padding),
        ("unnamed-roberta", padding),
    ];
    let graphs = graphs();
    for (name, scheme) in cases {
        let graph = graphs.iter().find(|graph| graph.name == name).unwrap();
        let config = Config::reranker(&graph.files).unwrap();
        let others = [PositionScheme::FromZero, PositionScheme::AfterPadding(2)];
        for position_scheme in [config.position_scheme, others[0], others[1]] {
            for max_positions in [32, config.max_positions, 1000] {
                let config = Config { position_scheme, max_positions, ..config.clone() };
                let onnx = Onnx::read(&graph.files).unwrap();
                let encoder = onnx.recognize(&config).unwrap();
                let (_, found) = encoder.position_table().unwrap();
                assert_eq!((found, encoder.max_length()), (scheme, 64), "{name}");
            }
        }
    }
}

/// The positions of RoBERTa on the operators of tract, as in a graph with an unknown head.
#[cfg(feature = "general")]
#[test]
fn general_operators_count_positions() {
    let graphs = graphs();
    for name in ["roberta", "xlm-roberta-dynamo", "xlm-roberta-tf5-sdpa"] {
        let graph = graphs.iter().find(|graph| graph.name == name).unwrap();
        let config = Config::reranker(&graph.files).unwrap();
        let unknown = Config { is_decoder: true, ..config };
        let plan = load(graph.files.clone(), &unknown, None).unwrap();
        assert!(plan.warning().is_some());
        for case in &graph.cases {
            let logit = run_alone(&plan, &[&case.encoding()]).unwrap()[0];
            assert!((logit - case.logits.torch).abs() < 1e-3, "{name}: {logit}");
        }
    }
}

#[test]
fn logits_agree_with_the_exporters_runtime() {
    for graph in graphs() {
        let encodings: Vec<Encoding> = graph.cases.iter().map(Case::encoding).collect();
        let pairs: Vec<&Encoding> = encodings.iter().collect();
        let logits = run_alone(&graph.plan(Kernel::best()), &pairs).unwrap();
        let worst = |of: &dyn Fn(&Case, f32) -> f32| {
            graph.cases.iter().zip(&logits).map(|(case, &l)| of(case, l)).fold(0.0, f32::max)
        };
        let from_torch = worst(&|case, logit| (logit - case.logits.torch).abs());
        let from_graph = worst(&|case, logit| (logit - case.logits.ort_none).abs());
        match graph.cases[0].logits.float_activations {
            // ONNX Runtime computes in f16, and the engine in f32.
            None if graph.name.contains("half") => {
                assert!(from_graph < 0.02 && from_torch < 0.1, "{}: {from_graph}", graph.name);
            }
            // int8 weights alone.
            None if graph.name.starts_with("int8") => assert!(from_graph < 1e-4, "{from_graph}"),
            // Only the order of sums differs.
            None => {
                let worst = from_graph.max(from_torch);
                let tolerance = if graph.is_fused() { 1e-4 } else { 1e-3 };
                assert!(worst < tolerance, "{}: {worst}", graph.name);
            }
            // int8 weights: no further from the f32 model than ONNX Runtime, which quantizes
            // activations more coarsely. The tolerance is for a few lucky roundings.
            Some(_) => {
                let onnx_runtime =
                    worst(&|case, _| (case.logits.ort_none - case.logits.torch).abs());
                assert!(
                    from_torch <= 1.25 * onnx_runtime + 0.02,
                    "{}: {from_torch} against {onnx_runtime}",
                    graph.name
                );
            }
        }
    }
}

#[test]
fn every_kernel_gives_the_same_bits() {
    let bits = |plan: Arc<dyn Plan>, pairs: &[&Encoding]| -> Vec<u32> {
        run_alone(&plan, pairs).unwrap().into_iter().map(f32::to_bits).collect()
    };
    // The operators of tract use none of the kernels.
    for graph in graphs().into_iter().filter(Graph::is_fused) {
        let encodings: Vec<Encoding> = graph.cases.iter().map(Case::encoding).collect();
        let pairs: Vec<&Encoding> = encodings.iter().collect();
        let scalar = bits(graph.plan(Kernel::SCALAR), &pairs);
        for kernel in Kernel::all() {
            assert_eq!(bits(graph.plan(kernel), &pairs), scalar, "{} {kernel:?}", graph.name);
        }
    }
}

fn sequence(length: u32) -> Encoding {
    Encoding {
        ids: (0..length).map(|i| 101 + i * 37).collect(),
        type_ids: vec![0; length as usize],
        query_truncated: false,
        document_truncated: false,
    }
}

#[test]
fn every_kernel_gives_the_same_vectors() {
    let files = ModelFiles::bundled_embedder().unwrap();
    let sequences = [1, 2, 7, 33].map(sequence);
    let sequences: Vec<&Encoding> = sequences.iter().collect();
    for pooling in [Pooling::Mean, Pooling::First] {
        let config = Config::embedder(&files, pooling).unwrap();
        let vectors = |kernel| -> Vec<u32> {
            let plan = load_for(files.clone(), &config, kernel).unwrap();
            run_alone(&plan, &sequences).unwrap().into_iter().map(f32::to_bits).collect()
        };
        let scalar = vectors(Kernel::SCALAR);
        assert_eq!(scalar.len(), 4 * 384);
        for kernel in Kernel::all() {
            assert_eq!(vectors(kernel), scalar, "{pooling:?} {kernel:?}");
        }
    }
}

#[test]
fn threads_that_share_a_batch_change_no_bit() {
    let files = ModelFiles::bundled_embedder().unwrap();
    for pooling in [Pooling::Mean, Pooling::First] {
        let plan = load(files.clone(), &Config::embedder(&files, pooling).unwrap(), None).unwrap();
        for lengths in [&[512][..], &[1], &[130, 129, 3], &[70, 60, 50, 40, 30, 20, 10, 5, 2]] {
            let sequences: Vec<Encoding> = lengths.iter().copied().map(sequence).collect();
            let sequences: Vec<&Encoding> = sequences.iter().collect();
            let bits = |threads| -> Vec<u32> {
                let outputs = run(&plan, &sequences, &Arc::new(Workers::new(threads))).unwrap();
                outputs.into_iter().map(f32::to_bits).collect()
            };
            let alone = bits(1);
            for threads in [2, 3, 7] {
                assert_eq!(bits(threads), alone, "{pooling:?} {lengths:?} {threads}");
            }
        }
    }
}

/// The pooled states of tract are near those of the kernels.
#[cfg(feature = "general")]
#[test]
fn general_operators_give_vectors_too() {
    let files = int8_graph("all-minilm-l6-v2");
    let config = Config::embedder(&files, Pooling::Mean).unwrap();
    let other = Config { is_decoder: true, ..config.clone() };
    let sequences = [3u32, 12].map(|length| Encoding {
        ids: (0..length).map(|i| 101 + i * 37).collect(),
        type_ids: vec![0; length as usize],
        query_truncated: false,
        document_truncated: false,
    });
    let sequences: Vec<&Encoding> = sequences.iter().collect();
    let vectors = |config| {
        let plan = load(files.clone(), config, None).unwrap();
        (plan.warning().is_some(), run_alone(&plan, &sequences).unwrap())
    };
    let ((general, theirs), (fused, ours)) = (vectors(&other), vectors(&config));
    assert!(general && !fused && theirs.len() == ours.len());
    for (a, b) in theirs.chunks(384).zip(ours.chunks(384)) {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        assert!(cosine > 0.99, "{cosine}");
    }
}

/// A graph on the operators of tract, and the file that it was read from.
#[cfg(feature = "general")]
fn on_tract(name: &str) -> (Onnx, Tract) {
    let graph = graphs().into_iter().find(|graph| graph.name == name).unwrap();
    let onnx = Onnx::read(&graph.files).unwrap();
    let config = Config::reranker(&graph.files).unwrap();
    let view = onnx.graph().unwrap();
    let value = view.output_value(&config).unwrap();
    let plan = Tract::new(graph.files, &view, &value, &config, String::new()).unwrap();
    (onnx, plan)
}

#[cfg(feature = "general")]
fn verdict(onnx: &Onnx, plan: &Tract) -> Verdict {
    let rows = |sequence: &Encoding| plan.inputs(sequence);
    check(onnx.proto(), "logits", None, rows, |sequence| plan.run_graph(sequence)).unwrap()
}

#[cfg(feature = "general")]
#[test]
fn the_reference_gives_the_outputs_of_onnx_runtime() {
    for graph in graphs() {
        let onnx = Onnx::read(&graph.files).unwrap();
        let config = Config::reranker(&graph.files).unwrap();
        let names: Vec<&str> = onnx.graph().unwrap().inputs().collect();
        let rows = |case: &Case| -> Rows {
            let row = |numbers: &[u32]| numbers.iter().map(|&number| number.into()).collect();
            let all = [
                ("input_ids", row(&case.input_ids)),
                ("attention_mask", vec![1; case.input_ids.len()]),
                ("token_type_ids", row(&case.token_type_ids)),
                ("position_ids", row(&config.position_scheme.rows(&case.input_ids))),
            ];
            all.into_iter().filter(|(name, _)| names.contains(name)).collect()
        };
        let given = outputs(onnx.proto(), graph.cases.iter().map(rows), "logits");
        if ["dynamo-23-sdpa", "general-silu-dynamo-23"].contains(&graph.name.as_str()) {
            let reason = given.expect_err("the reference does not know Attention").to_string();
            assert!(reason.contains("Attention"), "{reason}");
            continue;
        }
        let given = given.unwrap_or_else(|reason| panic!("{}: {reason:#}", graph.name));
        for (case, (_, numbers)) in graph.cases.iter().zip(given) {
            let Logits { ort_none, float_activations, .. } = case.logits;
            // ONNX Runtime rounds each number to 16 bits, and the reference none.
            let tolerance = if graph.name.contains("half") { 0.02 } else { 1e-3 };
            let [logit] = numbers[..] else { panic!("{}: {numbers:?}", graph.name) };
            let expected = float_activations.unwrap_or(ort_none);
            assert!((logit - expected).abs() < tolerance, "{}: {logit} {expected}", graph.name);
        }
    }
}

#[cfg(feature = "general")]
#[test]
fn a_graph_that_differs_from_the_reference_is_refused() {
    let (right, plan) = on_tract("other-silu");
    assert_eq!(verdict(&right, &plan), Verdict::Right);
    let (other, _) = on_tract("torchscript-17");
    let wrong = verdict(&other, &plan);
    let Verdict::Wrong(difference) = &wrong else { panic!("{wrong:?}") };
    assert!(difference.starts_with("logits is ") && difference.contains("difference of"));
    let error = checked(plan, wrong).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnsupportedModel);
    assert!(error.to_string().contains("take another graph"), "{error}");
}

#[cfg(feature = "general")]
#[test]
fn an_operator_that_the_reference_does_not_know_is_named_in_the_warning() {
    let (mut onnx, plan) = on_tract("other-silu");
    let nodes = &mut onnx.proto_mut().graph.as_mut().unwrap().node;
    nodes.iter_mut().find(|node| node.op_type == "Softmax").unwrap().op_type = "Hardmax".into();
    let unchecked = verdict(&onnx, &plan);
    assert!(matches!(&unchecked, Verdict::Unchecked(reason) if reason.contains("Hardmax")));
    let warning = checked(plan, unchecked).unwrap().warning().unwrap().to_owned();
    assert!(warning.contains("unchecked") && warning.contains("Hardmax"), "{warning}");
}

/// Only the sizes of the constants decide, so that this needs no large file.
#[cfg(feature = "general")]
#[test]
fn a_large_graph_is_not_checked() {
    let (mut onnx, plan) = on_tract("other-silu");
    for tensor in &mut onnx.proto_mut().graph.as_mut().unwrap().initializer {
        // The matrices of the layers, and not the tables.
        if let [rows @ (16 | 32), columns] = &mut tensor.dims[..] {
            (*rows, *columns) = (*rows * 256, *columns * 256);
        }
    }
    let unchecked = verdict(&onnx, &plan);
    assert!(matches!(&unchecked, Verdict::Unchecked(reason) if reason.contains("long")));
}
