//! Passages of an index, found and reranked.

use serde::{Deserialize, Serialize};

use super::cohere::CohereErrors;
use crate::error::one_line;
use crate::fusion::{FusionWeights, StageScores, fuse};
use crate::reranker::RankedDocument;
use crate::server::body::from_json;
use crate::server::error::{ApiError, ApiErrorKind, ErrorFormat};
use crate::server::index::SearchHit;
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{
    Document, RankedList, RerankAnswer, RerankBody, RerankDialect, RerankSettings,
};
use crate::server::scalar::{Count, Flag};

/// `POST /search`
pub struct Search;

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    query: String,
    mode: Option<String>,
    recall: Option<Count>,
    top_k: Option<Count>,
    rerank: Option<Flag>,
    fuse: Option<Fuse>,
}

/// Whether to fuse the scores of all stages, or the weights for it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected true, false, or weights for text, vector and rerank")]
enum Fuse {
    Flag(Flag),
    Weights(FusionWeights),
}

/// The number of passages to rerank, where a request gives none.
const DEFAULT_RECALL: usize = 100;
/// The number of results, where a request gives none.
const DEFAULT_TOP_K: usize = 10;

#[derive(Serialize)]
struct Reply<'a> {
    id: String,
    results: Vec<Item<'a>>,
}

/// A result. Its fields are in alphabetical order, in which clients have always received them.
#[derive(Serialize)]
struct Item<'a> {
    end: usize,
    first_stage_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    line: usize,
    passage: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rerank_score: Option<f64>,
    /// The fused score, the cross-encoder's, or the first stage's, by what the request asked for.
    score: f64,
    start: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_score: Option<f64>,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector_score: Option<f64>,
}

impl RerankDialect for Search {
    /// Asks the index for passages.
    fn parse(&self, body: &str, options: &Options) -> Result<RerankBody, ApiError> {
        let index = options.index.as_ref().ok_or_else(|| {
            let message = "this server has no index; start it with --index, or rerank documents \
                           of your own";
            ApiError::new(ApiErrorKind::NoRoute, message)
        })?;
        let body: Body = from_json(body)?;
        let limit = options.limits.documents;
        let recall =
            Count::at_least_one("recall", body.recall)?.unwrap_or(DEFAULT_RECALL.min(limit));
        if recall > limit {
            let message = format!("recall is {recall}, and the limit is {limit}");
            return Err(ApiError::new(ApiErrorKind::TooLong, message));
        }
        let hits =
            index.find(&body.query, body.mode.as_deref().map(one_line).as_deref(), recall)?;
        let settings = RerankSettings {
            top_k: Some(Count::at_least_one("top_k", body.top_k)?.unwrap_or(DEFAULT_TOP_K)),
            skip_scoring: !Flag::or(body.rerank, true),
            fusion: match body.fuse {
                None => None,
                Some(Fuse::Flag(fuse)) => Flag::or(Some(fuse), false).then(FusionWeights::default),
                Some(Fuse::Weights(weights)) => Some(weights),
            },
            ..RerankSettings::default()
        };
        let documents = hits.into_iter().map(Document::Hit);
        Ok(RerankBody::one_query(body.model, body.query, documents, settings))
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        let RerankSettings { top_k, skip_scoring, fusion, .. } = answer.settings;
        let RankedList { documents, results: ranked, .. } = answer.list();
        let hits: Vec<&SearchHit> = documents.iter().filter_map(hit).collect();
        let mut rerank_scores = vec![None; hits.len()];
        let order: Vec<(usize, f64)> = if let Some(weights) = fusion {
            let mut stages: Vec<StageScores> = hits.iter().map(|hit| hit.stages).collect();
            for &RankedDocument { index, score, logit, .. } in ranked {
                stages[index].rerank = Some(logit.into());
                rerank_scores[index] = Some(score.into());
            }
            fuse(&stages, &weights)?
        } else if skip_scoring {
            hits.iter().map(|hit| hit.score).enumerate().collect()
        } else {
            ranked.iter().map(|result| (result.index, result.score.into())).collect()
        };
        let item = |(place, score): (usize, f64)| item(hits[place], score, rerank_scores[place]);
        let results = order.into_iter().take(top_k.unwrap_or(DEFAULT_TOP_K)).map(item).collect();
        Ok(Response::json(200, &Reply { id: answer.id.clone(), results }))
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &CohereErrors
    }

    fn required_field(&self) -> Option<&'static str> {
        None
    }
}

fn hit(document: &Document) -> Option<&SearchHit> {
    match document {
        Document::Hit(hit) => Some(hit),
        _ => None,
    }
}

fn item(hit: &SearchHit, score: f64, rerank_score: Option<f64>) -> Item<'_> {
    Item {
        end: hit.end,
        first_stage_score: hit.score,
        id: hit.id.as_deref(),
        line: hit.line,
        passage: &hit.passage,
        path: &hit.path,
        rerank_score,
        score,
        start: hit.start,
        text_score: hit.stages.text,
        title: &hit.title,
        vector_score: hit.stages.vector,
    }
}
