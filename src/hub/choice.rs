//! Chooses the files of a repository that make a model.

use super::client::RemoteFile;
use super::registry::{Model, find};
use super::source::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelFiles;
use crate::model_dir::{GRAPHS, WEIGHTS};

/// The files that every model needs besides its graph.
pub(super) const REQUIRED: [&str; 2] = ["tokenizer.json", CONFIG];
pub(super) const CONFIG: &str = "config.json";

/// The preferred graph among `paths`: first the graphs of a known model, then the usual paths, then weights in
/// safetensors.
pub(super) fn graph(paths: &[String], model: Option<&Model>) -> Option<String> {
    let known = model.into_iter().flat_map(|model| &model.graphs).map(|graph| graph.path.as_str());
    let exists = |wanted: &&str| paths.iter().any(|path| path == wanted);
    let graph = known.chain(GRAPHS).find(exists);
    let weights = WEIGHTS.into_iter().find(exists);
    // Graphs of a model whose head consists of modules were exported without it.
    let wanted = match paths.iter().any(|path| path.ends_with("_Dense/config.json")) {
        true => weights.or(graph),
        false => graph.or(weights),
    };
    wanted.map(str::to_owned)
}

/// The files to download, the graph first. `wanted` is the path of a graph.
pub(super) fn files<'a>(
    listed: &'a [RemoteFile],
    source: &Source,
    wanted: Option<&str>,
) -> Result<Vec<&'a RemoteFile>> {
    let find = |path: &str| listed.iter().find(|file| file.path == path);
    let paths: Vec<String> = listed.iter().map(|file| file.path.clone()).collect();
    let graph = match wanted {
        Some(wanted) => find(wanted).ok_or_else(|| no_file(&paths, source, wanted))?,
        None => graph(&paths, source.model)
            .and_then(|path| find(&path))
            .ok_or_else(|| no_graph(&paths, source))?,
    };
    let mut chosen = vec![graph];
    chosen.extend(listed.iter().filter(|file| is_data_of(&graph.path, &file.path)));
    if WEIGHTS.contains(&&*graph.path) {
        chosen.extend(listed.iter().filter(|file| is_of_module(&file.path)));
    }
    for name in REQUIRED {
        chosen.push(find(name).ok_or_else(|| {
            unsupported(format!(
                "{} has no {name}; save the model with its fast tokenizer, for example with \
                 `optimum-cli export onnx`, and name that folder",
                source.repository
            ))
        })?);
    }
    let optional = ["tokenizer_config.json"].into_iter().chain(ModelFiles::EMBEDDING);
    chosen.extend(optional.filter_map(find));
    Ok(chosen)
}

/// Whether a file holds weights of a graph, such as `model.onnx_data`, `model.onnx_data_1` or
/// `model.onnx.data`, or is one of those that an index lists, such as `model-00001-of-00002.safetensors`.
fn is_data_of(graph: &str, path: &str) -> bool {
    let is_shard = || path.starts_with("model-") && path.ends_with(".safetensors");
    let rest = path.strip_prefix(graph);
    rest.is_some_and(|rest| rest == ".data" || rest.starts_with("_data"))
        || (graph == WEIGHTS[1] && is_shard())
}

/// Whether a file is the graph or holds a part of its weights.
pub(super) fn is_part_of(graph: &str, path: &str) -> bool {
    path == graph || is_data_of(graph, path)
}

/// Whether a file is one of a module of sentence-transformers, such as `2_Dense/model.safetensors`.
fn is_of_module(path: &str) -> bool {
    let parts =
        path.split_once('/').filter(|(folder, _)| folder.starts_with(|c: char| c.is_ascii_digit()));
    parts.is_some_and(|(folder, name)| {
        // Its configuration is one of the files of an embedder.
        folder != "1_Pooling" && ["config.json", WEIGHTS[0]].contains(&name)
    })
}

fn no_file(paths: &[String], source: &Source, wanted: &str) -> Error {
    let graphs: Vec<&str> =
        paths.iter().map(String::as_str).filter(|path| path.ends_with(".onnx")).collect();
    let found = match &graphs[..] {
        [] => "no graph at all".to_owned(),
        graphs => graphs.join(", "),
    };
    unsupported(format!("{} has no {wanted}; it holds {found}", source.repository))
}

fn no_graph(paths: &[String], source: &Source) -> Error {
    let repository = &source.repository;
    if paths.iter().any(|path| path.ends_with(".onnx")) {
        return no_file(paths, source, "graph with a usual path, and --file names another");
    }
    let namesake = repository.rsplit('/').next().and_then(find);
    let conversion = namesake
        .filter(|known| known.repository.as_ref().is_some_and(|known| known != repository))
        .map(|known| format!(", or use {}, which has one", known.name))
        .unwrap_or_default();
    unsupported(format!(
        "{repository} has neither an ONNX graph nor {}; export it with `optimum-cli export onnx --model \
         {repository} FOLDER` and name that folder{conversion}",
        WEIGHTS[0]
    ))
}

fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::UnsupportedModel, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[&str]) -> Vec<RemoteFile> {
        let file = |&path: &&str| RemoteFile { path: path.into(), size: 1, hash: "0".repeat(40) };
        paths.iter().map(file).collect()
    }

    fn chosen(paths: &[&str], name: &str, wanted: Option<&str>) -> Result<Vec<String>> {
        let listed = listed(paths);
        let files = files(&listed, &Source::of(name).unwrap(), wanted)?;
        Ok(files.iter().map(|file| file.path.clone()).collect())
    }

    #[test]
    fn the_preferred_graph_and_what_belongs_to_it() {
        let paths = [
            "onnx/model_O4.onnx",
            "onnx/model.onnx",
            "onnx/model.onnx_data",
            "onnx/model.onnx_data_1",
            "onnx/model.onnx.data",
            "onnx/model_quint8_avx2.onnx",
            "onnx/model_qint8_avx512.onnx",
            "config.json",
            "tokenizer.json",
            "vocab.txt",
            "1_Pooling/config.json",
        ];
        let others = ["tokenizer.json", "config.json", "1_Pooling/config.json"];
        let files = chosen(&paths, "owner/model", None).unwrap();
        assert_eq!(files, [&["onnx/model_qint8_avx512.onnx"], &others[..]].concat());
        let files = chosen(&paths, "owner/model", Some("onnx/model.onnx")).unwrap();
        assert_eq!(files, [&paths[1..5], &others[..]].concat());
        // 4 bits and ONNX Runtime's operators are for want of others.
        let few = ["onnx/model_bnb4.onnx", "onnx/model_q4.onnx", "onnx/model_O3.onnx"];
        let mut few = [&few[..], &["config.json", "tokenizer.json"]].concat();
        for expected in [few[2], few[1], few[0]] {
            assert_eq!(chosen(&few, "owner/model", None).unwrap()[0], expected);
            few.retain(|path| *path != expected);
        }
        // The graphs of a known model come before the usual order.
        let both = ["onnx/model_quantized.onnx", "onnx/model_qint8_arm64.onnx"];
        let both = [&both[..], &["config.json", "tokenizer.json"]].concat();
        assert_eq!(chosen(&both, "owner/model", None).unwrap()[0], both[0]);
        assert_eq!(chosen(&both, "ms-marco-MiniLM-L2-v2", None).unwrap()[0], both[1]);
    }

    /// Weights are chosen where there is no graph, or none with the model's head.
    #[test]
    fn weights_with_the_files_that_belong_to_them() {
        let single = ["config.json", "model.safetensors", "tokenizer.json", "2_x/model.bin"];
        let files = chosen(&single, "owner/model", None).unwrap();
        assert_eq!(files, ["model.safetensors", "tokenizer.json", "config.json"]);
        let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        let index = "model.safetensors.index.json";
        let sharded = [&shards[..], &[index, "config.json", "tokenizer.json"]].concat();
        let files = chosen(&sharded, "owner/model", None).unwrap();
        assert_eq!(files[..3], [index, shards[0], shards[1]]);

        let with_graph = [&single[..], &["onnx/model.onnx"]].concat();
        let files = chosen(&with_graph, "owner/model", None).unwrap();
        assert_eq!(files[0], "onnx/model.onnx");
        let files = chosen(&with_graph, "owner/model", Some("model.safetensors")).unwrap();
        assert_eq!(files[0], "model.safetensors");
        let head = ["2_Dense/config.json", "2_Dense/model.safetensors"];
        let modular = [&with_graph[..], &["modules.json", "1_Pooling/config.json"], &head].concat();
        let files = chosen(&modular, "owner/model", None).unwrap();
        assert_eq!(files[..3], ["model.safetensors", head[0], head[1]]);
        assert_eq!(files[5..], ["modules.json", "1_Pooling/config.json"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let fails = |paths: &[&str], name: &str, wanted| {
            let error = chosen(paths, name, wanted).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnsupportedModel);
            error.to_string()
        };
        let none = fails(&["pytorch_model.bin"], "owner/bge-reranker-base", None);
        assert!(none.contains("optimum-cli export onnx --model owner/bge-reranker-base"), "{none}");
        assert!(none.contains("BAAI/bge-reranker-base"), "{none}");
        let unusual = fails(&["onnx/my_model.onnx"], "owner/model", None);
        assert!(unusual.contains("it holds onnx/my_model.onnx"), "{unusual}");
        let other = fails(&["model.onnx"], "owner/model", Some("onnx/x.onnx"));
        assert!(other.contains("no onnx/x.onnx; it holds model.onnx"), "{other}");
        let slow = fails(&["model.onnx", "config.json", "vocab.txt"], "owner/model", None);
        assert!(slow.contains("no tokenizer.json"), "{slow}");
    }
}
