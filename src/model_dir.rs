//! Reading of a model folder in the Hugging Face layout.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Error as IoError, ErrorKind as IoErrorKind};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::engine::{Fitness, external_names, fitness};
use crate::error::{Error, ErrorKind, Result};
use crate::mistake::mistake;
use crate::model::checkpoint;
use crate::model::prepared::is_prepared;
use crate::model::{ModelFiles, is_checkpoint, mmap};

/// The names of the graph in a folder, in the order of preference: graphs in 8 bits, by the names of
/// Transformers.js and of sentence-transformers, then graphs in floats, then those that have an
/// approximation of GELU or weights in 4 bits.
pub(crate) const GRAPHS: [&str; 18] = [
    "onnx/model_quantized.onnx",
    "onnx/model_int8.onnx",
    "onnx/model_qint8_avx512_vnni.onnx",
    "onnx/model_qint8_avx512.onnx",
    "onnx/model_quint8_avx2.onnx",
    "onnx/model_qint8_arm64.onnx",
    "onnx/model_uint8.onnx",
    "onnx/model.onnx",
    "onnx/model_fp16.onnx",
    "model_quantized.onnx",
    "model.onnx",
    "onnx/model_O1.onnx",
    "onnx/model_O2.onnx",
    "onnx/model_O3.onnx",
    "onnx/model_O4.onnx",
    "onnx/model_q4.onnx",
    "onnx/model_q4f16.onnx",
    "onnx/model_bnb4.onnx",
];

/// The weights in a folder that has no graph, as libraries of Hugging Face save them.
pub(crate) const WEIGHTS: [&str; 2] = [checkpoint::WEIGHTS, checkpoint::INDEX];

/// The usual name of a prepared model in a folder.
const PREPARED: &str = "model.crossrank";

/// The files that are beside a graph or in the folder above it.
const REQUIRED: [&str; 2] = ["tokenizer.json", "config.json"];

impl ModelFiles {
    /// Reads a prepared model, a folder with one that is called `model.crossrank`, or a folder in the
    /// Hugging Face layout. Such a folder contains
    ///
    /// - the graph, `onnx/model_quantized.onnx` or `onnx/model.onnx`, or either of them without the
    ///   folder `onnx`, and beside it the files that hold its external weights (`model.onnx_data`); or
    ///   weights in safetensors, `model.safetensors` or the files that `model.safetensors.index.json`
    ///   lists, and the folders of the modules of a cross-encoder of sentence-transformers;
    /// - `tokenizer.json` and `config.json`;
    /// - optionally `tokenizer_config.json`, and the files of [`ModelFiles::EMBEDDING`].
    ///
    /// Of several graphs with usual names, the one that runs fastest is read: one in 8 bits before one
    /// in floats, and one that the engine recognizes before one that runs on general operators. Where
    /// none is recognized, weights in safetensors are read. To choose another one, name its file
    /// (`FOLDER/onnx/model_fp16.onnx`), or put its path in the folder after a colon
    /// (`FOLDER:onnx/model_fp16.onnx`).
    ///
    /// Graphs and prepared models are mapped into memory. They must not be written to while these files,
    /// or a model that was loaded from them, are in use. If such a file is truncated, the process ends
    /// (SIGBUS). To replace it, write a new file and rename that to its name, as `crossrank prepare` and
    /// package managers do.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if a file is missing or cannot be read, and those of
    /// [`ModelFiles::from_prepared`].
    pub fn read(path: impl AsRef<Path>) -> Result<ModelFiles> {
        let path = path.as_ref();
        if path.is_dir() {
            let prepared = path.join(PREPARED);
            return match prepared.is_file() {
                true => read_prepared(&prepared),
                false => read_fastest(path),
            };
        }
        if let Some((folder, graph)) = split_at_colon(path) {
            return ModelFiles::read_folder(folder, graph);
        }
        let is_graph = path.to_str().is_some_and(is_graph);
        if path.is_file() && (!is_graph || is_prepared(&map_file(path)?)) {
            return read_prepared(path);
        }
        if is_graph && let Some((folder, graph)) = split_at_folder(path)? {
            return ModelFiles::read_folder(&folder, &graph);
        }
        let message = format!(
            "{} does not exist; name a model folder, a graph or a prepared model",
            path.display()
        );
        Err(Error::new(ErrorKind::Io, message))
    }

