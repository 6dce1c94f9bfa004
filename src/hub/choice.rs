//! Chooses the files of a repository that make a model.

use super::client::RemoteFile;
use super::registry::{Model, find};
use super::source::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelFiles;
use crate::model_dir::GRAPHS;

/// The files that every model needs besides its graph.
pub(super) const REQUIRED: [&str; 2] = ["tokenizer.json", "config.json"];

/// The preferred graph among `paths`: first the graphs of a known model, then the usual paths.
pub(super) fn graph(paths: &[String], model: Option<&Model>) -> Option<String> {
    let known = model.into_iter().flat_map(|model| &model.graphs).map(|graph| graph.path.as_str());
    let wanted = known.chain(GRAPHS).find(|wanted| paths.iter().any(|path| path == wanted));
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
/// `model.onnx.data`.
fn is_data_of(graph: &str, path: &str) -> bool {
    let rest = path.strip_prefix(graph);
    rest.is_some_and(|rest| rest == ".data" || rest.starts_with("_data"))
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
        "{repository} has no ONNX graph; export it with `optimum-cli export onnx --model \
         {repository} FOLDER` and name that folder{conversion}"
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

    #[test]
    fn what_is_missing_is_named() {
        let fails = |paths: &[&str], name: &str, wanted| {
            let error = chosen(paths, name, wanted).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnsupportedModel);
            error.to_string()
        };
        let none = fails(&["model.safetensors"], "owner/bge-reranker-base", None);
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
