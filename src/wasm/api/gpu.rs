//! A model on a GPU, through WebGPU.

use wasm_bindgen::prelude::*;

use super::reranker::{Model, Scoring, load_options};
use crate::Reranker;
use crate::gpu::{Adapter, Precision};
use crate::wasm::convert::{to_js, to_js_error};
use crate::wasm::files::Files;
use crate::wasm::panic;

#[wasm_bindgen(js_class = Model)]
impl Model {
    /// Loads a model onto the GPU. The arguments are those of the constructor.
    #[wasm_bindgen(js_name = loadOnGpu)]
    pub async fn load_on_gpu(
        files: Files,
        cache: JsValue,
        checked: bool,
    ) -> Result<Model, JsValue> {
        panic::record_panics();
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
    /// Scores a batch with a model on a GPU. Resolves to what `step` returns.
    #[wasm_bindgen(js_name = stepOnGpu)]
    pub async fn step_on_gpu(&mut self, model: &Model) -> Result<JsValue, JsValue> {
        to_js(self.0.step_on_gpu(&model.reranker).await)
    }
}
