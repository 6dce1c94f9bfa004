//! Voyage's rerank.

use serde::{Deserialize, Serialize};

use crate::tokenizer::Truncation;

use super::error::ApiError;
use super::job::{Answer, Document, List, Settings};
use super::message::Response;
use super::parse::{Parsed, at_least_one, json};

#[derive(Deserialize)]
struct Body {
    model: String,
    query: String,
    documents: Vec<String>,
    top_k: Option<i64>,
    return_documents: Option<bool>,
    truncation: Option<bool>,
}

pub(super) fn parse(body: &[u8]) -> Result<Parsed, ApiError> {
    let body: Body = json(body)?;
    let truncate = body.truncation.unwrap_or(true);
    let settings = Settings {
        top_k: at_least_one("top_k", body.top_k)?,
        truncation: if truncate { Truncation::Right } else { Truncation::Never },
        return_documents: body.return_documents.unwrap_or(false),
        ..Settings::default()
    };
    let documents = body.documents.into_iter().map(Document::from).collect();
    let lists = vec![List { query: body.query, documents }];
    Ok(Parsed { model: Some(body.model), lists, settings })
}

#[derive(Serialize)]
struct Reply<'a> {
    object: &'static str,
    data: Vec<Item<'a>>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Item<'a> {
    relevance_score: f32,
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<&'a str>,
}

#[derive(Serialize)]
struct Usage {
    total_tokens: usize,
}

pub(super) fn response(answer: Answer) -> Response {
    let list = answer.list();
    let item = |result: &crate::reranker::RankedDocument| Item {
        relevance_score: result.score,
        index: result.index,
        document: answer
            .settings
            .return_documents
            .then(|| list.documents[result.index].text.as_str()),
    };
    let data = list.ranking.results.iter().map(item).collect();
    let usage = Usage { total_tokens: list.tokens };
    Response::json(200, &Reply { object: "list", data, model: &answer.model, usage })
}