    /// Reads a folder with the graph of that name.
    pub(crate) fn read_folder(folder: &Path, graph: &str) -> Result<ModelFiles> {
        let path = folder.join(graph);
        if !path.is_file() {
            return Err(no_graph(folder, &format!("no {graph}")));
        }
        let optional = |name: &str| {
            let path = folder.join(name);
            path.exists().then(|| read_file(&path)).transpose()
        };
        let mut embedding = BTreeMap::new();
        for name in ModelFiles::EMBEDDING {
            embedding.extend(optional(name)?.map(|file| (name.to_owned(), file)));
        }
        let [tokenizer, config] = REQUIRED.map(|name| folder.join(name));
        let mut files = ModelFiles {
            onnx: checked(&path, map_file(&path)?)?,
            external: BTreeMap::new(),
            tokenizer: checked(&tokenizer, read_file(&tokenizer)?)?,
            config: checked(&config, read_file(&config)?)?,
            tokenizer_config: optional("tokenizer_config.json")?,
            embedding,
        };
        let is_checkpoint = is_checkpoint(&files.onnx);
        let names = match is_checkpoint && graph.ends_with(checkpoint::INDEX) {
            true => checkpoint::shards(&files.onnx),
            false if is_checkpoint => Ok(BTreeSet::new()),
            false => external_names(&files.onnx),
        };
        for name in names.map_err(|error| error.at(path.display()))? {
            let file = map_file(&path.with_file_name(&name))?;
            files.external.insert(name, file);
        }
        if let (true, Some(modules)) = (is_checkpoint, files.embedding.get("modules.json")) {
            for module in checkpoint::module_paths(modules)? {
                for name in ["config.json", checkpoint::WEIGHTS] {
                    let name = format!("{module}/{name}");
                    files.embedding.extend(optional(&name)?.map(|file| (name, file)));
                }
            }
        }
        Ok(files)
    }
}

fn read_prepared(path: &Path) -> Result<ModelFiles> {
    ModelFiles::from_prepared(map_file(path)?).map_err(|error| error.at(path.display()))
}

/// Reads a folder with the graph that runs fastest. Among those that run equally well, the order of
/// [`GRAPHS`] decides. A single graph may have any name.
fn read_fastest(folder: &Path) -> Result<ModelFiles> {
    let present = graphs(folder);
    let usual: Vec<&str> =
        GRAPHS.into_iter().filter(|name| present.iter().any(|graph| graph == name)).collect();
    let weights = WEIGHTS.into_iter().filter(|name| folder.join(name).is_file());
    let candidates: Vec<&str> = match (&usual[..], &present[..]) {
        ([], [only]) => [only.as_str()].into_iter().chain(weights).collect(),
        _ => usual.into_iter().chain(weights).collect(),
    };
    let mut best: Option<(Fitness, Result<ModelFiles>)> = None;
    for graph in &candidates {
        let files = ModelFiles::read_folder(folder, graph);
        if candidates.len() == 1 {
            return files;
        }
        let fits = files.as_ref().map_or(Fitness::Refused, fitness);
        if best.as_ref().is_none_or(|(before, _)| fits > *before) {
            best = Some((fits, files));
        }
        if fits == Fitness::Fused {
            break;
        }
    }
    match best {
        Some((_, files)) => files,
        None => {
            let names = GRAPHS.into_iter().chain(WEIGHTS).collect::<Vec<_>>();
            Err(no_graph(folder, &format!("none of {}", names.join(", "))))
        }
    }
}

