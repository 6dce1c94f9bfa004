//! Reads a model folder in the Hugging Face layout. The library's only file-system code.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelFiles;

/// Where a folder may hold its graph, in the order of preference.
const GRAPHS: [&str; 6] = [
    "onnx/model_quantized.onnx",
    "onnx/model_int8.onnx",
    "onnx/model.onnx",
    "onnx/model_fp16.onnx",
    "model_quantized.onnx",
    "model.onnx",
];

impl ModelFiles {
    /// Reads a prepared model, or a folder in the Hugging Face layout: `onnx/model_quantized.onnx`
    /// or `onnx/model.onnx` (or either beside the others), `tokenizer.json`, `config.json` and,
    /// where present, `tokenizer_config.json` and the files of [`ModelFiles::EMBEDDING`].
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where a file is missing or cannot be read, and as
    /// [`ModelFiles::from_prepared`].
    pub fn read(path: impl AsRef<Path>) -> Result<ModelFiles> {
        let folder = path.as_ref();
        if folder.is_file() {
            return ModelFiles::from_prepared(read(folder)?);
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
        let Some(graph) = GRAPHS.iter().map(|name| folder.join(name)).find(|path| path.is_file())
        else {
            return Err(Error::new(
                ErrorKind::Io,
                format!("{} holds none of {}", folder.display(), GRAPHS.join(", ")),
            ));
        };
        let optional = |name: &str| {
            let path = folder.join(name);
            path.exists().then(|| read(&path)).transpose()
        };
        let mut embedding = BTreeMap::new();
        for name in ModelFiles::EMBEDDING {
            embedding.extend(optional(name)?.map(|file| (name.to_owned(), file)));
        }
        Ok(ModelFiles {
            onnx: read(&graph)?,
            tokenizer: read(&folder.join("tokenizer.json"))?,
            config: read(&folder.join("config.json"))?,
            tokenizer_config: optional("tokenizer_config.json")?,
            embedding,
        })
    }
}

fn read(path: &Path) -> Result<Cow<'static, [u8]>> {
    fs::read(path).map(Cow::Owned).map_err(|e| {
        let what = match e.kind() {
            IoErrorKind::NotFound => "the model folder lacks",
            _ => "cannot read",
        };
        Error::new(ErrorKind::Io, format!("{what} {} ({e})", path.display()))
    })
}
