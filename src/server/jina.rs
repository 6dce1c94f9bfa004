//! Jina's rerank.

use serde::{Deserialize, Serialize};

use super::cohere::{ResultItem, results};
use super::error::ApiError;
use super::job::{Answer, Document, List, Settings};
use super::message::Response;
use super::parse::{Parsed, at_least_one, json};

#[derive(Deserialize)]
struct Body {
    model: String,
    query: Text,
    documents: Vec<Text>,
    top_n: Option<i64>,
    return_documents: Option<bool>,
}

/// A text by itself or in an object. Jina's objects may also hold an image, which no model here
/// reads.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or an object with a string in \"text\"")]
enum Text {
    Plain(String),
    Object { text: String },
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        match text {
            Text::Plain(text) | Text::Object { text } => text,
        }
    }
}

pub(super) fn parse(body: &[u8]) -> Result<Parsed, ApiError> {
    let body: Body = json(body)?;
    let settings = Settings {
        top_k: at_least_one("top_n", body.top_n)?,
        return_documents: body.return_documents.unwrap_or(true),
        ..Settings::default()
    };
    let documents = body.documents.into_iter().map(|d| Document::from(String::from(d))).collect();
    let lists = vec![List { query: body.query.into(), documents }];
    Ok(Parsed { model: Some(body.model), lists, settings })
}

#[derive(Serialize)]
struct Reply {
    model: String,
    object: &'static str,
    usage: Usage,
    results: Vec<ResultItem>,
}

#[derive(Serialize)]
struct Usage {
    total_tokens: usize,
    prompt_tokens: usize,
}

pub(super) fn response(answer: Answer) -> Response {
    let results = results(answer.list(), answer.settings.return_documents);
    let tokens = answer.list().tokens;
    let usage = Usage { total_tokens: tokens, prompt_tokens: tokens };
    Response::json(200, &Reply { model: answer.model, object: "list", usage, results })
}
