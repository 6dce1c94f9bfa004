//! `POST /search`: what an index holds on a query, reranked.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::fusion::{FusionWeights, StageScores, fuse};
use crate::reranker::RankedDocument;

use super::error::{ApiError, ApiErrorKind};
use super::job::{Answer, Document, List, RerankJob, Settings};
use super::message::Response;
use super::parse::{Parsed, at_least_one, json};
use super::{Options, short};

/// Where the candidates of a search come from. Calls may block, and several may run at once.
pub trait Index: Send + Sync {
    /// The best `recall` passages on a query, best first, found in the way that is named, or in the
    /// index's own.
    ///
    /// # Errors
    /// [`ApiErrorKind::BadRequest`] for a query or a mode that the index cannot do with, else
    /// [`ApiErrorKind::Internal`].
    fn candidates(
        &self,
        query: &str,
        mode: Option<&str>,
        recall: usize,
    ) -> Result<Vec<Candidate>, ApiError>;
}

/// A passage that may answer a query.
pub struct Candidate {
    /// What the cross-encoder reads.
    pub text: String,
    /// The first stage's score.
    pub score: f64,
    /// What the words and the vectors gave.
    pub stages: StageScores,
    /// What the response says of it beside its scores.
    pub fields: Map<String, Value>,
}

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    query: String,
    mode: Option<String>,
    recall: Option<i64>,
    top_k: Option<i64>,
    rerank: Option<bool>,
    fuse: Option<Fuse>,
}

/// Whether to fuse the scores of all stages, or with what weights.
#[derive(Deserialize)]
#[serde(untagged, expecting = "fuse is neither true nor weights for text, vector and rerank")]
enum Fuse {
    Flag(bool),
    Weights(FusionWeights),
}

/// Candidates where a request does not say how many.
const RECALL: usize = 100;
/// Results, likewise.
const TOP_K: usize = 10;

const FIRST_STAGE_SCORE: &str = "first_stage_score";
const TEXT_SCORE: &str = "text_score";
const VECTOR_SCORE: &str = "vector_score";
const RERANK_SCORE: &str = "rerank_score";

/// Reads a body, and finds the candidates.
pub(super) fn parse(options: &Options, body: &[u8]) -> Result<Parsed, ApiError> {
    let index: &Arc<dyn Index> = options.index.as_ref().ok_or_else(|| {
        let message = "this server has no index; start it with --index, or rerank documents of \
                       your own";
        ApiError::new(ApiErrorKind::NoRoute, message)
    })?;
    let body: Body = json(body)?;
    let recall =
        at_least_one("recall", body.recall)?.unwrap_or(RECALL.min(options.limits.documents));
    if recall > options.limits.documents {
        let message = format!("recall is {recall}, and the limit is {}", options.limits.documents);
        return Err(ApiError::new(ApiErrorKind::TooLong, message));
    }
    let candidates =
        index.candidates(&body.query, body.mode.as_deref().map(short).as_deref(), recall)?;
    let documents = candidates.into_iter().map(|candidate| {
        let Candidate { score, stages, mut fields, .. } = candidate;
        let scores = [
            (FIRST_STAGE_SCORE, Some(score)),
            (TEXT_SCORE, stages.text),
            (VECTOR_SCORE, stages.vector),
        ];
        for (name, score) in scores {
            fields.extend(score.map(|score| (name.to_owned(), json!(score))));
        }
        Document { text: candidate.text, object: Some(Value::Object(fields)) }
    });
    let settings = Settings {
        top_k: Some(at_least_one("top_k", body.top_k)?.unwrap_or(TOP_K)),
        return_documents: true,
        first_stage_only: !body.rerank.unwrap_or(true),
        fuse: match body.fuse {
            None | Some(Fuse::Flag(false)) => None,
            Some(Fuse::Flag(true)) => Some(FusionWeights::default()),
            Some(Fuse::Weights(weights)) => Some(weights),
        },
        ..Settings::default()
    };
    let list = List { query: body.query, documents: documents.collect() };
    Ok(Parsed { model: body.model, lists: vec![list], settings })
}

/// The response where the cross-encoder scored.
pub(super) fn response(mut answer: Answer) -> Result<Response, ApiError> {
    let list = answer.lists.remove(0);
    let results = match answer.settings.fuse {
        Some(weights) => {
            fused(list.documents, &list.ranking.results, &weights, answer.settings.top_k)?
        }
        None => {
            let mut documents: Vec<Option<Document>> =
                list.documents.into_iter().map(Some).collect();
            let results = list.ranking.results.iter();
            let items =
                results.filter_map(|r| Some(item(documents[r.index].take()?, json!(r.score))));
            items.collect()
        }
    };
    Ok(Response::json(200, &json!({ "id": answer.id, "results": results })))
}

/// The response with the first stage's order and scores.
pub(super) fn first_stage(mut job: RerankJob) -> Result<Response, ApiError> {
    let documents = job.lists.remove(0).documents;
    let results = match job.settings.fuse {
        Some(weights) => fused(documents, &[], &weights, job.settings.top_k)?,
        None => {
            let best = documents.into_iter().take(job.settings.top_k.unwrap_or(TOP_K));
            best.map(|document| {
                let score =
                    document.object.as_ref().map(|fields| fields[FIRST_STAGE_SCORE].clone());
                item(document, score.unwrap_or_default())
            })
            .collect()
        }
    };
    Ok(Response::json(200, &json!({ "id": job.id, "results": results })))
}

/// Results with fused scores, best first.
fn fused(
    mut documents: Vec<Document>,
    reranked: &[RankedDocument],
    weights: &FusionWeights,
    top_k: Option<usize>,
) -> Result<Vec<Value>, ApiError> {
    let score = |document: &Document, name| document.object.as_ref()?.get(name)?.as_f64();
    let mut stages: Vec<StageScores> = documents
        .iter()
        .map(|document| StageScores {
            text: score(document, TEXT_SCORE),
            vector: score(document, VECTOR_SCORE),
            rerank: None,
        })
        .collect();
    for RankedDocument { index, score, logit, .. } in reranked {
        stages[*index].rerank = Some((*logit).into());
        if let Some(fields) = &mut documents[*index].object {
            fields[RERANK_SCORE] = json!(score);
        }
    }
    let mut documents: Vec<Option<Document>> = documents.into_iter().map(Some).collect();
    let best = fuse(&stages, weights)?.into_iter().take(top_k.unwrap_or(TOP_K));
    let items =
        best.filter_map(|(index, score)| Some(item(documents[index].take()?, json!(score))));
    Ok(items.collect())
}

fn item(document: Document, score: Value) -> Value {
    let mut fields = document.object.unwrap_or_default();
    fields["score"] = score;
    fields
}
