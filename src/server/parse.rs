//! Bodies to jobs: what the APIs have in common.

use serde::de::DeserializeOwned;

use super::error::{ApiError, ApiErrorKind};
use super::job::{List, RerankJob, Settings};
use super::message::Request;
use super::{Api, Server, batch, cohere, jina, search, tei, voyage};

/// What one API's body says.
pub(super) struct Parsed {
    pub model: Option<String>,
    pub lists: Vec<List>,
    pub settings: Settings,
}

/// Reads a request's body.
pub(super) fn job(server: &Server, api: Api, request: &Request) -> Result<RerankJob, ApiError> {
    let limits = server.options.limits;
    if request.body.len() > limits.body {
        return Err(ApiError::body_too_large(limits.body));
    }
    let body = &request.body;
    let mut parsed = match api {
        Api::CohereV1 => cohere::parse_v1(body),
        Api::CohereV2 => cohere::parse_v2(body),
        Api::Batch => batch::parse(body),
        Api::Jina => jina::parse(body),
        Api::Voyage => voyage::parse(body),
        Api::Tei => tei::parse(body),
        Api::Search => search::parse(&server.options, body),
    }?;
    if !parsed.settings.return_documents {
        // They take much more memory than they had in the body.
        let documents = parsed.lists.iter_mut().flat_map(|list| &mut list.documents);
        documents.for_each(|document| document.object = None);
    }
    let windows = &mut parsed.settings.max_windows;
    *windows = windows.or(server.options.max_windows);
    let model = server.model(parsed.model.as_deref())?;
    let documents: usize = parsed.lists.iter().map(|list| list.documents.len()).sum();
    let count = documents.max(parsed.lists.len());
    if count > limits.documents {
        return Err(ApiError::new(
            ApiErrorKind::TooLong,
            format!(
                "too many documents: {count} came, and the limit is {} in one request; send them \
                 in several",
                limits.documents
            ),
        ));
    }
    if documents == 0 && !matches!(api, Api::Batch | Api::Search) {
        let field = if api == Api::Tei { "texts" } else { "documents" };
        return Err(ApiError::new(ApiErrorKind::Empty, format!("{field} must not be empty")));
    }
    Ok(RerankJob {
        api,
        id: request.id.clone(),
        model: model.clone(),
        model_name: parsed.model.unwrap_or_else(|| model.name.clone()),
        lists: parsed.lists,
        settings: parsed.settings,
        most_tokens: limits.tokens,
    })
}

/// A body as the API's own struct. The failure names the field.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(body).map_err(|e| {
        let message = format!("the body is not UTF-8, at byte {}; encode it", e.valid_up_to());
        ApiError::bad(message)
    })?;
    // serde would read an array as a struct's fields in their order.
    if !text.trim_start().starts_with('{') {
        return Err(ApiError::bad("the body is not a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let reason = super::short(&e.inner().to_string());
        let path = e.path().to_string();
        let in_a_field = e.inner().is_data() && path != ".";
        let place = if in_a_field { &path } else { "the body is not the JSON expected" };
        ApiError::bad(format!("{place}: {reason}"))
    })?;
    deserializer
        .end()
        .map_err(|e| ApiError::bad(format!("the body goes on after its JSON: {e}")))?;
    Ok(value)
}

/// A number of results or tokens: absent, or at least 1.
pub(super) fn at_least_one(name: &str, value: Option<i64>) -> Result<Option<usize>, ApiError> {
    let Some(value) = value else { return Ok(None) };
    match usize::try_from(value) {
        Ok(value) if value > 0 => Ok(Some(value)),
        _ => Err(ApiError::bad(format!("{name} is {value} and must be at least 1"))),
    }
}
