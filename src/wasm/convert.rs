//! Results and errors as values of JavaScript.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::Error;

pub(super) fn to_js<T: Serialize>(result: Result<T, Error>) -> Result<JsValue, JsValue> {
    let value = result.map_err(to_js_error)?;
    Ok(serde_wasm_bindgen::to_value(&value)?)
}

/// A plain `{ code, message }`. By this the TypeScript side distinguishes an error of the library
/// from a crash of the instance.
pub(super) fn to_js_error(error: Error) -> JsValue {
    #[derive(Serialize)]
    struct Report {
        code: &'static str,
        message: String,
    }
    let report = Report { code: error.kind().code(), message: error.to_string() };
    serde_wasm_bindgen::to_value(&report).unwrap_or(JsValue::UNDEFINED)
}
