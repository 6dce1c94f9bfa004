//! The rerank of Weaviate's module `reranker-transformers`.

use serde::Serialize;

use super::cohere::CohereV1;
use super::tei::Tei;
use crate::server::error::{ApiError, ErrorFormat};
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{RerankAnswer, RerankBody, RerankDialect};

/// A body with `property` at `POST /rerank`.
pub struct Weaviate;

#[derive(Serialize)]
struct Reply<'a> {
    query: &'a str,
    /// In the order of the request, by which the module assigns them.
    scores: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    document: &'a str,
    score: f32,
}

impl RerankDialect for Weaviate {
    fn parse(&self, body: &str, options: &Options) -> Result<RerankBody, ApiError> {
        CohereV1.parse(body, options)
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        let list = answer.list();
        let mut results: Vec<_> = list.results.iter().collect();
        results.sort_by_key(|result| result.index);
        let scores = results.into_iter().map(|result| Item {
            document: list.documents[result.index].as_ref(),
            score: result.score,
        });
        let reply = Reply { query: &list.query, scores: scores.collect() };
        Ok(Response::json(200, &reply))
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &Tei
    }
}
