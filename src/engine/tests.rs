//! Graphs of several exporters and settings (`tests/data/graphs`, written by `tests/generate`):
//! which are recognised, what then runs, and that logits agree with the exporters' own.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Engine, Plan};
use crate::error::ErrorKind;
use crate::kernels::Kernel;
use crate::model::{Config, ModelFiles, Pooling};
use crate::tokenizer::Encoding;

/// The graphs that no rule knows, and that run on tract's operators.
const GENERAL: [&str; 6] = [
    "int8-xlm-roberta",
    "other-distilbert",
    "other-external",
    "other-gelu-tanh",
    "other-mean-pooled",
    "other-relu",
];

/// The graphs that are refused.
const REFUSED: [&str; 2] = ["other-fused-for-ort", "other-two-labels"];

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    input_ids: Vec<u32>,
    // Some architectures have no segments.
    #[serde(default)]
    token_type_ids: Vec<u32>,
    logits: Logits,
}

/// What others gave for a case. `torch` ran the f32 model before it was quantized,
/// `float_activations` the quantized weights without rounding activations.
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
    fn engine(&self, kernel: Kernel) -> Engine {
        let config = Config::reranker(&self.files).unwrap();
        Engine::load_for(self.files.clone(), &config, kernel).unwrap()
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
    assert!(names.len() > 20, "the folder of graphs is there");
    let read = |name: String| {
        let path = folder.join(&name);
        let expected = std::fs::read(path.join("expected.json")).unwrap();
        let expected: Expected = serde_json::from_slice(&expected).unwrap();
        Graph { name, files: ModelFiles::read(&path).unwrap(), cases: expected.cases }
    };
    names.into_iter().filter(|name| !REFUSED.contains(&name.as_str())).map(read).collect()
}

#[test]
fn other_graphs_are_refused() {
    for name in REFUSED {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/graphs").join(name);
        let files = ModelFiles::read(folder).unwrap();
        let loaded =
            Config::reranker(&files).and_then(|config| Engine::load(files.clone(), &config));
        let kind = loaded.err().map(|error| error.kind());
        assert_eq!(kind, Some(ErrorKind::UnsupportedModel), "{name}");
    }
}

#[test]
fn bert_encoders_are_recognised_and_no_others() {
    let bundled = ModelFiles::embedded().unwrap();
    let engine = Engine::load(bundled.clone(), &Config::reranker(&bundled).unwrap()).unwrap();
    assert!(engine.kernel().is_some(), "{:?}", engine.warning);

    for Graph { name, files, .. } in graphs() {
        let engine = Engine::load(files.clone(), &Config::reranker(&files).unwrap()).unwrap();
        let fused = matches!(engine.plan, Plan::Fused(_));
        assert_eq!(fused, !GENERAL.contains(&name.as_str()), "{name}: {:?}", engine.warning);
        assert_eq!(engine.warning.is_none(), fused, "{name}");
    }
}

#[test]
fn logits_agree_with_the_exporters_runtime() {
    for graph in graphs() {
        let encodings: Vec<Encoding> = graph.cases.iter().map(Case::encoding).collect();
        let pairs: Vec<&Encoding> = encodings.iter().collect();
        let logits = graph.engine(Kernel::best()).run(&pairs).unwrap();
        let worst = |of: &dyn Fn(&Case, f32) -> f32| {
            graph.cases.iter().zip(&logits).map(|(case, &l)| of(case, l)).fold(0.0, f32::max)
        };
        let from_torch = worst(&|case, logit| (logit - case.logits.torch).abs());
        let from_graph = worst(&|case, logit| (logit - case.logits.ort_none).abs());
        match graph.cases[0].logits.float_activations {
            // ONNX Runtime computes in f16, and the engine in f32.
            None if graph.name == "other-half" => assert!(from_graph < 0.01, "{from_graph}"),
            // Only the order of sums differs.
            None => assert!(from_graph < 1e-4, "{}: {from_graph}", graph.name),
            // int8 weights: no further from the f32 model than ONNX Runtime, which quantizes
            // activations more coarsely, up to the luck of a few roundings.
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
    let bits = |engine: Engine, pairs: &[&Encoding]| -> Vec<u32> {
        engine.run(pairs).unwrap().into_iter().map(f32::to_bits).collect()
    };
    for graph in graphs() {
        let encodings: Vec<Encoding> = graph.cases.iter().map(Case::encoding).collect();
        let pairs: Vec<&Encoding> = encodings.iter().collect();
        let scalar = bits(graph.engine(Kernel::SCALAR), &pairs);
        for kernel in Kernel::all() {
            assert_eq!(bits(graph.engine(kernel), &pairs), scalar, "{} {kernel:?}", graph.name);
        }
    }
}

#[test]
fn every_kernel_gives_the_same_vectors() {
    let files = ModelFiles::embedded_embedder().unwrap();
    let sequence = |length: u32| Encoding {
        ids: (0..length).map(|i| 101 + i * 37).collect(),
        type_ids: vec![0; length as usize],
        query_truncated: false,
        document_truncated: false,
    };
    let sequences = [1, 2, 7, 33].map(sequence);
    let sequences: Vec<&Encoding> = sequences.iter().collect();
    for pooling in [Pooling::Mean, Pooling::First] {
        let config = Config::embedder(&files, pooling).unwrap();
        let vectors = |kernel| -> Vec<u32> {
            let engine = Engine::load_for(files.clone(), &config, kernel).unwrap();
            engine.run(&sequences).unwrap().into_iter().map(f32::to_bits).collect()
        };
        let scalar = vectors(Kernel::SCALAR);
        assert_eq!(scalar.len(), 4 * 384);
        for kernel in Kernel::all() {
            assert_eq!(vectors(kernel), scalar, "{pooling:?} {kernel:?}");
        }
    }
}

/// The states of tract's operators, pooled, are near those of the kernels.
#[cfg(feature = "general")]
#[test]
fn general_operators_give_vectors_too() {
    let files = ModelFiles::embedded_embedder().unwrap();
    let config = Config::embedder(&files, Pooling::Mean).unwrap();
    let other = Config { model_type: "unheard-of".into(), ..config.clone() };
    let sequences = [3u32, 12].map(|length| Encoding {
        ids: (0..length).map(|i| 101 + i * 37).collect(),
        type_ids: vec![0; length as usize],
        query_truncated: false,
        document_truncated: false,
    });
    let sequences: Vec<&Encoding> = sequences.iter().collect();
    let vectors = |config| {
        let engine = Engine::load(files.clone(), config).unwrap();
        (engine.warning.is_some(), engine.run(&sequences).unwrap())
    };
    let ((general, theirs), (fused, ours)) = (vectors(&other), vectors(&config));
    assert!(general && !fused && theirs.len() == ours.len());
    for (a, b) in theirs.chunks(384).zip(ours.chunks(384)) {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        assert!(cosine > 0.99, "{cosine}");
    }
}
