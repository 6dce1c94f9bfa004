//! Cohere's rerank, versions 1 and 2.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::ApiError;
use super::job::{Answer, Document, List, Ranked, Settings};
use super::message::Response;
use super::parse::{Parsed, at_least_one, json};

#[derive(Deserialize)]
struct V2 {
    model: Option<String>,
    query: String,
    documents: Vec<String>,
    top_n: Option<i64>,
    max_tokens_per_doc: Option<i64>,
}

#[derive(Deserialize)]
struct V1 {
    model: Option<String>,
    query: String,
    documents: Vec<TextOrObject>,
    top_n: Option<i64>,
    rank_fields: Option<Vec<String>>,
    return_documents: Option<bool>,
    max_chunks_per_doc: Option<i64>,
    max_tokens_per_doc: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or an object")]
enum TextOrObject {
    Text(String),
    Object(Map<String, Value>),
}

pub(super) fn parse_v2(body: &[u8]) -> Result<Parsed, ApiError> {
    let body: V2 = json(body)?;
    if body.model.is_none() {
        return Err(ApiError::bad("a model parameter is required for this endpoint"));
    }
    let settings = Settings {
        top_k: at_least_one("top_n", body.top_n)?,
        max_document_tokens: at_least_one("max_tokens_per_doc", body.max_tokens_per_doc)?,
        ..Settings::default()
    };
    let documents = body.documents.into_iter().map(Document::from).collect();
    Ok(Parsed { model: body.model, lists: vec![List { query: body.query, documents }], settings })
}

/// A chunk is what the model reads at once: a window, where long documents are split.
pub(super) fn parse_v1(body: &[u8]) -> Result<Parsed, ApiError> {
    let body: V1 = json(body)?;
    let settings = Settings {
        max_windows: at_least_one("max_chunks_per_doc", body.max_chunks_per_doc)?,
        top_k: at_least_one("top_n", body.top_n)?,
        max_document_tokens: at_least_one("max_tokens_per_doc", body.max_tokens_per_doc)?,
        return_documents: body.return_documents.unwrap_or(false),
        ..Settings::default()
    };
    let fields = body.rank_fields.filter(|fields| !fields.is_empty());
    let fields = fields.unwrap_or_else(|| vec!["text".to_owned()]);
    let documents = body.documents.into_iter().enumerate().map(|(i, document)| match document {
        TextOrObject::Text(text) => Ok(Document::from(text)),
        TextOrObject::Object(object) => match fields_text(&object, &fields) {
            Some(text) => Ok(Document { text, object: Some(Value::Object(object)) }),
            None => Err(ApiError::bad(format!(
                "documents[{i}] has no field {}; name its fields in rank_fields",
                super::short(&fields.join(", "))
            ))),
        },
    });
    let documents = documents.collect::<Result<_, _>>()?;
    Ok(Parsed { model: body.model, lists: vec![List { query: body.query, documents }], settings })
}

/// The text of an object: its fields in the order named, one a line.
fn fields_text(object: &Map<String, Value>, fields: &[String]) -> Option<String> {
    let values = fields.iter().filter_map(|field| match object.get(field)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    let texts: Vec<String> = values.collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

#[derive(Serialize)]
struct Body {
    id: String,
    results: Vec<ResultItem>,
    meta: Meta,
}

/// A result with the names that Cohere and Jina share.
#[derive(Serialize)]
pub(super) struct ResultItem {
    index: usize,
    relevance_score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Value>,
}

#[derive(Serialize)]
pub(super) struct Meta {
    api_version: ApiVersion,
    billed_units: BilledUnits,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ApiVersion {
    version: &'static str,
    is_experimental: bool,
}

#[derive(Serialize)]
struct BilledUnits {
    search_units: usize,
}

/// What Cohere calls a search unit: one query with up to a hundred documents.
const DOCUMENTS_OF_A_UNIT: usize = 100;

pub(super) fn response(answer: Answer, version: &'static str) -> Response {
    let results = results(answer.list(), answer.settings.return_documents);
    let meta = meta(&answer, version);
    Response::json(200, &Body { id: answer.id, results, meta })
}

pub(super) fn results(list: &Ranked, return_documents: bool) -> Vec<ResultItem> {
    let item = |result: &crate::reranker::RankedDocument| ResultItem {
        index: result.index,
        relevance_score: result.score,
        document: return_documents.then(|| {
            let document = &list.documents[result.index];
            let text = || serde_json::json!({ "text": document.text });
            document.object.clone().unwrap_or_else(text)
        }),
    };
    list.ranking.results.iter().map(item).collect()
}

pub(super) fn meta(answer: &Answer, version: &'static str) -> Meta {
    let units = answer.lists.iter().map(|l| l.documents.len().div_ceil(DOCUMENTS_OF_A_UNIT)).sum();
    let mut warnings = Vec::new();
    match answer.lists.iter().map(|l| l.truncated).sum() {
        0 => (),
        1 => warnings.push("1 document was cut to fit the model".to_owned()),
        cut => warnings.push(format!("{cut} documents were cut to fit the model")),
    }
    if answer.lists.iter().any(|l| l.ranking.query_truncated) {
        warnings.push("the query was cut to fit the model".to_owned());
    }
    Meta {
        api_version: ApiVersion { version, is_experimental: false },
        billed_units: BilledUnits { search_units: units },
        warnings,
    }
}
