//! Rerankers of architectures other than BERT, through the public API: their logits against those of
//! transformers.

use crate::common::{GraphCase, graph, graph_cases, truncate};
use crossrank::{Bits, ErrorKind, LoadOptions, ModelFiles, QuantizeOptions, Reranker};
use serde_json::Value;

/// A model of `tests/data/graphs` with its pairs.
fn model(name: &str) -> (ModelFiles, Vec<GraphCase>) {
    (ModelFiles::read(graph(name)).unwrap(), graph_cases(name))
}

fn load(files: &ModelFiles) -> Reranker {
    Reranker::from_files(files, LoadOptions::default()).unwrap()
}

fn check(name: &str, reranker: &Reranker, cases: &[GraphCase], tolerance: f32) {
    let pairs: Vec<(&str, &str)> =
        cases.iter().map(|case| (case.query.as_str(), case.document.as_str())).collect();
    let scores = reranker.score_with(&pairs, &truncate()).unwrap();
    for (case, score) in cases.iter().zip(scores) {
        let (logit, torch) = (score.logit, case.logits.torch);
        assert!(
            (logit - torch).abs() < tolerance,
            "{name} {:?}: {logit}, not {torch}",
            case.document
        );
        assert_eq!(score.truncated, case.input_ids.len() == 64, "{name} {:?}", case.document);
    }
}

#[test]
fn a_folder_of_each_architecture_gives_the_logits_of_torch() {
    let models = [
        ("torchscript-14", true),
        ("roberta", true),
        ("xlm-roberta", true),
        ("distilbert", true),
        ("electra", true),
        ("ernie", true),
        ("ernie-task-types", true),
        ("unnamed-bert", true),
        ("unnamed-roberta", true),
        ("position-ids", true),
        ("position-ids-roberta", true),
        ("dynamo-23-sdpa", true),
        ("mpnet", true),
        ("deberta-v2", true),
        ("modernbert", true),
        ("modernbert-cls", true),
        ("modernbert-sdpa", true),
        ("modernbert-tf5-sdpa", true),
        ("jina-bert", true),
        ("new", true),
        ("general-deberta", false),
    ];
    for (name, fused) in models {
        let (files, cases) = model(name);
        let reranker = load(&files);
        assert_eq!(reranker.kernel().is_some(), fused, "{name}: {:?}", reranker.warning());
        assert_eq!(reranker.max_length(), 64, "{name}");
        assert!(cases.iter().any(|case| case.document.is_empty()));
        assert!(cases.iter().any(|case| case.input_ids.len() == 64));
        check(name, &reranker, &cases, if fused { 1e-4 } else { 1e-3 });
    }
}

/// In RoBERTa, padding tokens within a text change the positions of the tokens after them. The
/// positions must stay within the table even if the whole text consists of them.
#[test]
fn padding_tokens_within_a_text() {
    for name in ["roberta", "xlm-roberta"] {
        let (files, cases) = model(name);
        let padded: Vec<GraphCase> =
            cases.into_iter().filter(|case| case.document.contains("<pad>")).collect();
        assert!(padded.iter().any(|case| case.input_ids.contains(&1)), "{name}");
        check(name, &load(&files), &padded, 1e-4);
        let only = "<pad>".repeat(100);
        assert!(load(&files).score(&[(&only, &only)]).unwrap()[0].logit.is_finite());
    }
}

/// In the table of positions, the row of the padding and those before it are reserved.
#[test]
fn the_maximum_length_follows_from_the_configuration_alone() {
    for (name, max_length) in [("roberta", 64), ("xlm-roberta", 64), ("distilbert", 64)] {
        let (mut files, cases) = model(name);
        files.tokenizer_config = None;
        let reranker = load(&files);
        assert_eq!(reranker.max_length(), max_length, "{name}");
        check(name, &reranker, &cases, 1e-4);
    }
}

#[test]
fn errors_and_warnings_name_unsupported_models() {
    let (mut files, _) = model("roberta");
    let config = files.config.clone();
    let edited = |model_type: &str, architecture: &str| {
        let mut json: Value = serde_json::from_slice(&config).unwrap();
        json["model_type"] = model_type.into();
        json["architectures"] = serde_json::json!([architecture]);
        json.to_string().into_bytes()
    };
    for (model_type, architecture) in
        [("gemma", "GemmaForCausalLM"), ("t5", "T5ForConditionalGeneration")]
    {
        files.config = edited(model_type, architecture).into();
        let error = Reranker::from_files(&files, LoadOptions::default()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::UnsupportedModel, "{error}");
        let message = error.to_string();
        for part in [model_type, architecture, "use a cross-encoder"] {
            assert!(message.contains(part), "{message}");
        }
    }
}

