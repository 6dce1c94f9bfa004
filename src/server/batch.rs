//! Several queries in one call: `POST /v1/rerank/batch`, in the style of Cohere's.

use serde::{Deserialize, Serialize};

use super::cohere::{Meta, ResultItem, meta, results};
use super::error::ApiError;
use super::job::{Answer, Document, List, Settings};
use super::message::Response;
use super::parse::{Parsed, at_least_one, json};

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    queries: Vec<String>,
    /// One list a query.
    documents: Vec<Vec<String>>,
    top_n: Option<i64>,
    max_tokens_per_doc: Option<i64>,
    return_documents: Option<bool>,
    min_score: Option<f32>,
}

pub(super) fn parse(body: &[u8]) -> Result<Parsed, ApiError> {
    let body: Body = json(body)?;
    if body.queries.is_empty() {
        return Err(ApiError::bad("queries must not be empty"));
    }
    if body.queries.len() != body.documents.len() {
        return Err(ApiError::bad(format!(
            "{} queries came with {} lists of documents; give one list a query",
            body.queries.len(),
            body.documents.len()
        )));
    }
    let settings = Settings {
        top_k: at_least_one("top_n", body.top_n)?,
        max_document_tokens: at_least_one("max_tokens_per_doc", body.max_tokens_per_doc)?,
        return_documents: body.return_documents.unwrap_or(false),
        min_score: body.min_score,
        ..Settings::default()
    };
    let lists = body.queries.into_iter().zip(body.documents);
    let lists = lists.map(|(query, documents)| List {
        query,
        documents: documents.into_iter().map(Document::from).collect(),
    });
    Ok(Parsed { model: body.model, lists: lists.collect(), settings })
}

#[derive(Serialize)]
struct Reply {
    id: String,
    /// One list a query, in the queries' order.
    results: Vec<Vec<ResultItem>>,
    meta: Meta,
}

pub(super) fn response(answer: Answer) -> Response {
    let return_documents = answer.settings.return_documents;
    let results = answer.lists.iter().map(|list| results(list, return_documents)).collect();
    let meta = meta(&answer, "1");
    Response::json(200, &Reply { id: answer.id, results, meta })
}