/// The paths of the graphs in a folder with the Hugging Face layout.
pub(crate) fn graphs(folder: &Path) -> Vec<String> {
    let mut graphs = Vec::new();
    for prefix in ["onnx/", ""] {
        let entries = fs::read_dir(folder.join(prefix)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let names = names.filter(|name| name.ends_with(".onnx"));
        graphs.extend(names.map(|name| format!("{prefix}{name}")));
    }
    // The target of a link may be gone.
    graphs.retain(|graph| folder.join(graph).is_file());
    graphs.sort();
    graphs
}

/// The weights in safetensors in a folder, and the files that say which modules it has.
#[cfg(feature = "hub")]
pub(crate) fn weights_and_modules(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let modules = names.map(|name| format!("{name}/config.json"));
    let found = WEIGHTS.into_iter().map(str::to_owned).chain(modules);
    found.filter(|path| folder.join(path).is_file()).collect()
}

/// Whether a name is that of a graph, or of weights or their list.
pub(crate) fn is_graph(name: &str) -> bool {
    [".onnx", ".safetensors", ".safetensors.index.json"].iter().any(|end| name.ends_with(end))
}

/// `FOLDER:GRAPH` as its two parts.
fn split_at_colon(path: &Path) -> Option<(&Path, &str)> {
    let (folder, graph) = path.to_str()?.rsplit_once(':')?;
    let folder = Path::new(folder);
    (is_graph(graph) && folder.is_dir()).then_some((folder, graph))
}

/// The path of a graph as the folder of its model, which has the other files, and the rest. `None` if
/// there is no such folder.
fn split_at_folder(path: &Path) -> Result<Option<(PathBuf, String)>> {
    let whole = std::path::absolute(path).map_err(|e| not_read(path, e))?;
    let (Some(folder), Some(name)) = (whole.parent(), whole.file_name()) else { return Ok(None) };
    let name = name.to_string_lossy().into_owned();
    if !folder.is_dir() {
        return Ok(None);
    }
    let is_model = |folder: &Path| REQUIRED.iter().all(|name| folder.join(name).is_file());
    if is_model(folder) {
        return Ok(Some((folder.to_owned(), name)));
    }
    match (folder.parent(), folder.file_name()) {
        (Some(above), Some(last)) if is_model(above) => {
            Ok(Some((above.to_owned(), format!("{}/{name}", last.to_string_lossy()))))
        }
        _ if !whole.is_file() => Ok(None),
        _ => Err(Error::new(
            ErrorKind::Io,
            format!(
                "neither {} nor the folder above it has {}; put them there",
                folder.display(),
                REQUIRED.join(" and ")
            ),
        )),
    }
}

fn no_graph(folder: &Path, what: &str) -> Error {
    let others = match &graphs(folder)[..] {
        [] => "no graph; export the model, for example with `optimum-cli export onnx`".to_owned(),
        graphs => format!("{}; name one as FOLDER:GRAPH", graphs.join(", ")),
    };
    let message = format!("{} has {what}; it has {others}", folder.display());
    Error::new(ErrorKind::Io, message)
}

/// The content of a file, unless it is one that is there by mistake.
fn checked(path: &Path, content: Bytes) -> Result<Bytes> {
    match mistake(&content) {
        None => Ok(content),
        Some(mistake) => {
            let message = format!("{} {mistake}", path.display());
            Err(Error::new(ErrorKind::InvalidModel, message))
        }
    }
}

fn read_file(path: &Path) -> Result<Bytes> {
    fs::read(path).map(Bytes::from).map_err(|e| not_read(path, e))
}

/// Maps a big file, or reads it if its file system cannot map files.
fn map_file(path: &Path) -> Result<Bytes> {
    let file = File::open(path).map_err(|e| not_read(path, e))?;
    mmap::map(&file).or_else(|_| read_file(path))
}

fn not_read(path: &Path, error: IoError) -> Error {
    let what = match error.kind() {
        IoErrorKind::NotFound => "the model folder lacks",
        _ => "cannot read",
    };
    let message = format!("{what} {} ({error})", path.display());
    Error::new(ErrorKind::Io, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The npm package looks for the same graphs in the same order.
    #[test]
    fn the_npm_package_prefers_the_same_graphs() {
        let layout = Path::new(env!("CARGO_MANIFEST_DIR")).join("pkg/src/model/layout.ts");
        let layout = fs::read_to_string(layout).unwrap();
        let literals = layout.split('"').skip(1).step_by(2);
        let graphs = literals.filter(|text| text.ends_with(".onnx") && *text != ".onnx");
        assert_eq!(graphs.collect::<Vec<_>>(), GRAPHS);
    }
}
