//! The rerank, embed and info routes of Hugging Face's Text Embeddings Inference.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::batch::BATCH_TOKENS;
use crate::reranker::LongDocuments;
use crate::tokenizer::Truncation;

use super::Server;
use super::embed::{self, Form, Kind, Texts};
use super::error::ApiError;
use super::job::{Answer, Document, List, Settings};
use super::message::Response;
use super::parse::{self, Parsed};

#[derive(Deserialize)]
struct Body {
    query: String,
    texts: Vec<String>,
    truncate: Option<bool>,
    truncation_direction: Option<Direction>,
    raw_scores: Option<bool>,
    return_text: Option<bool>,
}

#[derive(Deserialize)]
enum Direction {
    #[serde(alias = "left")]
    Left,
    #[serde(alias = "right")]
    Right,
}

pub(super) fn parse(body: &[u8]) -> Result<Parsed, ApiError> {
    let body: Body = parse::json(body)?;
    let truncation = truncation(body.truncate, &body.truncation_direction);
    let settings = Settings {
        // Who names a direction wants documents cut.
        long_documents: body.truncation_direction.map(|_| LongDocuments::Truncate),
        truncation,
        return_documents: body.return_text.unwrap_or(false),
        raw_scores: body.raw_scores.unwrap_or(false),
        ..Settings::default()
    };
    let documents = body.texts.into_iter().map(Document::from).collect();
    Ok(Parsed { model: None, lists: vec![List { query: body.query, documents }], settings })
}

#[derive(Serialize)]
struct Item<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    score: f32,
}

pub(super) fn response(answer: Answer) -> Response {
    let (list, settings) = (answer.list(), answer.settings);
    let item = |result: &crate::reranker::RankedDocument| Item {
        index: result.index,
        text: settings.return_documents.then(|| list.documents[result.index].text.as_str()),
        score: if settings.raw_scores { result.logit } else { result.score },
    };
    Response::json(200, &list.ranking.results.iter().map(item).collect::<Vec<_>>())
}

fn truncation(truncate: Option<bool>, direction: &Option<Direction>) -> Truncation {
    match (truncate.unwrap_or(false), direction) {
        (false, _) => Truncation::Never,
        (true, Some(Direction::Left)) => Truncation::Left,
        (true, Some(Direction::Right) | None) => Truncation::Right,
    }
}

#[derive(Deserialize)]
struct EmbedBody {
    inputs: Texts,
    truncate: Option<bool>,
    truncation_direction: Option<Direction>,
    normalize: Option<bool>,
    prompt_name: Option<Kind>,
}

pub(super) fn parse_embed(body: &[u8]) -> Result<embed::Parsed, ApiError> {
    let body: EmbedBody = parse::json(body)?;
    let texts = body.inputs.list("inputs: give a string or an array of strings")?;
    Ok(embed::Parsed {
        model: None,
        texts,
        kind: Kind::of(body.prompt_name),
        truncation: truncation(body.truncate, &body.truncation_direction),
        normalize: Some(body.normalize.unwrap_or(true)),
        form: Form::Numbers,
    })
}

pub(super) fn embed_response(answer: &embed::Answer) -> Response {
    let vectors = answer.embeddings.iter().map(|embedding| &embedding.vector);
    Response::json(200, &vectors.collect::<Vec<_>>())
}

/// What `/info` says: the first model, which `/rerank` uses.
pub(super) fn info(server: &Server) -> Response {
    let (model, limits) = (&server.models[0], server.options.limits);
    let most = model.reranker.current().max_length();
    let info = json!({
        "model_id": model.name,
        "model_sha": null,
        "model_dtype": "onnx",
        "served_model_name": model.name,
        "model_type": {
            "reranker": { "id2label": { "0": "LABEL_0" }, "label2id": { "LABEL_0": 0 } },
        },
        "max_concurrent_requests": server.options.queue,
        "max_input_length": most,
        "max_batch_tokens": BATCH_TOKENS.max(most),
        "max_batch_requests": null,
        "max_client_batch_size": limits.documents,
        "auto_truncate": false,
        "tokenization_workers": server.options.threads,
        "version": env!("CARGO_PKG_VERSION"),
        "sha": null,
        "docker_label": null,
    });
    Response::json(200, &info)
}
