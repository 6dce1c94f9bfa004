//! Reading of a model folder in the Hugging Face layout.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Error as IoError, ErrorKind as IoErrorKind};
use std::path::Path;

use bytes::Bytes;

use crate::engine::external_names;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelFiles;
use crate::model::mmap;

/// The names of the graph in a folder, in the order of preference: graphs in 8 bits, by the names of
/// Transformers.js and of sentence-transformers, then graphs in floats. `onnx/model_O2.onnx` and the
/// like are left out, because they have operators that only ONNX Runtime knows.
pub(crate) const GRAPHS: [&str; 10] = [
    "onnx/model_quantized.onnx",
    "onnx/model_int8.onnx",
    "onnx/model_qint8_avx512_vnni.onnx",
    "onnx/model_qint8_avx512.onnx",
    "onnx/model_quint8_avx2.onnx",
    "onnx/model_qint8_arm64.onnx",
    "onnx/model.onnx",
    "onnx/model_fp16.onnx",
    "model_quantized.onnx",
    "model.onnx",
];

impl ModelFiles {
    /// Reads a prepared model, or a folder in the Hugging Face layout. Such a folder contains
    ///
    /// - the graph, `onnx/model_quantized.onnx` or `onnx/model.onnx`, or either of them without the
    ///   folder `onnx`, and beside it the files that hold its external weights (`model.onnx_data`);
    /// - `tokenizer.json` and `config.json`;
    /// - optionally `tokenizer_config.json`, and the files of [`ModelFiles::EMBEDDING`].
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
        let folder = path.as_ref();
        if folder.is_file() {
            return ModelFiles::from_prepared(map_file(folder)?);
        }
        if !folder.is_dir() {
            return Err(Error::new(
                ErrorKind::Io,
                format!(
                    "{} does not exist; name a model folder or a prepared model",
                    folder.display()
                ),
            ));
        }
        let Some(graph) = GRAPHS.iter().find(|name| folder.join(name).is_file()) else {
            return Err(Error::new(
                ErrorKind::Io,
                format!("{} contains none of {}", folder.display(), GRAPHS.join(", ")),
            ));
        };
        ModelFiles::read_folder(folder, graph)
    }

    /// Reads a folder with the graph of that name.
    pub(crate) fn read_folder(folder: &Path, graph: &str) -> Result<ModelFiles> {
        let graph = folder.join(graph);
        let optional = |name: &str| {
            let path = folder.join(name);
            path.exists().then(|| read_file(&path)).transpose()
        };
        let mut embedding = BTreeMap::new();
        for name in ModelFiles::EMBEDDING {
            embedding.extend(optional(name)?.map(|file| (name.to_owned(), file)));
        }
        let mut files = ModelFiles {
            onnx: map_file(&graph)?,
            external: BTreeMap::new(),
            tokenizer: read_file(&folder.join("tokenizer.json"))?,
            config: read_file(&folder.join("config.json"))?,
            tokenizer_config: optional("tokenizer_config.json")?,
            embedding,
        };
        for name in external_names(&files.onnx)? {
            let file = map_file(&graph.with_file_name(&name))?;
            files.external.insert(name, file);
        }
        Ok(files)
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
