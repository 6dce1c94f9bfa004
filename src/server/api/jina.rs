//! Jina's rerank.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cohere::{ResultItem, Usage, results};
use crate::server::body::from_json;
use crate::server::error::{ApiError, ApiErrorKind, ErrorFormat};
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{Document, RerankAnswer, RerankBody, RerankDialect, RerankSettings};
use crate::server::scalar::{Count, Flag};

/// `POST /jina/v1/rerank`
pub struct Jina;

#[derive(Deserialize)]
struct Body {
    model: String,
    query: Text,
    documents: Vec<Text>,
    top_n: Option<Count>,
    return_documents: Option<Flag>,
}

/// A text, plain or in an object. Jina's objects may hold an image instead, which no model here
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

#[derive(Serialize)]
struct Reply {
    model: String,
    object: &'static str,
    usage: Usage,
    results: Vec<ResultItem>,
}

impl RerankDialect for Jina {
    fn parse(&self, body: &str, _: &Options) -> Result<RerankBody, ApiError> {
        let body: Body = from_json(body)?;
        let settings = RerankSettings {
            top_k: Count::limit("top_n", body.top_n)?,
            return_documents: Flag::or(body.return_documents, true),
            ..RerankSettings::default()
        };
        let documents = body.documents.into_iter().map(|text| Document::Text(text.into()));
        Ok(RerankBody::one_query(Some(body.model), body.query.into(), documents, settings))
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        let results = results(answer.list(), &answer.settings);
        let usage = Usage::of(&answer);
        Ok(Response::json(200, &Reply { model: answer.model, object: "list", usage, results }))
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &Jina
    }
}

impl ErrorFormat for Jina {
    fn status(&self, kind: ApiErrorKind) -> u16 {
        match kind {
            ApiErrorKind::BadRequest | ApiErrorKind::Empty | ApiErrorKind::TooLong => 422,
            other => other.status(),
        }
    }

    fn body(&self, error: &ApiError, _: &str) -> Value {
        json!({ "detail": error.message() })
    }
}
