//! Damaged and unsuitable models: each gives an error of the right kind, and nothing panics.

use std::error::Error as _;

use crate::common::{Random, int8_files};
use crossrank::{Bytes, ErrorKind, LoadOptions, ModelFiles, Reranker};

fn kind(files: &ModelFiles) -> ErrorKind {
    match Reranker::from_files(files, LoadOptions::default()) {
        Ok(_) => panic!("the model loads"),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n') && !message.is_empty(), "{message:?} is one line");
            error.kind()
        }
    }
}

fn edited(json: &[u8], edit: impl FnOnce(&mut serde_json::Value)) -> Bytes {
    let mut value: serde_json::Value = serde_json::from_slice(json).unwrap();
    edit(&mut value);
    serde_json::to_vec(&value).unwrap().into()
}

#[test]
fn a_file_that_is_not_onnx() {
    let mut files = int8_files();
    for bytes in [&b""[..], b"PK\x03\x04", b"<html>404</html>", &[0xff; 4096]] {
        files.onnx = bytes.to_vec().into();
        assert_eq!(kind(&files), ErrorKind::InvalidModel, "{bytes:?}");
    }
}

/// A field of bytes in a Protocol Buffers message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("the test's messages are short");
    // Every length is encoded in two bytes, so that short and long fields have the same form.
    [&[number << 3 | 2, length | 0x80, length >> 7][..], bytes].concat()
}

/// A node with inputs and an output.
fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|name| field(1, name.as_bytes()));
    let fields = inputs.chain(field(2, output.as_bytes())).chain(field(4, operator.as_bytes()));
    field(1, &fields.collect::<Vec<u8>>())
}

#[test]
fn graphs_with_a_cycle() {
    let end = |number: u8, name: &str| field(number, &field(1, name.as_bytes()));
    let graphs = [
        vec![node("Identity", &["input_ids"], "input_ids"), end(12, "input_ids")],
        vec![
            node("Mul", &["input_ids", "input_ids"], "a"),
            node("Mul", &["a", "a"], "a"),
            end(12, "a"),
        ],
        vec![node("Identity", &["input_ids"], "a"), node("Transpose", &["a"], "a"), end(12, "a")],
    ];
    let mut files = int8_files();
    for nodes in graphs {
        let graph = [nodes.concat(), end(11, "input_ids")].concat();
        let length = graph.len();
        let prefix = [7 << 3 | 2, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8];
        files.onnx = [&prefix[..], &graph].concat().into();
        assert_eq!(kind(&files), ErrorKind::InvalidModel, "{nodes:?}");
    }
}

/// A cycle is named by a node in it, and not by one that only reads what the cycle gives.
#[test]
fn a_cycle_of_nodes_is_named() {
    let end = |number: u8, name: &str| field(number, &field(1, name.as_bytes()));
    let nodes = [
        node("Relu", &["b"], "behind"),
        node("Tanh", &["input_ids"], "before"),
        node("Add", &["before", "b"], "a"),
        node("Sqrt", &["a"], "b"),
        end(12, "behind"),
    ];
    let graph = [nodes.concat(), end(11, "input_ids")].concat();
    let mut files = int8_files();
    files.onnx = [&[7 << 3 | 2, graph.len() as u8 | 0x80, (graph.len() >> 7) as u8], &graph[..]]
        .concat()
        .into();
    let error = Reranker::from_files(&files, LoadOptions::default()).err().unwrap().to_string();
    assert!(error.contains("cycle"), "{error}");
    assert!(error.contains("Add a") || error.contains("Sqrt b"), "{error}");
}

#[test]
fn a_truncated_file() {
    let whole = int8_files().onnx;
    let mut files = int8_files();
    for length in [1, 100, 10_000, whole.len() / 2, whole.len() - 1] {
        files.onnx = whole[..length].to_vec().into();
        assert_eq!(kind(&files), ErrorKind::InvalidModel, "the first {length} bytes");
    }
}

