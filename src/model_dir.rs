//! Reads a model folder in the Hugging Face layout.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Error as IoError, ErrorKind as IoErrorKind};
use std::path::Path;

use bytes::Bytes;

use crate::engine::external_names;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelFiles;
use crate::model::mmap;

/// Where a folder may hold its graph, in the order of preference: 8 bits as Transformers.js has
/// them and as sentence-transformers, then floats. `onnx/model_O2.onnx` and the like, with operators
/// of ONNX Runtime's own, are left out.
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
    /// Reads a prepared model, or a folder in the Hugging Face layout: `onnx/model_quantized.onnx`
    /// or `onnx/model.onnx` (or either beside the others) with the files of its folder that it keeps
    /// weights in (`model.onnx_data`), `tokenizer.json`, `config.json` and, where present,
    /// `tokenizer_config.json` and the files of [`ModelFiles::EMBEDDING`].
    ///
    /// A graph and a prepared model are mapped into memory, not read: they must not be written to
    /// while the files or what was loaded of them are in use, and a file that gets shorter then
    /// ends the process (SIGBUS). Renew them whole, by renaming the new file to the old one's name,
    /// as `crossrank prepare` and package managers do.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where a file is missing or cannot be read, and as
    /// [`ModelFiles::from_prepared`].
    pub fn read(path: impl AsRef<Path>) -> Result<ModelFiles> {
        let folder = path.as_ref();
        if folder.is_file() {
            return ModelFiles::from_prepared(map(folder)?);
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
                format!("{} holds none of {}", folder.display(), GRAPHS.join(", ")),
            ));
        };
        ModelFiles::read_folder(folder, graph)
    }

    /// Reads a folder of which the graph is chosen.
    pub(crate) fn read_folder(folder: &Path, graph: &str) -> Result<ModelFiles> {
        let graph = folder.join(graph);
        let optional = |name: &str| {
            let path = folder.join(name);
            path.exists().then(|| read(&path)).transpose()
        };
        let mut embedding = BTreeMap::new();
        for name in ModelFiles::EMBEDDING {
            embedding.extend(optional(name)?.map(|file| (name.to_owned(), file)));
        }
        let mut files = ModelFiles {
            onnx: map(&graph)?,
            external: BTreeMap::new(),
            tokenizer: read(&folder.join("tokenizer.json"))?,
            config: read(&folder.join("config.json"))?,
            tokenizer_config: optional("tokenizer_config.json")?,
            embedding,
        };
        for name in external_names(&files.onnx)? {
            let file = map(&graph.with_file_name(&name))?;
            files.external.insert(name, file);
        }
        Ok(files)
    }
}

fn read(path: &Path) -> Result<Bytes> {
    fs::read(path).map(Bytes::from).map_err(|e| unread(path, &e))
}

/// A big file. A file system that cannot map files has it read.
fn map(path: &Path) -> Result<Bytes> {
    let file = File::open(path).map_err(|e| unread(path, &e))?;
    mmap::map(&file).or_else(|_| read(path))
}

fn unread(path: &Path, error: &IoError) -> Error {
    let what = match error.kind() {
        IoErrorKind::NotFound => "the model folder lacks",
        _ => "cannot read",
    };
    Error::new(ErrorKind::Io, format!("{what} {} ({error})", path.display()))
}
