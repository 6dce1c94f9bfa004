//! A model on a GPU, by WebGPU.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::{Model, Scoring, load_options, to_js, to_js_error};
use crate::Reranker;
use crate::gpu::{Adapter, Precision};
use crate::wasm::files::Files;
use crate::wasm::panic;

/// What is to be known of an adapter.
#[derive(Serialize)]
pub(super) struct Info<'a> {
    adapter: &'a str,
    backend: &'a str,
    software: bool,
}

impl Info<'_> {
    pub fn of(adapter: &Adapter) -> Info<'_> {
        let Adapter { name, backend, software, .. } = adapter;
        Info { adapter: name, backend, software: *software }
    }
}

#[wasm_bindgen(js_class = Model)]
impl Model {
    /// Loads a model, as the constructor does, on the GPU that there is.
    #[wasm_bindgen(js_name = loadOnGpu)]
    pub async fn load_on_gpu(
        files: Files,
        cache: JsValue,
        checked: bool,
    ) -> Result<Model, JsValue> {
        panic::keep();
        let (cache, load) = load_options(cache)?;
        let reranker = async {
            let files = files.into_model(checked)?;
            let adapter = Adapter::fastest().await?;
            Reranker::on_gpu(&files, load, &adapter, Precision::Best).await
        };
        Ok(Model { reranker: reranker.await.map_err(to_js_error)?, cache })
    }
}

#[wasm_bindgen(js_class = Scoring)]
impl Scoring {
    /// Scores a batch by a model on a GPU: what `step` gives, when it is there.
    #[wasm_bindgen(js_name = stepOnGpu)]
    pub async fn step_on_gpu(&mut self, model: &Model) -> Result<JsValue, JsValue> {
        to_js(self.0.step_on_gpu(&model.reranker).await)
    }
}
