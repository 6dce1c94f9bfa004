//! Which graph of a folder is read.

use std::fs;
use std::path::Path;

use crate::common::graph;
use crossrank::{ErrorKind, LoadOptions, ModelFiles, Reranker};

/// The graph of a test model.
fn graph_of(model: &str) -> Vec<u8> {
    let folder = fs::read_dir(graph(model).join("onnx")).unwrap();
    let mut paths = folder.map(|entry| entry.unwrap().path());
    fs::read(paths.find(|path| path.extension().unwrap() == "onnx").unwrap()).unwrap()
}

/// Graphs by their paths in a folder.
type Graphs<'a> = &'a [(&'a str, &'a [u8])];

/// A folder with the tokenizer and the configuration of a BERT, and graphs of test models.
fn folder(graphs: Graphs) -> temp_dir::TempDir {
    let folder = temp_dir::TempDir::new().unwrap();
    fs::create_dir(folder.path().join("onnx")).unwrap();
    for name in ["config.json", "tokenizer.json"] {
        fs::copy(graph("torchscript-17").join(name), folder.path().join(name)).unwrap();
    }
    for (name, content) in graphs {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn refused(path: impl AsRef<Path>) -> String {
    let error = ModelFiles::read(path).err().expect("it is refused");
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    error.to_string()
}

const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";

#[test]
fn the_graph_that_runs_fastest_is_read() {
    let int8 = graph_of("int8-attention-tensor");
    let floats = graph_of("torchscript-17");
    // Graphs of no architecture that runs fused, and with an operator of ONNX Runtime that is not known.
    let general = graph_of("general-silu-int8-attention");
    let ort = graph_of("../flavours/bert-operator");
    let first = "onnx/model_quantized.onnx";
    let last = "onnx/model.onnx";
    let cases: [(Graphs, &[u8]); 7] = [
        (&[(first, &int8), (last, &floats)], &int8),
        (&[(first, &general), (last, &floats)], &floats),
        (&[(first, &general), (last, &ort)], &general),
        (&[(first, &ort), (last, &general)], &general),
        (&[(first, &ort), ("onnx/model_qint8_arm64.onnx", &general), (last, &floats)], &floats),
        // What `git lfs pull --include` leaves.
        (&[(first, POINTER), (last, &floats)], &floats),
        (&[(first, b"damaged"), (last, &general)], &general),
    ];
    for (i, (graphs, expected)) in cases.iter().enumerate() {
        let folder = folder(graphs);
        let files = ModelFiles::read(folder.path()).unwrap();
        assert!(files.onnx == *expected, "case {i}");
        let reranker = Reranker::from_files(&files, LoadOptions::default()).unwrap();
        let fused = [&int8[..], &floats[..]].contains(expected);
        assert_eq!(reranker.warning().is_none(), fused, "case {i}");
    }
}

/// Files that ONNX Runtime optimized are read where there are no others.
#[test]
fn an_optimized_graph_is_read_for_want_of_others() {
    let optimized = graph_of("../flavours/bert-O3");
    let few_bits = graph_of("../flavours/bert-bnb4");
    let floats = graph_of("torchscript-17");
    let (o3, bnb4) = ("onnx/model_O3.onnx", "onnx/model_bnb4.onnx");
    let cases: [(Graphs, &[u8]); 3] = [
        (&[(bnb4, &few_bits), (o3, &optimized), ("onnx/model.onnx", &floats)], &floats),
        (&[(bnb4, &few_bits), (o3, &optimized)], &optimized),
        (&[(bnb4, &few_bits), ("onnx/other.onnx", &floats)], &few_bits),
    ];
    for (i, (graphs, expected)) in cases.iter().enumerate() {
        let folder = folder(graphs);
        let files = ModelFiles::read(folder.path()).unwrap();
        assert!(files.onnx == *expected, "case {i}");
        let reranker = Reranker::from_files(&files, LoadOptions::default()).unwrap();
        assert_eq!(reranker.warning(), None, "case {i}");
    }
}

#[test]
fn any_graph_of_a_folder_can_be_named() {
    let (int8, floats) = (graph_of("int8-attention-tensor"), graph_of("torchscript-17"));
    let names = ["onnx/model_quantized.onnx", "onnx/other.onnx", "top.onnx"];
    let folder = folder(&[(names[0], &int8), (names[1], &floats), (names[2], &floats)]);
    let root = folder.path().display();
    for (name, graph) in names.into_iter().zip([&int8, &floats, &floats]) {
        for path in [format!("{root}/{name}"), format!("{root}:{name}")] {
            let files = ModelFiles::read(&path).unwrap();
            assert!(files.onnx == *graph, "{path}");
            assert!(Reranker::load(&path).is_ok(), "{path}");
        }
    }
    for path in [format!("{root}/onnx/missing.onnx"), format!("{root}:onnx/missing.onnx")] {
        let message = refused(&path);
        let all = "onnx/model_quantized.onnx, onnx/other.onnx, top.onnx";
        assert!(message.contains("no onnx/missing.onnx") && message.contains(all), "{message}");
    }
    let nowhere = refused(format!("{root}/no/model.onnx"));
    assert!(nowhere.contains("does not exist"), "{nowhere}");
}

/// A graph with external weights keeps them beside it.
#[test]
fn a_graph_with_weights_beside_it_can_be_named() {
    let path = graph("external-f32").join("onnx/model.onnx");
    assert!(Reranker::load(path).unwrap().kernel().is_some());
}

#[test]
fn a_graph_without_a_usual_name() {
    let floats = graph_of("torchscript-17");
    let one = folder(&[("onnx/my_model.onnx", &floats)]);
    assert!(ModelFiles::read(one.path()).unwrap().onnx == floats);

    let two = folder(&[("onnx/my_model.onnx", &floats), ("onnx/other.onnx", &floats)]);
    let message = refused(two.path());
    assert!(message.contains("onnx/my_model.onnx, onnx/other.onnx; name one"), "{message}");

    let none = folder(&[]);
    let message = refused(none.path());
    assert!(message.contains("optimum-cli export onnx"), "{message}");
}

#[test]
fn a_graph_without_the_other_files() {
    let folder = folder(&[("onnx/model.onnx", &graph_of("torchscript-17"))]);
    fs::remove_file(folder.path().join("config.json")).unwrap();
    let message = refused(folder.path().join("onnx/model.onnx"));
    assert!(message.contains("tokenizer.json and config.json"), "{message}");
}
