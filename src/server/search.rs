//! `POST /search`: what an index holds on a query, reranked.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::failure::{Failure, FailureKind};
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
    /// [`FailureKind::BadRequest`] for a query or a mode that the index cannot do with, else
    /// [`FailureKind::Internal`].
    fn candidates(
        &self,
        query: &str,
        mode: Option<&str>,
        recall: usize,
    ) -> Result<Vec<Candidate>, Failure>;
}

/// A passage that may answer a query.
pub struct Candidate {
    /// What the cross-encoder reads.
    pub text: String,
    /// The first stage's score.
    pub score: f64,
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
}

/// Candidates where a request does not say how many.
const RECALL: usize = 100;
/// Results, likewise.
const TOP_K: usize = 10;

const FIRST_STAGE_SCORE: &str = "first_stage_score";

/// Reads a body, and finds the candidates.
pub(super) fn parse(options: &Options, body: &[u8]) -> Result<Parsed, Failure> {
    let index: &Arc<dyn Index> = options.index.as_ref().ok_or_else(|| {
        let message = "this server has no index; start it with --index, or rerank documents of \
                       your own";
        Failure::new(FailureKind::NoRoute, message)
    })?;
    let body: Body = json(body)?;
    let recall =
        at_least_one("recall", body.recall)?.unwrap_or(RECALL.min(options.limits.documents));
    if recall > options.limits.documents {
        let message = format!("recall is {recall}, and the limit is {}", options.limits.documents);
        return Err(Failure::new(FailureKind::TooLong, message));
    }
    let candidates =
        index.candidates(&body.query, body.mode.as_deref().map(short).as_deref(), recall)?;
    let documents = candidates.into_iter().map(|candidate| {
        let mut fields = candidate.fields;
        fields.insert(FIRST_STAGE_SCORE.into(), json!(candidate.score));
        Document { text: candidate.text, object: Some(Value::Object(fields)) }
    });
    let settings = Settings {
        top_k: Some(at_least_one("top_k", body.top_k)?.unwrap_or(TOP_K)),
        return_documents: true,
        first_stage_only: !body.rerank.unwrap_or(true),
        ..Settings::default()
    };
    let list = List { query: body.query, documents: documents.collect() };
    Ok(Parsed { model: body.model, lists: vec![list], settings })
}

/// The response with the cross-encoder's order and scores.
pub(super) fn response(mut answer: Answer) -> Response {
    let list = answer.lists.remove(0);
    let mut documents: Vec<Option<Document>> = list.documents.into_iter().map(Some).collect();
    let results = list
        .ranking
        .results
        .iter()
        .filter_map(|result| Some(item(documents[result.index].take()?, json!(result.score))));
    let results: Vec<Value> = results.collect();
    Response::json(200, &json!({ "id": answer.id, "results": results }))
}

/// The response with the first stage's order and scores.
pub(super) fn first_stage(mut job: RerankJob) -> Response {
    let documents = job.lists.remove(0).documents.into_iter();
    let results = documents.take(job.settings.top_k.unwrap_or(TOP_K)).map(|document| {
        let score = document.object.as_ref().map(|fields| fields[FIRST_STAGE_SCORE].clone());
        item(document, score.unwrap_or_default())
    });
    let results: Vec<Value> = results.collect();
    Response::json(200, &json!({ "id": job.id, "results": results }))
}

fn item(document: Document, score: Value) -> Value {
    let mut fields = document.object.unwrap_or_default();
    fields["score"] = score;
    fields
}