/// Other names, or none, leave a model fused, and it can be prepared and quantized.
#[test]
fn names_do_not_decide_what_runs() {
    let names = [None, Some("electra"), Some("ernie"), Some("new-bert"), Some("mpnet")];
    for (name, padded) in [("torchscript-17", false), ("roberta", true), ("unnamed-bert", false)] {
        let (files, cases) = model(name);
        for model_type in names {
            let mut json: Value = serde_json::from_slice(&files.config).unwrap();
            let config = json.as_object_mut().unwrap();
            config
                .retain(|key, _| !["model_type", "architectures", "hidden_act"].contains(&&**key));
            if let Some(model_type) = model_type {
                config.insert("model_type".into(), model_type.into());
                config.insert("architectures".into(), serde_json::json!(["SomeModel"]));
                config.insert("hidden_act".into(), "silu".into());
            }
            let files = ModelFiles {
                config: json.to_string().into_bytes().into(),
                // The graph shows how long a text may be.
                tokenizer_config: None,
                ..files.clone()
            };
            let reranker = load(&files);
            assert_eq!(reranker.warning(), None, "{name} as {model_type:?}");
            assert_eq!(reranker.max_length(), 64, "{name} as {model_type:?}");
            check(name, &reranker, &cases, 1e-4);

            let prepared = ModelFiles::from_prepared(files.prepare().unwrap()).unwrap();
            check(name, &load(&prepared), &cases, 1e-4);
            let mut quantized = std::io::Cursor::new(Vec::new());
            let errors = files.quantize_to(Bits::Eight, &crossrank::SAMPLE, &mut quantized);
            assert!(errors.unwrap().largest < 0.5, "{name} as {model_type:?}");
            let quantized = ModelFiles::from_prepared(quantized.into_inner()).unwrap();
            check(name, &load(&quantized), &cases, 0.5);
        }
        assert_eq!(padded, cases.iter().any(|case| case.document.contains("<pad>")), "{name}");
    }
}

/// Weights of every part become int8, and fewer bits.
#[test]
fn each_architecture_can_be_quantized() {
    for name in ["modernbert", "modernbert-cls", "jina-bert", "new", "mpnet", "deberta-v2"] {
        let (files, cases) = model(name);
        for (bits, tolerance) in [(Bits::Eight, 0.5), (Bits::Six, 2.0)] {
            let mut options = QuantizeOptions::from(bits);
            options.table_bits = Some(Bits::Eight);
            let mut file = std::io::Cursor::new(Vec::new());
            let errors = files.quantize_to(options, &crossrank::SAMPLE, &mut file).unwrap();
            assert!(errors.largest < tolerance, "{name}: {errors:?}");
            let quantized = ModelFiles::from_prepared(file.into_inner()).unwrap();
            let reranker = load(&quantized);
            assert_eq!(reranker.warning(), None, "{name}");
            // The pairs are less like the sample than the few bits of a random model allow.
            if bits == Bits::Eight {
                check(name, &reranker, &cases, tolerance);
            }
        }
    }
}

/// Operators and inputs that are not run are named, with what to do instead.
#[test]
fn what_a_graph_lacks_is_named() {
    let refused = |name: &str, old: &str, new: &str| {
        let (mut files, _) = model(name);
        let (old, new) = (old.as_bytes(), new.as_bytes());
        assert_eq!(old.len(), new.len());
        let mut bytes = files.onnx.to_vec();
        let offsets: Vec<usize> =
            (0..bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
        assert!(!offsets.is_empty());
        for at in offsets {
            bytes[at..at + new.len()].copy_from_slice(new);
        }
        files.onnx = bytes.into();
        let error = Reranker::from_files(&files, LoadOptions::default()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::UnsupportedModel, "{error}");
        error.to_string()
    };
    let operator = refused("general-silu-dynamo-23", "Sigmoid", "Sigmoyd");
    for part in ["the operator Sigmoyd (opset 23)", "opset from 14 to 20"] {
        assert!(operator.contains(part) && !operator.contains("damaged"), "{operator}");
    }
    let input = refused("other-silu", "token_type_ids", "pixel_values_x");
    assert!(
        input.contains("the input pixel_values_x") && input.contains("position_ids"),
        "{input}"
    );
}
