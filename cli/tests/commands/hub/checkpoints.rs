//! Repositories without a graph that has the whole model: weights in safetensors.

use std::fs;
use std::path::{Path, PathBuf};

use crossrank::hub;

use super::loopback::COMMIT;
use super::{Case, NAME, complaint, text_of};

fn checkpoint(name: &str) -> PathBuf {
    crate::common::root().join("tests/data/checkpoints").join(name)
}

fn rerank(case: &Case, model: &str) -> String {
    let query = ["rerank", "--json", "--query", "search query"];
    case.stdout(&[&query[..], &["--model", model, "examples/passages.txt"]].concat())
}

/// Ettin's repositories have a graph without the head, which consists of modules.
#[test]
fn a_cross_encoder_of_modules_is_pulled_and_ranks() {
    let folder = temp_dir::TempDir::new().unwrap();
    copy(&checkpoint("ettin"), folder.path());
    fs::create_dir(folder.path().join("onnx")).unwrap();
    fs::write(folder.path().join("onnx/model.onnx"), b"without a head").unwrap();
    let case = Case::of(folder.path());
    let pulled = case.stdout(&["pull", NAME]);
    let size = fs::metadata(folder.path().join("model.safetensors")).unwrap().len() as f64 / 1e3;
    for part in ["model.safetensors", "safetensors, which become int8", &format!("{size:.1} kB")] {
        assert!(pulled.contains(part), "{part} is not in {pulled}");
    }
    assert!(case.hub.asked("onnx/").is_empty(), "the graph is not downloaded");
    let expected = rerank(&case, "tests/data/checkpoints/ettin");
    assert_eq!(rerank(&case, NAME), expected);
    assert_eq!(rerank(&case, &format!("{NAME}@{COMMIT}:model.safetensors")), expected);
    let floats = ["rerank", "--json", "--keep-floats", "--query", "search query", "--model", NAME];
    assert_ne!(case.stdout(&[&floats[..], &["examples/passages.txt"]].concat()), expected);

    let prepared = case.cache.path().join("ettin.crossrank");
    let prepared = prepared.to_str().unwrap();
    let quantized = case.stdout(&["quantize", NAME, "-o", prepared]);
    assert!(quantized.contains("|logit"), "{quantized}");
    assert_eq!(rerank(&case, prepared), expected);
}

#[test]
fn the_size_of_several_files_is_that_of_all() {
    let folder = checkpoint("bert-sharded");
    let case = Case::of(&folder);
    let snapshot = hub::pull(NAME, &case.options()).unwrap();
    assert_eq!(snapshot.graph, "model.safetensors.index.json");
    let names = [
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ];
    let bytes: u64 = names.map(|name| fs::metadata(folder.join(name)).unwrap().len()).iter().sum();
    assert_eq!(snapshot.bytes, bytes);
    assert_eq!(hub::cached(NAME, &case.options()).unwrap().unwrap().bytes, bytes);
    assert_eq!(rerank(&case, NAME), rerank(&case, folder.to_str().unwrap()));
}

/// The configuration comes first, and tells that the weights are of no use.
#[test]
fn weights_that_cannot_run_are_not_downloaded() {
    for (old, new, part) in [
        ("BertForSequenceClassification", "Qwen3ForCausalLM", "generates text"),
        ("\"bert\"", "\"albert\"", "albert"),
    ] {
        let folder = temp_dir::TempDir::new().unwrap();
        copy(&checkpoint("bert"), folder.path());
        let config = folder.path().join("config.json");
        let edited = fs::read_to_string(&config).unwrap().replace(old, new);
        fs::write(config, edited).unwrap();
        let case = Case::of(folder.path());
        let line = complaint(case.run(&["pull", NAME]), "unsupported-model");
        assert!(line.contains(part), "{line}");
        assert!(case.hub.asked("safetensors").is_empty(), "the weights are not downloaded");
        assert!(hub::cached(NAME, &case.options()).unwrap().is_none());
    }
    let case = Case::of(&checkpoint("bert"));
    text_of(case.run(&["pull", NAME]));
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => {
                fs::create_dir(&to).unwrap();
                copy(&path, &to);
            }
            false => fs::write(to, fs::read(path).unwrap()).unwrap(),
        }
    }
}