/// Changes single bytes of a graph. Some changes leave a model that runs, which is fine. The others
/// must give errors.
#[test]
fn mutated_files() {
    let folder = crate::common::root().join("tests/data/graphs/torchscript-14");
    let whole = ModelFiles::read(folder).unwrap();
    let mut random = Random(7);
    let (mut refused, tries) = (0, 400);
    for _ in 0..tries {
        let mut files = whole.clone();
        let mut bytes = files.onnx.to_vec();
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = random.below(256) as u8;
        }
        files.onnx = bytes.into();
        match Reranker::from_files(&files, LoadOptions::default()) {
            Ok(reranker) => drop(reranker.score(&[("what is it", "this and that")])),
            Err(error) => {
                // Some name an operator, an input or an output that there is none of.
                let kinds = [ErrorKind::InvalidModel, ErrorKind::UnsupportedModel];
                assert!(kinds.contains(&error.kind()), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 10, "{refused} of {tries} mutations were refused");
}

/// What a graph says of a tensor's size is compared with its bytes before anything is allocated.
#[test]
fn a_tensor_has_as_many_numbers_as_its_file_holds() {
    let folder = crate::common::root().join("tests/data/graphs/torchscript-14");
    let whole = ModelFiles::read(folder).unwrap();
    // The two sizes of a matrix, each after the number of its field, the type of the numbers, and the name.
    let sizes = [8, 32, 8, 32];
    let after = [&[16, 1, 66, 16], &b"onnx::MatMul_309"[..]].concat();
    let with = |sizes: [u8; 4]| {
        let mut files = whole.clone();
        let mut bytes = files.onnx.to_vec();
        let at = bytes.windows(after.len()).position(|window| window == after).unwrap() - 4;
        assert_eq!(bytes[at..at + 4], [8, 32, 8, 32]);
        bytes[at..at + 4].copy_from_slice(&sizes);
        files.onnx = bytes.into();
        files
    };
    assert!(Reranker::from_files(&with(sizes), LoadOptions::default()).is_ok());
    // The last is one size, of three bytes.
    for sizes in [[8, 31, 8, 32], [8, 33, 8, 32], [8, 32, 8, 127], [8, 255, 255, 127]] {
        assert_eq!(kind(&with(sizes)), ErrorKind::InvalidModel, "{sizes:?}");
    }

    // 2^62 numbers, and more than there are addresses.
    let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
    let dimension = [&[8], &huge[..]].concat();
    let end = |number: u8, name: &str| field(number, &field(1, name.as_bytes()));
    for dimensions in [1, 2, 3].map(|count| dimension.repeat(count)) {
        let data = field(9, &[0; 4]);
        let tensor = [dimensions, vec![16, 1], field(8, b"a"), data].concat();
        let mut graph = [node("Identity", &["a"], "b"), field(5, &tensor)].concat();
        graph.extend([end(11, "input_ids"), end(12, "b")].concat());
        let mut files = int8_files();
        let length = [graph.len() as u8 | 0x80, (graph.len() >> 7) as u8];
        files.onnx = [&[7 << 3 | 2][..], &length, &graph].concat().into();
        assert_eq!(kind(&files), ErrorKind::InvalidModel);
    }
}

#[test]
fn a_tokenizer_that_does_not_fit() {
    let mut files = int8_files();
    let tokenizer = files.tokenizer.clone();
    files.tokenizer = edited(&tokenizer, |json| {
        json["model"]["vocab"]["one-token-too-many"] = 30522.into();
    });
    assert_eq!(kind(&files), ErrorKind::TokenizerMismatch);

    files.tokenizer = edited(&tokenizer, |json| {
        let vocabulary = json["model"]["vocab"].as_object_mut().unwrap();
        vocabulary.retain(|_, id| id.as_u64().unwrap() < 5000);
    });
    assert_eq!(kind(&files), ErrorKind::TokenizerMismatch, "a small vocabulary");

    files.tokenizer = edited(&tokenizer, |json| json["post_processor"] = serde_json::Value::Null);
    assert_eq!(kind(&files), ErrorKind::TokenizerMismatch, "no [CLS] and [SEP]");

    for bytes in [&b""[..], b"{}", b"not json", &tokenizer[..1000]] {
        files.tokenizer = bytes.to_vec().into();
        assert_eq!(kind(&files), ErrorKind::TokenizerMismatch);
    }
}

#[test]
fn a_configuration_that_does_not_fit() {
    let mut files = int8_files();
    let config = files.config.clone();
    files.config = edited(&config, |json| {
        json["id2label"] = serde_json::json!({"0": "NO", "1": "YES"});
    });
    assert_eq!(kind(&files), ErrorKind::UnsupportedModel, "two labels");

    for bytes in [&b""[..], b"[]", b"\xff\xfe"] {
        files.config = bytes.to_vec().into();
        assert_eq!(kind(&files), ErrorKind::InvalidModel);
        let error = Reranker::from_files(&files, LoadOptions::default()).err().unwrap();
        assert!(error.source().unwrap().is::<serde_json::Error>(), "{error:?}");
    }
}

#[test]
fn a_folder_that_is_not_a_model() {
    let folder = temp_dir::TempDir::new().unwrap();
    let read = |name: &str| ModelFiles::read(folder.path().join(name)).err().unwrap();
    assert_eq!(read("missing").kind(), ErrorKind::Io);
    assert_eq!(read("").kind(), ErrorKind::Io);

    std::fs::create_dir(folder.path().join("onnx")).unwrap();
    std::fs::write(folder.path().join("onnx/model.onnx"), "x").unwrap();
    let error = read("");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("tokenizer.json"), "{error}");
    let source = error.source().unwrap().downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
}

/// A copy, in a new folder, of a small model with external weights, whose graph is edited.
fn with_external_data(edit: impl FnOnce(&mut Vec<u8>)) -> temp_dir::TempDir {
    let from = crate::common::root().join("tests/data/graphs/external-f32");
    let to = temp_dir::TempDir::new().unwrap();
    std::fs::create_dir(to.path().join("onnx")).unwrap();
    for name in ["config.json", "tokenizer.json", "onnx/model.onnx_data"] {
        std::fs::copy(from.join(name), to.path().join(name)).unwrap();
    }
    let mut graph = std::fs::read(from.join("onnx/model.onnx")).unwrap();
    edit(&mut graph);
    std::fs::write(to.path().join("onnx/model.onnx"), graph).unwrap();
    to
}

/// Replaces every `old` by `new`, which has the same length, so that encoded lengths stay right.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let offsets: Vec<usize> =
        (0..=bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
    assert!(!offsets.is_empty(), "the file contains what is replaced");
    for at in offsets {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
}

#[test]
fn weights_outside_the_folder() {
    for name in ["../model.onnx_d", "/model.onnx_dat", "a/../../b/model", "..............."] {
        let folder = with_external_data(|graph| {
            replace(graph, b"model.onnx_data", name.as_bytes());
        });
        // It must not be read even if it exists.
        std::fs::write(folder.path().join("model.onnx_d"), [0; 30_000]).unwrap();
        let error = ModelFiles::read(folder.path()).err().unwrap();
        if name == "..............." {
            assert_eq!(error.kind(), ErrorKind::Io, "a name like any other: {error}");
            continue;
        }
        assert_eq!(error.kind(), ErrorKind::InvalidModel, "{error}");
        assert!(error.to_string().contains("not a file in the graph's folder"), "{error}");
    }
}

#[test]
fn weights_that_are_missing_or_truncated() {
    let folder = with_external_data(|_| ());
    let files = ModelFiles::read(folder.path()).unwrap();
    assert!(Reranker::from_files(&files, LoadOptions::default()).is_ok());
    let without = ModelFiles { external: Default::default(), ..files };
    let error = Reranker::from_files(&without, LoadOptions::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidModel);
    assert!(error.to_string().contains("put it next to the graph"), "{error}");
    assert_eq!(without.prepare().unwrap_err().kind(), ErrorKind::InvalidModel);

    let data = folder.path().join("onnx/model.onnx_data");
    let whole = std::fs::read(&data).unwrap();
    for length in [0, 1000, whole.len() - 1] {
        let cut = folder.path().join("cut");
        std::fs::write(&cut, &whole[..length]).unwrap();
        std::fs::rename(&cut, &data).unwrap();
        let files = ModelFiles::read(folder.path()).unwrap();
        assert_eq!(kind(&files), ErrorKind::InvalidModel, "the first {length} bytes");
    }
    std::fs::remove_file(&data).unwrap();
    let error = ModelFiles::read(folder.path()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("lacks") && error.to_string().contains("onnx_data"));
}

#[test]
fn weights_with_invalid_offsets_or_lengths() {
    // An entry of `external_data` is a key and a value. Each follows its field number and its length.
    for (key, digits) in [("offset", 5), ("length", 4)] {
        for filler in *b"9-e " {
            let folder = with_external_data(|graph| {
                let start = [&[10, 6][..], key.as_bytes(), &[18, digits]].concat();
                let at = graph.windows(start.len()).position(|part| part == start).unwrap();
                graph[at + start.len()..][..digits.into()].fill(filler);
            });
            let error = ModelFiles::read(folder.path())
                .and_then(|files| Reranker::from_owned_files(files, LoadOptions::default()));
            let kind = error.err().map(|error| error.kind());
            assert_eq!(kind, Some(ErrorKind::InvalidModel), "{key}, {filler}");
        }
    }
}
