//! Cohere's rerank, versions 1 and 2.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::one_line;
use crate::reranker::RankedDocument;
use crate::server::body::from_json;
use crate::server::error::{ApiError, ErrorFormat};
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{
    Document, RankedList, RerankAnswer, RerankBody, RerankDialect, RerankSettings,
};
use crate::server::scalar::{Count, Flag};

/// `POST /v1/rerank`
pub struct CohereV1;

/// `POST /v2/rerank`
pub struct CohereV2;

/// The errors of both versions.
pub struct CohereErrors;

#[derive(Deserialize)]
struct BodyV1 {
    model: Option<String>,
    query: String,
    documents: Vec<TextOrObject>,
    top_n: Option<Count>,
    rank_fields: Option<Vec<String>>,
    return_documents: Option<Flag>,
    max_chunks_per_doc: Option<Count>,
    max_tokens_per_doc: Option<Count>,
    /// Cohere has no such field, and infinity has.
    raw_scores: Option<Flag>,
}

#[derive(Deserialize)]
struct BodyV2 {
    model: Option<String>,
    query: String,
    documents: Vec<String>,
    top_n: Option<Count>,
    max_tokens_per_doc: Option<Count>,
    /// Version 2 has no such field, and programs that also use version 1 send it.
    return_documents: Option<Flag>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or an object")]
enum TextOrObject {
    Text(String),
    Object(Map<String, Value>),
}

impl RerankDialect for CohereV1 {
    /// A chunk is what the model reads at one time. Where long documents are split, it is a window.
    fn parse(&self, body: &str, _: &Options) -> Result<RerankBody, ApiError> {
        let body: BodyV1 = from_json(body)?;
        let settings = RerankSettings {
            max_windows: Count::limit("max_chunks_per_doc", body.max_chunks_per_doc)?,
            top_k: Count::limit("top_n", body.top_n)?,
            max_document_tokens: Count::limit("max_tokens_per_doc", body.max_tokens_per_doc)?,
            return_documents: Flag::or(body.return_documents, false),
            raw_scores: Flag::or(body.raw_scores, false),
            ..RerankSettings::default()
        };
        let fields = body.rank_fields.filter(|fields| !fields.is_empty());
        let fields = fields.unwrap_or_else(|| vec!["text".to_owned()]);
        let documents =
            body.documents.into_iter().enumerate().map(|(i, document)| match document {
                TextOrObject::Text(text) => Ok(Document::Text(text)),
                TextOrObject::Object(object) => {
                    let text = fields_text(&object, &fields).ok_or_else(|| {
                        ApiError::bad(format!(
                            "documents[{i}] has none of the fields {}; name its fields in rank_fields",
                            one_line(&fields.join(", "))
                        ))
                    })?;
                    // An object takes much more memory than it had in the body.
                    Ok(match settings.return_documents {
                        true => Document::Object(text, Value::Object(object)),
                        false => Document::Text(text),
                    })
                }
            });
        let documents = documents.collect::<Result<Vec<_>, ApiError>>()?;
        Ok(RerankBody::one_query(body.model, body.query, documents, settings))
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        Ok(response(answer, "1"))
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &CohereErrors
    }
}

impl RerankDialect for CohereV2 {
    fn parse(&self, body: &str, _: &Options) -> Result<RerankBody, ApiError> {
        let body: BodyV2 = from_json(body)?;
        if body.model.is_none() {
            return Err(ApiError::bad("a model parameter is required for this endpoint"));
        }
        let settings = RerankSettings {
            top_k: Count::limit("top_n", body.top_n)?,
            max_document_tokens: Count::limit("max_tokens_per_doc", body.max_tokens_per_doc)?,
            return_documents: Flag::or(body.return_documents, false),
            ..RerankSettings::default()
        };
        let documents = body.documents.into_iter().map(Document::Text);
        Ok(RerankBody::one_query(body.model, body.query, documents, settings))
    }

    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        Ok(response(answer, "2"))
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &CohereErrors
    }
}

impl ErrorFormat for CohereErrors {
    fn body(&self, error: &ApiError, id: &str) -> Value {
        json!({ "id": id, "message": error.message() })
    }
}

/// The text of an object: its fields in the order given, one on each line.
fn fields_text(object: &Map<String, Value>, fields: &[String]) -> Option<String> {
    let values = fields.iter().filter_map(|field| match object.get(field)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    let texts: Vec<String> = values.collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// Cohere's clients ignore `model` and `usage`, which other servers with this route have.
#[derive(Serialize)]
struct Body {
    id: String,
    results: Vec<ResultItem>,
    model: String,
    usage: Usage,
    meta: Meta,
}

#[derive(Serialize)]
pub(super) struct Usage {
    total_tokens: usize,
    prompt_tokens: usize,
}

/// A result with the fields that Cohere and Jina share.
#[derive(Serialize)]
pub(super) struct ResultItem {
    index: usize,
    relevance_score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Value>,
}

#[derive(Serialize)]
pub(super) struct Meta {
    api_version: ApiVersion,
    billed_units: BilledUnits,
    tokens: Tokens,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ApiVersion {
    version: &'static str,
    is_experimental: bool,
}

#[derive(Serialize)]
struct BilledUnits {
    search_units: usize,
}

#[derive(Serialize)]
struct Tokens {
    input_tokens: usize,
    output_tokens: usize,
}

/// Cohere's search unit is one query with up to a hundred documents.
const DOCUMENTS_PER_UNIT: usize = 100;

fn response(answer: RerankAnswer, version: &'static str) -> Response {
    let results = results(answer.list(), &answer.settings);
    let (usage, meta) = (Usage::of(&answer), meta(&answer, version));
    Response::json(200, &Body { id: answer.id, results, model: answer.model, usage, meta })
}

impl Usage {
    pub fn of(answer: &RerankAnswer) -> Usage {
        let tokens = answer.tokens();
        Usage { total_tokens: tokens, prompt_tokens: tokens }
    }
}

pub(super) fn results(list: &RankedList, settings: &RerankSettings) -> Vec<ResultItem> {
    let item = |result: &RankedDocument| ResultItem {
        index: result.index,
        relevance_score: settings.score(result),
        document: settings.return_documents.then(|| match &list.documents[result.index] {
            Document::Object(_, object) => object.clone(),
            document => json!({ "text": document.as_ref() }),
        }),
    };
    list.results.iter().map(item).collect()
}

pub(super) fn meta(answer: &RerankAnswer, version: &'static str) -> Meta {
    let units = answer.lists.iter().map(|l| l.documents.len().div_ceil(DOCUMENTS_PER_UNIT)).sum();
    let mut warnings = Vec::new();
    match answer.lists.iter().map(|l| l.truncated).sum() {
        0 => (),
        1 => warnings.push("1 document was cut to fit the model".to_owned()),
        cut => warnings.push(format!("{cut} documents were cut to fit the model")),
    }
    if answer.lists.iter().any(|l| l.query_truncated) {
        warnings.push("the query was cut to fit the model".to_owned());
    }
    Meta {
        api_version: ApiVersion { version, is_experimental: false },
        billed_units: BilledUnits { search_units: units },
        tokens: Tokens { input_tokens: answer.tokens(), output_tokens: 0 },
        warnings,
    }
}
