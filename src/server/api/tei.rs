//! The rerank, embed and info routes of Hugging Face's Text Embeddings Inference.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::batch::BATCH_TOKENS;
use crate::reranker::{LongDocuments, RankedDocument};
use crate::server::body::from_json;
use crate::server::embed::{
    EmbedAnswer, EmbedBody, EmbedDialect, InputType, Texts, VectorEncoding,
};
use crate::server::error::{ApiError, ApiErrorKind, ErrorFormat};
use crate::server::models::Models;
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{Document, RerankAnswer, RerankBody, RerankDialect, RerankSettings};
use crate::server::scalar::{Count, Flag};
use crate::tokenizer::Truncation;

/// `POST /rerank` and `POST /embed`
pub struct Tei;

#[derive(Deserialize)]
struct RerankRequest {
    query: String,
    texts: Vec<String>,
    truncate: Option<Flag>,
    truncation_direction: Option<Direction>,
    raw_scores: Option<Flag>,
    return_text: Option<Flag>,
    /// Text Embeddings Inference has no such field, and LiteLLM sends it.
    top_n: Option<Count>,
}

#[derive(Deserialize)]
enum Direction {
    #[serde(alias = "left")]
    Left,
    #[serde(alias = "right")]
    Right,
}

#[derive(Serialize)]
struct Item<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    score: f32,
}

#[derive(Deserialize)]
struct EmbedRequest {
    inputs: Texts,
    truncate: Option<Flag>,
    truncation_direction: Option<Direction>,
    normalize: Option<Flag>,
    dimensions: Option<Count>,
    prompt_name: Option<InputType>,
}

impl RerankDialect for Tei {
    fn parse(&self, body: &str, _: &Options) -> Result<RerankBody, ApiError> {
        let body: RerankRequest = from_json(body)?;
        let settings = RerankSettings {
            top_k: Count::limit("top_n", body.top_n)?,
            truncation: truncation(body.truncate, &body.truncation_direction),
            // A client that gives a direction wants documents to be cut.
            long_documents: body.truncation_direction.map(|_| LongDocuments::Truncate),
            return_documents: Flag::or(body.return_text, false),
            raw_scores: Flag::or(body.raw_scores, false),
            ..RerankSettings::default()
        };
        let documents = body.texts.into_iter().map(Document::Text);
        Ok(RerankBody::one_query(None, body.query, documents, settings))
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        let (list, settings) = (answer.list(), answer.settings);
        let item = |result: &RankedDocument| Item {
            index: result.index,
            text: settings.return_documents.then(|| list.documents[result.index].as_ref()),
            score: settings.score(result),
        };
        Ok(Response::json(200, &list.results.iter().map(item).collect::<Vec<_>>()))
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &Tei
    }

    fn required_field(&self) -> Option<&'static str> {
        Some("texts")
    }
}

impl EmbedDialect for Tei {
    fn parse(&self, body: &str) -> Result<EmbedBody, ApiError> {
        let body: EmbedRequest = from_json(body)?;
        let texts = body.inputs.into_vec("inputs: give a string or an array of strings")?;
        Ok(EmbedBody {
            model: None,
            texts,
            kind: InputType::text_kind(body.prompt_name),
            truncation: truncation(body.truncate, &body.truncation_direction),
            normalize: Some(Flag::or(body.normalize, true)),
            dimensions: Count::limit("dimensions", body.dimensions)?,
            encoding: VectorEncoding::Floats,
        })
    }

    fn render(&self, answer: EmbedAnswer) -> Response {
        let vectors = answer.embeddings.iter().map(|embedding| &embedding.vector);
        Response::json(200, &vectors.collect::<Vec<_>>())
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &Tei
    }
}

impl ErrorFormat for Tei {
    fn status(&self, kind: ApiErrorKind) -> u16 {
        match kind {
            ApiErrorKind::BadRequest => 422,
            ApiErrorKind::TooLong => 413,
            ApiErrorKind::Internal => 424,
            other => other.status(),
        }
    }

    fn body(&self, error: &ApiError, _: &str) -> Value {
        let error_type = match error.kind() {
            ApiErrorKind::Empty => "Empty",
            ApiErrorKind::Overloaded => "Overloaded",
            ApiErrorKind::Deadline | ApiErrorKind::Internal => "Backend",
            _ => "Validation",
        };
        json!({ "error": error.message(), "error_type": error_type })
    }
}

fn truncation(truncate: Option<Flag>, direction: &Option<Direction>) -> Truncation {
    match (Flag::or(truncate, false), direction) {
        (false, _) => Truncation::Never,
        (true, Some(Direction::Left)) => Truncation::Left,
        (true, Some(Direction::Right) | None) => Truncation::Right,
    }
}

/// The response of `GET /info`: the first reranker, which `/rerank` uses.
pub fn info(models: &Models, options: &Options) -> Response {
    let model = models.first_reranker();
    let reranker = model.reranker.current();
    let max_length = reranker.max_length();
    let info = json!({
        "model_id": model.name,
        "model_sha": null,
        "model_revision": reranker.revision(),
        "model_dtype": "onnx",
        "served_model_name": model.name,
        "model_type": {
            "reranker": { "id2label": { "0": "LABEL_0" }, "label2id": { "LABEL_0": 0 } },
        },
        "max_concurrent_requests": options.queue,
        "max_input_length": max_length,
        "max_batch_tokens": BATCH_TOKENS.max(max_length),
        "max_batch_requests": null,
        "max_client_batch_size": options.limits.documents,
        "auto_truncate": false,
        "tokenization_workers": options.threads,
        "version": env!("CARGO_PKG_VERSION"),
        "sha": null,
        "docker_label": null,
    });
    Response::json(200, &info)
}
