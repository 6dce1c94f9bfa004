//! The lists of models of OpenAI's API, with the fields that other servers add.

use serde::Serialize;
use serde_json::json;

use crate::server::error::ApiError;
use crate::server::models::{Models, NamedModel};
use crate::server::request::Response;

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
    /// Xinference's name of the kind.
    model_type: &'static str,
    /// vLLM's name of the longest text in tokens.
    max_model_len: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

/// The response of `GET /v1/models`.
pub fn list(models: &Models) -> Result<Response, ApiError> {
    let items = models.names().map(|name| item(models, name));
    let items = items.collect::<Result<Vec<Item>, ApiError>>()?;
    Ok(Response::json(200, &json!({ "object": "list", "data": items })))
}

/// The response of `GET /v1/models/{model}`.
pub fn one(models: &Models, name: &str) -> Result<Response, ApiError> {
    Ok(Response::json(200, &item(models, name)?))
}

fn item<'a>(models: &Models, id: &'a str) -> Result<Item<'a>, ApiError> {
    let (model_type, max_model_len, dimensions) = match models.named(id)? {
        NamedModel::Reranker(model) => ("rerank", model.reranker.current().max_length(), None),
        NamedModel::Embedder(model) => {
            let embedder = &model.embedder;
            ("embedding", embedder.max_length(), Some(embedder.dimensions()))
        }
    };
    Ok(Item {
        id,
        object: "model",
        created: 0, // the server has no clock
        owned_by: "crossrank",
        model_type,
        max_model_len,
        dimensions,
    })
}
