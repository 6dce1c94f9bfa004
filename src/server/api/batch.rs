//! Several queries in one call, in the style of Cohere's API.

use serde::{Deserialize, Serialize};

use super::cohere::{CohereErrors, Meta, ResultItem, Usage, meta, results};
use crate::server::body::from_json;
use crate::server::error::{ApiError, ErrorFormat};
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{
    Document, DocumentList, RerankAnswer, RerankBody, RerankDialect, RerankSettings,
};
use crate::server::scalar::{Count, Flag};

/// `POST /v1/rerank/batch`
pub struct Batch;

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    queries: Vec<String>,
    /// One list for each query.
    documents: Vec<Vec<String>>,
    top_n: Option<Count>,
    max_tokens_per_doc: Option<Count>,
    return_documents: Option<Flag>,
    min_score: Option<f32>,
}

#[derive(Serialize)]
struct Reply {
    id: String,
    /// One list for each query, in the order of the queries.
    results: Vec<Vec<ResultItem>>,
    model: String,
    usage: Usage,
    meta: Meta,
}

impl RerankDialect for Batch {
    fn parse(&self, body: &str, _: &Options) -> Result<RerankBody, ApiError> {
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
            top_k: Count::limit("top_n", body.top_n)?,
            max_document_tokens: Count::limit("max_tokens_per_doc", body.max_tokens_per_doc)?,
            return_documents: Flag::or(body.return_documents, false),
            min_score: body.min_score,
            ..RerankSettings::default()
        };
        let lists = body.queries.into_iter().zip(body.documents).map(|(query, documents)| {
            let documents = documents.into_iter().map(Document::Text).collect();
            DocumentList { query, documents }
        });
        Ok(RerankBody { model: body.model, lists: lists.collect(), settings, reply: None })
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        let settings = &answer.settings;
        let results = answer.lists.iter().map(|list| results(list, settings)).collect();
        let (usage, meta) = (Usage::of(&answer), meta(&answer, "1"));
        let reply = Reply { id: answer.id, results, model: answer.model, usage, meta };
        Ok(Response::json(200, &reply))
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
