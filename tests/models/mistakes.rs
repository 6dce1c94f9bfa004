//! Files and models that are there by mistake: each message names the file and the cause, and says what
//! to do. None calls a file damaged that is not.

use std::fs;

use crate::common::{graph, root};
use crossrank::{Embedder, EmbedderOptions, Error, ErrorKind, LoadOptions, ModelFiles, Reranker};
use serde_json::{Value, json};

fn files(name: &str) -> ModelFiles {
    ModelFiles::read(graph(name)).unwrap()
}

fn embedder_files() -> ModelFiles {
    ModelFiles::read(root().join("tests/data/embedders/bert:onnx/model.onnx")).unwrap()
}

fn load(files: &ModelFiles) -> Result<Reranker, Error> {
    Reranker::from_files(files, LoadOptions::default())
}

fn edit_config(files: &mut ModelFiles, edit: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let mut config: Value = serde_json::from_slice(&files.config).unwrap();
    edit(config.as_object_mut().unwrap());
    files.config = config.to_string().into_bytes().into();
}

/// Checks the kind of an error and the parts of its message.
fn says<T>(result: Result<T, Error>, kind: ErrorKind, parts: &[&str]) {
    let error = result.err().expect("it is refused");
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    assert!(!message.contains("damaged") && !message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

/// What is found in place of a file, and a part of what is said about it.
const MISTAKES: [(&[u8], &str); 6] = [
    (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "is a pointer of Git LFS; run `git lfs pull`",
    ),
    (b"<!DOCTYPE html><html>Sign in</html>", "is a web page"),
    (b"\xef\xbb\xbf\n<?xml version=\"1.0\"?><Error/>", "is a web page"),
    (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "is compressed by gzip; unpack it"),
    (b"PK\x03\x04\x14\x00\x00\x00", "is a zip archive; unpack it"),
    (b"", "is empty; download it again"),
];

#[test]
fn a_file_that_holds_something_else() {
    let whole = files("external-f32");
    for (content, what) in MISTAKES {
        let content = || content.to_vec().into();
        let (invalid, tokenizer) = (ErrorKind::InvalidModel, ErrorKind::TokenizerMismatch);
        let with = ModelFiles { onnx: content(), ..whole.clone() };
        says(load(&with), invalid, &["the ONNX graph", what]);
        let with = ModelFiles { tokenizer: content(), ..whole.clone() };
        says(load(&with), tokenizer, &["tokenizer.json", what]);
        let with = ModelFiles { config: content(), ..whole.clone() };
        says(load(&with), invalid, &["config.json", what]);
        let with = ModelFiles { tokenizer_config: Some(content()), ..whole.clone() };
        says(load(&with), invalid, &["tokenizer_config.json", what]);
        let external = [("model.onnx_data".to_owned(), content())].into();
        let with = ModelFiles { external, ..whole.clone() };
        says(load(&with), invalid, &["model.onnx_data", what]);
        says(ModelFiles::from_prepared(content()), invalid, &[what]);
    }
}

#[test]
fn a_file_of_a_folder_that_holds_something_else() {
    for (content, what) in MISTAKES {
        for name in ["onnx/model.onnx", "tokenizer.json", "config.json"] {
            let folder = temp_dir::TempDir::new().unwrap();
            fs::create_dir(folder.path().join("onnx")).unwrap();
            for file in ["onnx/model.onnx", "tokenizer.json", "config.json"] {
                fs::copy(graph("torchscript-17").join(file), folder.path().join(file)).unwrap();
            }
            fs::write(folder.path().join(name), content).unwrap();
            let path = folder.path().join(name);
            let path = path.to_str().unwrap();
            says(ModelFiles::read(folder.path()), ErrorKind::InvalidModel, &[path, what]);
        }
    }
}

#[test]
fn json_that_is_cut_short() {
    let mut files = files("torchscript-17");
    files.config.truncate(100);
    says(load(&files), ErrorKind::InvalidModel, &["config.json is cut short", "download it again"]);
}

#[test]
fn an_embedder_as_a_reranker() {
    let unsupported = ErrorKind::UnsupportedModel;
    let files = embedder_files();
    says(load(&files), unsupported, &["makes vectors", "`crossrank embed`", "cross-encoder"]);
    let prepared = ModelFiles::from_prepared(files.prepare().unwrap()).unwrap();
    says(load(&prepared), unsupported, &["makes vectors", "`crossrank embed`"]);
    let bundled = ModelFiles::bundled_embedder().unwrap();
    says(load(&bundled), unsupported, &["makes vectors", "`crossrank embed`"]);

    // A reranker that was exported without its head, as for feature extraction.
    let mut exported = files.clone();
    edit_config(&mut exported, |config| {
        config.insert("architectures".into(), json!(["BertForSequenceClassification"]));
        config.insert("id2label".into(), json!({ "0": "LABEL_0" }));
    });
    says(load(&exported), unsupported, &["without the head", "--task text-classification"]);
}

#[test]
fn a_reranker_as_an_embedder() {
    let pooling = || [("pooling.json".to_owned(), br#"{"pooling": "mean"}"#[..].into())].into();
    for name in ["torchscript-17", "jina-bert", "int8-attention"] {
        let files = ModelFiles { embedding: pooling(), ..files(name) };
        let embedder = Embedder::from_files(&files, EmbedderOptions::default());
        says(embedder, ErrorKind::UnsupportedModel, &["`crossrank rerank`", "not the states"]);
    }
}

#[test]
fn another_number_of_labels() {
    let mut files = files("other-two-labels");
    let message = ["2 labels", "a reranker has one"];
    says(load(&files), ErrorKind::UnsupportedModel, &message);
    // transformers does not write its default number. The graph shows it.
    edit_config(&mut files, |config| config.retain(|key, _| !key.contains("label")));
    says(load(&files), ErrorKind::UnsupportedModel, &message);
}
