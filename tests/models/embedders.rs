//! Embedders in the layout of sentence-transformers.

use crate::common::root;
use crossrank::{EmbedOptions, Embedder, EmbedderOptions, ModelFiles};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    text: String,
    /// The mean state in other runtimes.
    means: BTreeMap<String, Vec<f32>>,
}

fn cases(model: &str) -> Vec<Case> {
    #[derive(Deserialize)]
    struct Expected {
        cases: Vec<Case>,
    }
    let folder = root().join("tests/data/embedders").join(model);
    let text = std::fs::read(folder.join("expected.json")).unwrap();
    serde_json::from_slice::<Expected>(&text).unwrap().cases
}

fn files(model: &str, graph: &str) -> ModelFiles {
    let folder = root().join("tests/data/embedders").join(model);
    ModelFiles::read(folder.join("onnx").join(graph).with_extension("onnx")).unwrap()
}

fn load(files: &ModelFiles) -> Embedder {
    let embedder = Embedder::from_files(files, EmbedderOptions::default()).unwrap();
    assert!(embedder.warning().is_none(), "{:?}", embedder.warning());
    embedder
}

/// A copy of the files whose vectors are not truncated.
fn whole(files: &ModelFiles) -> ModelFiles {
    let mut files = files.clone();
    files.embedding.remove("config_sentence_transformers.json").unwrap();
    files
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

/// The vector of a text before it is normalized.
fn mean(embedder: &Embedder, text: &str) -> Vec<f32> {
    let mut options = EmbedOptions::default();
    options.normalize = Some(false);
    embedder.embed_with(&[text], &options).unwrap().remove(0).vector
}

#[test]
fn vectors_are_those_of_torch() {
    for model in ["bert", "modernbert"] {
        let embedder = load(&whole(&files(model, "model")));
        for Case { text, means } in cases(model) {
            let vector = mean(&embedder, &text);
            assert!(distance(&vector, &means["torch"]) < 1e-4, "{model} {text:?}");
            assert!(distance(&vector, &means["model"]) < 1e-4, "{model} {text:?}");
        }
    }
}

/// Graphs with attention's products in int8 too run fused, and activations are rounded less than in ONNX
/// Runtime.
#[test]
fn graphs_of_sentence_transformers_run_fused() {
    for graph in ["model_qint8_avx512_vnni", "model_quint8_avx2"] {
        let embedder = load(&whole(&files("bert", graph)));
        let [mut ours, mut theirs] = [0.0, 0.0];
        for Case { text, means } in cases("bert") {
            let exact = &means[&format!("{graph}, float activations")];
            ours += distance(&mean(&embedder, &text), exact);
            theirs += distance(&means[graph], exact);
        }
        assert!(ours <= theirs && theirs < 1.0, "{graph}: {ours} against {theirs}");
    }
}

#[test]
fn the_folder_gives_a_graph_in_8_bits() {
    let files = ModelFiles::read(root().join("tests/data/embedders/bert")).unwrap();
    assert!(files.onnx == self::files("bert", "model_qint8_avx512_vnni").onnx);
}

/// `truncate_dim` of sentence-transformers: vectors are truncated, then normalized.
#[test]
fn vectors_are_truncated_as_the_model_says() {
    let files = files("bert", "model");
    let (truncated, whole) = (load(&files), load(&whole(&files)));
    assert_eq!((truncated.dimensions(), whole.dimensions()), (8, 16));
    assert_ne!(truncated.fingerprint(), whole.fingerprint());
    let prepared = load(&ModelFiles::from_prepared(files.prepare().unwrap()).unwrap());
    for Case { text, means } in cases("bert") {
        let start = &means["torch"][..8];
        let length = start.iter().map(|x| x * x).sum::<f32>().sqrt();
        let expected: Vec<f32> = start.iter().map(|x| x / length).collect();
        let vector = truncated.embed(&[&text]).unwrap().remove(0);
        assert!(distance(&vector, &expected) < 1e-4, "{text:?}: {vector:?}, not {expected:?}");
        assert_eq!(prepared.embed(&[&text]).unwrap()[0], vector);
    }
}
