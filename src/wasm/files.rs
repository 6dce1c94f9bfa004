//! The files of a model, on their way into a WebAssembly instance.

use std::collections::BTreeMap;

use wasm_bindgen::prelude::*;

use crate::{Bytes, Error, ModelFiles};

/// The files of a model, which arrive in pieces, so that JavaScript never needs memory for a whole
/// file.
///
/// Their names are `onnx`, `tokenizer`, `config`, `tokenizerConfig` and those of
/// [`ModelFiles::embedding`], which are paths. Any other name is one of [`ModelFiles::external`]. A prepared model is
/// only an `onnx`.
#[wasm_bindgen]
#[derive(Default)]
pub struct Files(BTreeMap<String, Vec<u8>>);

#[wasm_bindgen]
impl Files {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Files {
        Files::default()
    }

    /// Makes room for more bytes of a file. Returns false if there is no memory for them.
    ///
    /// Call it before each piece is created: memory behind the file is free then, so that the file can
    /// grow without a copy. Room is not doubled, because the memory of an instance never shrinks.
    pub fn reserve(&mut self, name: &str, bytes: usize) -> bool {
        self.0.entry(name.to_owned()).or_default().try_reserve_exact(bytes).is_ok()
    }

    /// Appends a piece to a file.
    pub fn push(&mut self, name: &str, piece: &[u8]) {
        self.0.entry(name.to_owned()).or_default().extend_from_slice(piece);
    }
}

impl Files {
    /// The model. `checked`: whether the hash of a prepared model has been compared.
    pub(crate) fn into_model(self, checked: bool) -> Result<ModelFiles, Error> {
        let Files(mut files) = self;
        let mut file = |name: &str| files.remove(name).map(Bytes::from);
        let onnx = file("onnx").unwrap_or_default();
        match (file("tokenizer"), file("config")) {
            (Some(tokenizer), Some(config)) => {
                let tokenizer_config = file("tokenizerConfig");
                let is_path =
                    |name: &str| name.contains('/') || ModelFiles::EMBEDDING.contains(&name);
                let others = files.into_iter().map(|(name, file)| (name, Bytes::from(file)));
                let (embedding, external) = others.partition(|(name, _)| is_path(name));
                Ok(ModelFiles { onnx, external, tokenizer, config, tokenizer_config, embedding })
            }
            _ if checked => ModelFiles::from_checked(onnx),
            _ => ModelFiles::from_prepared(onnx),
        }
    }
}
