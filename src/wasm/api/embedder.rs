//! JavaScript's view of the embedder.

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::wasm::convert::{to_js, to_js_error};
use crate::wasm::files::Files;
use crate::wasm::panic;
use crate::{EmbedOptions, EmbedderOptions, TextKind, Truncation};

/// A loaded embedder in this WebAssembly instance.
#[wasm_bindgen(js_name = Embedder)]
pub struct Embedder(crate::Embedder);

/// How to load an embedder. What is left out has the defaults of the library.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmbedderSetup {
    max_length: Option<usize>,
    query_prefix: Option<String>,
    document_prefix: Option<String>,
    #[serde(default)]
    keep_floats: bool,
    fingerprint: Option<String>,
}

/// How to embed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EmbedCallOptions {
    query: bool,
    truncate: Option<bool>,
    normalize: Option<bool>,
}

/// Facts about a loaded embedder.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EmbedderInfo<'a> {
    kernel: Option<&'a str>,
    warning: Option<&'a str>,
    max_length: usize,
    dimensions: usize,
    fingerprint: &'a str,
}

#[wasm_bindgen(js_class = Embedder)]
impl Embedder {
    /// Loads a model as the constructor of `Model` does.
    #[wasm_bindgen(constructor)]
    pub fn new(files: Files, setup: JsValue, checked: bool) -> Result<Embedder, JsValue> {
        panic::record_panics();
        let setup: EmbedderSetup = serde_wasm_bindgen::from_value(setup)?;
        let files = files.into_model(checked).map_err(to_js_error)?;
        let EmbedderSetup { max_length, query_prefix, document_prefix, keep_floats, fingerprint } =
            setup;
        let options = EmbedderOptions {
            max_length,
            query_prefix,
            document_prefix,
            keep_floats,
            fingerprint,
            ..EmbedderOptions::default()
        };
        crate::Embedder::from_owned_files(files, options).map(Embedder).map_err(to_js_error)
    }

    /// Starts to embed the texts of all lists. The queries are ignored; `Model` has them for its
    /// lists.
    pub fn start(
        &self,
        _queries: Vec<String>,
        documents: JsValue,
        options: JsValue,
    ) -> Result<Embeddings, JsValue> {
        let documents: Vec<Vec<String>> = serde_wasm_bindgen::from_value(documents)?;
        let options: EmbedCallOptions = serde_wasm_bindgen::from_value(options)?;
        Ok(Embeddings(self.0.start(documents.concat(), &options.to_core())))
    }

    /// The token ids that the model sees for a text.
    pub fn encode(&self, text: &str, options: JsValue) -> Result<JsValue, JsValue> {
        let options: EmbedCallOptions = serde_wasm_bindgen::from_value(options)?;
        let EmbedOptions { kind, truncation, .. } = options.to_core();
        to_js(self.0.encode(text, kind, truncation))
    }

    /// Facts about the model.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        to_js(Ok(EmbedderInfo {
            kernel: self.0.kernel(),
            warning: self.0.warning(),
            max_length: self.0.max_length(),
            dimensions: self.0.dimensions(),
            fingerprint: self.0.fingerprint(),
        }))
    }
}

/// Texts that are being embedded.
#[wasm_bindgen(js_name = Embeddings)]
pub struct Embeddings(crate::IncrementalEmbedding);

#[wasm_bindgen(js_class = Embeddings)]
impl Embeddings {
    /// Does a piece of the work, and returns an array of `[position, Float32Array]`, which is mostly
    /// empty.
    pub fn step(&mut self, model: &Embedder) -> Result<js_sys::Array, JsValue> {
        let embedded = self.0.step(&model.0).map_err(to_js_error)?;
        let pairs = embedded.into_iter().map(|(position, embedding)| {
            let vector = js_sys::Float32Array::from(&embedding.vector[..]);
            js_sys::Array::of2(&JsValue::from(position), &vector)
        });
        Ok(pairs.collect())
    }

    /// Whether every text has been embedded, or `step` has failed.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.0.is_done()
    }

    /// The position of the text that `step` failed on, if it was a single one.
    #[wasm_bindgen(getter)]
    pub fn position(&self) -> Option<usize> {
        self.0.position()
    }
}

impl EmbedCallOptions {
    fn to_core(&self) -> EmbedOptions<'static> {
        EmbedOptions {
            kind: if self.query { TextKind::Query } else { TextKind::Document },
            truncation: match self.truncate {
                Some(false) => Truncation::Never,
                _ => Truncation::Right,
            },
            normalize: self.normalize,
            ..EmbedOptions::default()
        }
    }
}
