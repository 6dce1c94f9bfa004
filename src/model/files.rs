//! The files of a model as bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::mistake::mistake;

/// The files of a model, as Hugging Face repositories hold them.
///
/// [`ModelFiles::read`] reads them from a folder or a prepared model.
/// [`ModelFiles::bundled_reranker`] and [`ModelFiles::bundled_embedder`] give those inside this crate.
/// Bytes from anywhere else go into the fields: `into()` makes [`Bytes`] of a `Vec<u8>` or a
/// `&'static [u8]`, and a clone shares them. A loaded model keeps the bytes of the graph, because it
/// reads tables in place.
///
/// ```no_run
/// use crossrank::{LoadOptions, ModelFiles, Reranker};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut files = ModelFiles::default();
/// files.onnx = std::fs::read("model_quantized.onnx")?.into();
/// files.tokenizer = std::fs::read("tokenizer.json")?.into();
/// files.config = std::fs::read("config.json")?.into();
/// let reranker = Reranker::from_files(&files, LoadOptions::default())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ModelFiles {
    /// The ONNX graph with its weights, `onnx/model_quantized.onnx` or `onnx/model.onnx`, or the bytes
    /// of a prepared model, see [`ModelFiles::from_prepared`]; or weights in safetensors,
    /// `model.safetensors`, or the list of several such files, `model.safetensors.index.json`.
    pub onnx: Bytes,
    /// The files that hold weights outside the graph (ONNX's external data), such as
    /// `model.onnx_data`, by the names that the graph gives them, or those that a list of files in safetensors
    /// names. Most models have none.
    pub external: BTreeMap<String, Bytes>,
    /// `tokenizer.json`, or the compact form in which a prepared model holds it.
    pub tokenizer: Bytes,
    /// `config.json`.
    pub config: Bytes,
    /// `tokenizer_config.json`, which may set a shorter maximum length.
    pub tokenizer_config: Option<Bytes>,
    /// The files that say how an embedder makes its vectors: those of [`ModelFiles::EMBEDDING`] that
    /// exist, by their names. A reranker needs none, unless it consists of modules of sentence-transformers with
    /// weights in safetensors. Then it needs the files of the modules too, such as `2_Dense/config.json` and
    /// `2_Dense/model.safetensors`.
    pub embedding: BTreeMap<String, Bytes>,
}

/// The prepared model in a folder of `models`. The compiler has read it, so its hash is not compared.
#[cfg(any(bundled_reranker, bundled_embedder))]
macro_rules! bundled {
    ($folder:literal) => {
        ModelFiles::from_checked(Bytes::from_static(include_bytes!(concat!(
            "../../models/",
            $folder,
            "/model.crossrank"
        ))))
    };
}

impl ModelFiles {
    /// The names of the files that say how an embedder makes its vectors. `pooling.json` is this
    /// library's own and needs no other file. The rest belong to sentence-transformers.
    ///
    /// `pooling.json` holds `pooling` (`"mean"` or `"cls"`), `normalize` (true by default) and,
    /// optionally, `max_seq_length` and `prompts`, an object whose `query` and `document` are prefixed
    /// to each text.
    pub const EMBEDDING: [&str; 5] = [
        "pooling.json",
        "modules.json",
        "1_Pooling/config.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
    ];

    /// The reranker that was compiled into this library.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotInstalled`] if the library was built without its feature
    /// `bundled-reranker`, or from the crates.io package, which has no room for a model.
    pub fn bundled_reranker() -> Result<ModelFiles> {
        #[cfg(bundled_reranker)]
        return bundled!("minilm-l6-en");
        #[cfg(not(bundled_reranker))]
        Err(not_installed(
            "bundled-reranker",
            cfg!(feature = "bundled-reranker"),
            "crossrank-minilm-l6-en",
        ))
    }

    /// The embedder that was compiled into this library.
    ///
    /// # Errors
    /// As [`ModelFiles::bundled_reranker`], with the feature `bundled-embedder`.
    pub fn bundled_embedder() -> Result<ModelFiles> {
        #[cfg(bundled_embedder)]
        return bundled!("all-minilm-l6-v2");
        #[cfg(not(bundled_embedder))]
        Err(not_installed(
            "bundled-embedder",
            cfg!(feature = "bundled-embedder"),
            "crossrank-all-minilm-l6-v2",
        ))
    }
}

#[cfg(not(all(bundled_reranker, bundled_embedder)))]
fn not_installed(feature: &str, selected: bool, package: &str) -> Error {
    let cause = if selected {
        "the package on crates.io has no room for it (the releases' archives of the command have one)"
    } else {
        &format!("it is without the feature {feature}")
    };
    let message = format!(
        "this build contains no model: {cause}; name a model folder (the npm package {package} is one)"
    );
    Error::new(ErrorKind::ModelNotInstalled, message)
}

/// Parses a JSON file of the model.
pub(super) fn parse_json<T: for<'a> Deserialize<'a>>(name: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| {
        let message = match mistake(json) {
            Some(mistake) => format!("{name} {mistake}"),
            None if e.is_eof() => format!("{name} is cut short ({e}); download it again"),
            None => format!("{name} is not in the format of Hugging Face's libraries ({e})"),
        };
        Error::new(ErrorKind::InvalidModel, message).with_source(e)
    })
}
