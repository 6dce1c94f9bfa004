//! Voyage's rerank.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::reranker::RankedDocument;
use crate::server::body::from_json;
use crate::server::error::{ApiError, ErrorFormat};
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{Document, RerankAnswer, RerankBody, RerankDialect, RerankSettings};
use crate::server::scalar::{Count, Flag};
use crate::tokenizer::Truncation;

/// `POST /voyage/v1/rerank`
pub struct Voyage;

#[derive(Deserialize)]
struct Body {
    model: String,
    query: String,
    documents: Vec<String>,
    top_k: Option<Count>,
    return_documents: Option<Flag>,
    truncation: Option<Flag>,
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

impl RerankDialect for Voyage {
    fn parse(&self, body: &str, _: &Options) -> Result<RerankBody, ApiError> {
        let body: Body = from_json(body)?;
        let truncate = Flag::or(body.truncation, true);
        let settings = RerankSettings {
            top_k: Count::limit("top_k", body.top_k)?,
            truncation: if truncate { Truncation::Right } else { Truncation::Never },
            return_documents: Flag::or(body.return_documents, false),
            ..RerankSettings::default()
        };
        let documents = body.documents.into_iter().map(Document::Text);
        Ok(RerankBody::one_query(Some(body.model), body.query, documents, settings))
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        let (list, settings) = (answer.list(), answer.settings);
        let item = |result: &RankedDocument| Item {
            relevance_score: result.score,
            index: result.index,
            document: settings.return_documents.then(|| list.documents[result.index].as_ref()),
        };
        let data = list.results.iter().map(item).collect();
        let usage = Usage { total_tokens: list.tokens };
        Ok(Response::json(200, &Reply { object: "list", data, model: &answer.model, usage }))
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &Voyage
    }
}

impl ErrorFormat for Voyage {
    fn body(&self, error: &ApiError, _: &str) -> Value {
        json!({ "detail": error.message() })
    }
}
