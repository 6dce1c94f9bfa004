//! Several queries in one call, in the style of Cohere's API.

use serde::{Deserialize, Serialize};

use super::cohere::{CohereErrors, Meta, ResultItem, meta, results};
use crate::server::body::{at_least_one, from_json};
use crate::server::error::{ApiError, ErrorFormat};
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{
    Document, DocumentList, RerankAnswer, RerankBody, RerankDialect, RerankSettings,
};

/// `POST /v1/rerank/batch`
pub struct Batch;

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    queries: Vec<String>,
    /// One list for each query.
    documents: Vec<Vec<String>>,
    top_n: Option<i64>,
    max_tokens_per_doc: Option<i64>,
    return_documents: Option<bool>,
    min_score: Option<f32>,
}

#[derive(Serialize)]
struct Reply {
    id: String,
    /// One list for each query, in the order of the queries.
    results: Vec<Vec<ResultItem>>,
    meta: Meta,
}

impl RerankDialect for Batch {
    fn parse(&self, body: &[u8], _: &Options) -> Result<RerankBody, ApiError> {
        let body: Body = from_json(body)?;
        if body.queries.is_empty() {
            return Err(ApiError::bad("queries must not be empty"));
        }
        if body.queries.len() != body.documents.len() {
            return Err(ApiError::bad(format!(
                "there are {} queries and {} lists of documents; give one list for each query",
                body.queries.len(),
                body.documents.len()
            )));
        }
        let settings = RerankSettings {
            top_k: at_least_one("top_n", body.top_n)?,
            max_document_tokens: at_least_one("max_tokens_per_doc", body.max_tokens_per_doc)?,
            return_documents: body.return_documents.unwrap_or(false),
            min_score: body.min_score,
            ..RerankSettings::default()
        };
        let lists = body.queries.into_iter().zip(body.documents).map(|(query, documents)| {
            let documents = documents.into_iter().map(Document::Text).collect();
            DocumentList { query, documents }
        });
        Ok(RerankBody { model: body.model, lists: lists.collect(), settings })
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        let return_documents = answer.settings.return_documents;
        let results = answer.lists.iter().map(|list| results(list, return_documents)).collect();
        let meta = meta(&answer, "1");
        Ok(Response::json(200, &Reply { id: answer.id, results, meta }))
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &CohereErrors
    }

    fn required_field(&self) -> Option<&'static str> {
        None
    }

    fn is_batch(&self) -> bool {
        true
    }
}
