//! A model on a GPU, by WebGPU.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::{to_js, to_js_error};
use crate::gpu::{Adapter, Gpu, Precision};
use crate::wasm_files::Files;
use crate::{Encoding, wasm_panic};

/// A model whose steps a GPU computes. Tokens are the business of `Model`.
#[wasm_bindgen]
pub struct GpuModel {
    gpu: Gpu,
    adapter: Adapter,
}

/// What is to be known of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    adapter: &'a str,
    software: bool,
    precision: &'static str,
    batch_tokens: usize,
}

#[wasm_bindgen]
impl GpuModel {
    /// Loads a model, as `Model` does. `f32`: without 16-bit floats, where the adapter has them.
    pub async fn load(files: Files, checked: bool, f32: bool) -> Result<GpuModel, JsValue> {
        wasm_panic::keep();
        let load = async {
            let files = files.into_model(checked)?;
            let adapter = Adapter::fastest().await?;
            let precision = if f32 { Precision::F32 } else { Precision::Best };
            let gpu = files.load_on_gpu(&adapter, precision).await?;
            Ok(GpuModel { gpu, adapter })
        };
        load.await.map_err(to_js_error)
    }

    /// What each sequence gives, one after another: its logit, or the elements of its vector. The
    /// tokens of all sequences lie one after another, and `lengths` says how many each has.
    pub async fn run(
        &self,
        ids: Vec<u32>,
        type_ids: Vec<u32>,
        lengths: Vec<usize>,
    ) -> Result<Vec<f32>, JsValue> {
        let (mut ids, mut type_ids) = (ids.into_iter(), type_ids.into_iter());
        let sequences = lengths.into_iter().map(|length| Encoding {
            ids: ids.by_ref().take(length).collect(),
            type_ids: type_ids.by_ref().take(length).collect(),
            query_truncated: false,
            document_truncated: false,
        });
        let sequences: Vec<Encoding> = sequences.collect();
        let sequences: Vec<&Encoding> = sequences.iter().collect();
        self.gpu.run(&sequences).await.map_err(to_js_error)
    }

    /// What computes.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        to_js(Ok(Info {
            adapter: &self.adapter.name,
            software: self.adapter.software,
            precision: match self.gpu.precision() {
                Precision::F16 => "f16",
                _ => "f32",
            },
            batch_tokens: self.gpu.batch_tokens(),
        }))
    }
}
