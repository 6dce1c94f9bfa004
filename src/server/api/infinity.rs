//! Infinity's rerank, which is Cohere's with documents as plain strings in the response.

use serde::Serialize;

use super::cohere::{CohereV1, Usage};
use super::tei::Tei;
use crate::reranker::RankedDocument;
use crate::server::error::{ApiError, ErrorFormat};
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{RerankAnswer, RerankBody, RerankDialect};

/// `POST /infinity/rerank`
pub struct Infinity;

#[derive(Serialize)]
struct Reply<'a> {
    object: &'static str,
    id: &'a str,
    model: &'a str,
    usage: Usage,
    results: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    index: usize,
    relevance_score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<&'a str>,
}

impl RerankDialect for Infinity {
    fn parse(&self, body: &str, options: &Options) -> Result<RerankBody, ApiError> {
        CohereV1.parse(body, options)
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        let (list, settings) = (answer.list(), answer.settings);
        let item = |result: &RankedDocument| Item {
            index: result.index,
            relevance_score: settings.score(result),
            document: settings.return_documents.then(|| list.documents[result.index].as_ref()),
        };
        let reply = Reply {
            object: "rerank",
            id: &answer.id,
            model: &answer.model,
            usage: Usage::of(&answer),
            results: list.results.iter().map(item).collect(),
        };
        Ok(Response::json(200, &reply))
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &Tei
    }
}
