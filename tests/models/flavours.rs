//! Models in the forms in which people publish them: architecture by exporter by element type by style
//! of quantization. Each gives the scores of ONNX Runtime, or is refused with the cause. `tests/generate`
//! writes `tests/data/flavours`, a folder for each row of the table.

use std::collections::BTreeSet;

use crate::common::{root, truncate};
use crossrank::{ErrorKind, LoadOptions, ModelFiles, Reranker};
use serde::Deserialize;

/// What becomes of a model.
enum Expected {
    /// The engine recognizes it. Its logits differ from those of ONNX Runtime by no more than this.
    Fused(f32),
    /// The same for a model on general operators. All are checked against the reference.
    General(f32),
    /// It is refused, and the message has this word.
    Refused(&'static str),
}

use Expected::{Fused, General, Refused};

/// A number that differs in its last bit may be rounded to the next step of an 8-bit scale, and the
/// logits move with it.
const ROUNDED: f32 = 0.05;
/// ONNX Runtime rounds activations to 8 bits for a whole tensor, and the engine more finely.
const INT8: f32 = 0.25;
/// Only the order of sums differs.
const EXACT: f32 = 1e-3;

const MODELS: [(&str, Expected); 79] = [
    ("bert-O1", Fused(EXACT)),
    ("bert-O2", Fused(EXACT)),
    ("bert-O2-heads", Fused(EXACT)),
    ("bert-O2-quantized", Fused(INT8)),
    ("bert-O2-uint8", Fused(INT8)),
    ("bert-O3", Fused(EXACT)),
    ("bert-O4", Fused(ROUNDED)),
    ("bert-O4-half-output", Fused(ROUNDED)),
    ("bert-all", Fused(EXACT)),
    ("bert-blocks-int4", Fused(EXACT)),
    ("bert-blocks-int4-columns", Fused(EXACT)),
    ("bert-blocks-int8", Fused(EXACT)),
    ("bert-bnb4", Fused(EXACT)),
    ("bert-constants-int8", Fused(EXACT)),
    ("bert-constants-uint8-columns", Fused(EXACT)),
    ("bert-dynamo-O2", Fused(EXACT)),
    ("bert-dynamo-qdq", General(ROUNDED)),
    ("bert-extended", Fused(EXACT)),
    ("bert-fp16", Fused(ROUNDED)),
    ("bert-fp16-output", Fused(ROUNDED)),
    ("bert-fp4", Fused(EXACT)),
    ("bert-int8-extended", Fused(INT8)),
    ("bert-operator", Refused("QLinearAdd")),
    ("bert-operator-matmul", General(ROUNDED)),
    ("bert-q4", Fused(EXACT)),
    ("bert-q4-asymmetric", Fused(EXACT)),
    ("bert-q4-tables", Fused(EXACT)),
    ("bert-q4f16", Fused(ROUNDED)),
    ("bert-q8", Fused(EXACT)),
    ("bert-qdq", General(ROUNDED)),
    ("bert-qdq-16-bits", General(ROUNDED)),
    ("bert-qdq-16-bits-microsoft", General(ROUNDED)),
    ("bert-qdq-asymmetric", General(ROUNDED)),
    ("bert-qdq-channel", General(ROUNDED)),
    ("bert-qdq-float-weights", General(ROUNDED)),
    ("bert-qdq-matmul", General(ROUNDED)),
    ("bert-qdq-matmul-add", General(ROUNDED)),
    ("bert-qdq-softmax", General(ROUNDED)),
    ("bert-qdq-symmetric", General(ROUNDED)),
    ("bert-rounded-sigmoid", General(EXACT)),
    ("bert-sdpa-O2", Fused(EXACT)),
    ("bert-sigmoid", Fused(EXACT)),
    ("bert-sigmoid-qdq", General(ROUNDED)),
    ("bert-softmax", General(EXACT)),
    ("bert-tf5-O2", Fused(EXACT)),
    ("bert-tf5-sdpa-qdq", General(ROUNDED)),
    ("deberta-v2-O2", General(EXACT)),
    ("deberta-v2-O4", General(ROUNDED)),
    ("deberta-v2-blocks-int4", Fused(EXACT)),
    ("deberta-v2-constants-int8", Fused(EXACT)),
    ("deberta-v2-extended", General(EXACT)),
    ("deberta-v2-q4", General(EXACT)),
    ("deberta-v2-qdq", General(ROUNDED)),
    ("deberta-v2-sigmoid", Fused(EXACT)),
    ("deberta-v2-softmax", General(EXACT)),
    ("deberta-v2-uint8", Fused(INT8)),
    ("distilbert-O2", Fused(EXACT)),
    ("distilbert-qdq", General(ROUNDED)),
    ("electra-O2", Fused(EXACT)),
    ("jina-bert-O2", Fused(EXACT)),
    ("jina-bert-bnb4", Fused(EXACT)),
    ("jina-bert-extended", Fused(EXACT)),
    ("jina-bert-qdq", General(ROUNDED)),
    ("modernbert-extended", General(EXACT)),
    ("modernbert-q4", Fused(EXACT)),
    ("modernbert-q4f16", Fused(ROUNDED)),
    // One probability of its attention lies between two steps, and the last bits of `exp` decide.
    ("modernbert-qdq", General(0.15)),
    ("modernbert-uint8", Fused(INT8)),
    ("mpnet-O2", Fused(EXACT)),
    ("new-O2", Fused(EXACT)),
    ("new-extended", Fused(EXACT)),
    ("new-q4", Fused(EXACT)),
    ("roberta-O2", Fused(EXACT)),
    ("roberta-constants-int8-rows", Fused(EXACT)),
    ("roberta-qdq", General(ROUNDED)),
    ("xlm-roberta-O3", Fused(EXACT)),
    ("xlm-roberta-O4", Fused(ROUNDED)),
    ("xlm-roberta-dynamo-O2", Fused(EXACT)),
    ("xlm-roberta-dynamo-qdq", General(ROUNDED)),
];

/// What ONNX Runtime gives without graph optimizations.
#[derive(Deserialize)]
struct Case {
    query: String,
    document: String,
    output: [f32; 1],
}

/// An `expected.json`.
#[derive(Deserialize)]
struct Outputs {
    is_probability: bool,
    cases: Vec<Case>,
}

fn outputs(name: &str) -> Outputs {
    let text = std::fs::read(folder().join(name).join("expected.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn folder() -> std::path::PathBuf {
    root().join("tests/data/flavours")
}

#[test]
fn every_flavour_is_right_or_refused() {
    let mut wrong = Vec::new();
    for (name, expected) in &MODELS {
        let files = ModelFiles::read(folder().join(name)).unwrap();
        let loaded = Reranker::from_files(&files, LoadOptions::default());
        let (reranker, tolerance, fused) = match (loaded, expected) {
            (Ok(reranker), Fused(tolerance)) => (reranker, tolerance, true),
            (Ok(reranker), General(tolerance)) => (reranker, tolerance, false),
            (Err(error), Refused(cause)) => {
                let refused = error.kind() == ErrorKind::UnsupportedModel;
                assert!(refused && error.to_string().contains(cause), "{name}: {error}");
                continue;
            }
            (Ok(_), Refused(_)) => {
                wrong.push(format!("{name} loads"));
                continue;
            }
            (Err(error), _) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let warning = reranker.warning().unwrap_or_default();
        if reranker.kernel().is_some() != fused {
            wrong.push(format!("{name} is {}", if fused { "not fused" } else { "fused" }));
        }
        assert!(!warning.contains("unchecked"), "{name}: {warning}");

        let Outputs { is_probability, cases } = outputs(name);
        let pairs: Vec<(&str, &str)> =
            cases.iter().map(|case| (case.query.as_str(), case.document.as_str())).collect();
        let scores = reranker.score_with(&pairs, &truncate()).unwrap();
        for (Case { document, output: [output], .. }, score) in cases.iter().zip(scores) {
            let given = if is_probability { score.score } else { score.logit };
            let differs = (given - output).abs() > *tolerance || !score.logit.is_finite();
            if differs || given.is_nan() {
                wrong.push(format!("{name} {document:?}: {given}, not {output}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_names_every_folder() {
    let listed: BTreeSet<String> = MODELS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let found: BTreeSet<String> = entries.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(listed, found);
}
