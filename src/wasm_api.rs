//! JavaScript's view of the library.
//!
//! It converts arguments and results and decides nothing. Texts arrive well-formed and of the
//! right type, because the TypeScript side has looked at what a conversion would hide (lone
//! surrogates, a `topK` that is not a whole number); everything else is checked by the core.

use std::sync::Mutex;

use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::{Error, LoadOptions, ModelFiles, Reranker};

/// A loaded model in this WebAssembly instance.
#[wasm_bindgen(js_name = Model)]
pub struct Model(Reranker);

#[wasm_bindgen(js_class = Model)]
impl Model {
    /// Loads a model from the bytes of its files.
    #[wasm_bindgen(constructor)]
    pub fn new(
        onnx: Vec<u8>,
        tokenizer: Vec<u8>,
        config: Vec<u8>,
        tokenizer_config: Option<Vec<u8>>,
    ) -> Result<Model, JsValue> {
        keep_panics();
        let files = ModelFiles {
            onnx: onnx.into(),
            tokenizer: tokenizer.into(),
            config: config.into(),
            tokenizer_config: tokenizer_config.map(Into::into),
        };
        Reranker::from_files(&files, LoadOptions::default()).map(Model).map_err(to_js_error)
    }

    /// Ranks documents for a query.
    pub fn rerank(
        &self,
        query: &str,
        documents: Vec<String>,
        top_k: usize,
    ) -> Result<JsValue, JsValue> {
        to_js(self.0.rerank(query, &documents, top_k))
    }

    /// Ranks one list of documents for each query; `candidates` is an array of arrays of strings.
    #[wasm_bindgen(js_name = rerankBatch)]
    pub fn rerank_batch(
        &self,
        queries: Vec<String>,
        candidates: JsValue,
        top_k: usize,
    ) -> Result<JsValue, JsValue> {
        let candidates: Vec<Vec<String>> = serde_wasm_bindgen::from_value(candidates)?;
        to_js(self.0.rerank_batch(&queries, &candidates, top_k))
    }

    /// Scores pairs; `pairs` is an array of `[query, document]`.
    pub fn score(&self, pairs: JsValue) -> Result<JsValue, JsValue> {
        let pairs: Vec<(String, String)> = serde_wasm_bindgen::from_value(pairs)?;
        to_js(self.0.score(&pairs))
    }

    /// The token ids that the model sees for a query and a document.
    pub fn encode(&self, query: &str, document: &str) -> Result<JsValue, JsValue> {
        to_js(self.0.encode(query, document))
    }
}

/// What the last panic said. A panic traps, and the trap itself says only "unreachable".
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

fn keep_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST_PANIC.try_lock() {
            *last = Some(panic.to_string());
        }
    }));
}

/// The message of the panic that ended this instance, if one did.
#[wasm_bindgen(js_name = lastPanic)]
pub fn last_panic() -> Option<String> {
    LAST_PANIC.try_lock().ok()?.clone()
}

fn to_js<T: Serialize>(result: Result<T, Error>) -> Result<JsValue, JsValue> {
    let value = result.map_err(to_js_error)?;
    Ok(serde_wasm_bindgen::to_value(&value)?)
}

/// A plain `{ code, message }`, by which the TypeScript side tells an error that the core reports
/// from a crash of the instance.
fn to_js_error(error: Error) -> JsValue {
    #[derive(Serialize)]
    struct Report {
        code: &'static str,
        message: String,
    }
    let report = Report { code: error.kind().code(), message: error.to_string() };
    serde_wasm_bindgen::to_value(&report).unwrap_or(JsValue::UNDEFINED)
}
