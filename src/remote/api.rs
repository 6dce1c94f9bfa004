//! The requests and the responses of each API, after its documentation:
//! Cohere <https://docs.cohere.com/reference/rerank>, Jina <https://api.jina.ai/redoc>, Voyage
//! <https://docs.voyageai.com/reference/reranker-api>, and Hugging Face's
//! text-embeddings-inference (TEI) <https://huggingface.github.io/text-embeddings-inference>.
//! `pkg/src/backends/remote-api.ts` of the npm package does the same.

use std::str::FromStr;

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result, one_line};

/// The APIs of rerank services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Api {
    /// Cohere's version 2.
    Cohere,
    /// Jina's.
    Jina,
    /// Voyage's.
    Voyage,
    /// Hugging Face's text-embeddings-inference.
    Tei,
}

impl FromStr for Api {
    type Err = Error;

    /// Reads the name of an API: `cohere`, `jina`, `voyage` or `tei`.
    fn from_str(name: &str) -> Result<Api> {
        Ok(match name {
            "cohere" => Api::Cohere,
            "jina" => Api::Jina,
            "voyage" => Api::Voyage,
            "tei" => Api::Tei,
            _ => {
                let message =
                    format!("{name} is not an API; give one of cohere, jina, voyage, tei");
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
        })
    }
}

impl Api {
    /// The path after the base address.
    pub(super) fn path(self) -> &'static str {
        match self {
            Api::Cohere => "/v2/rerank",
            Api::Jina | Api::Voyage => "/v1/rerank",
            Api::Tei => "/rerank",
        }
    }

    /// The maximum number of documents in a request, by the API or by its default settings.
    pub(super) fn max_documents(self) -> usize {
        match self {
            Api::Cohere | Api::Jina | Api::Voyage => 1000,
            Api::Tei => 32,
        }
    }

    /// Whether a request must name a model. TEI serves a single one.
    pub(super) fn needs_model(self) -> bool {
        self != Api::Tei
    }

    /// The body of a request.
    pub(super) fn request(self, query: &str, documents: &[&str], model: Option<&str>) -> Value {
        match self {
            Api::Cohere => json!({ "model": model, "query": query, "documents": documents }),
            Api::Jina => json!({
                "model": model, "query": query, "documents": documents, "return_documents": false,
            }),
            Api::Voyage => json!({
                "model": model, "query": query, "documents": documents, "truncation": true,
            }),
            Api::Tei => {
                json!({ "query": query, "texts": documents, "raw_scores": true, "truncate": true })
            }
        }
    }

    /// Reads the values of the documents from a response, in the order of the request. Each document
    /// must have exactly one.
    pub(super) fn values(self, answer: &Value, count: usize) -> Result<Vec<f64>> {
        let (results, field) = match self {
            Api::Cohere | Api::Jina => (&answer["results"], "relevance_score"),
            Api::Voyage => (&answer["data"], "relevance_score"),
            Api::Tei => (answer, "score"),
        };
        let results = results.as_array().ok_or_else(|| invalid("holds no list of results"))?;
        let mut values = vec![None; count];
        for result in results {
            let (index, value) = (&result["index"], &result[field]);
            let Some(slot) = index.as_u64().and_then(|i| values.get_mut(i as usize)) else {
                let index = one_line(&index.to_string());
                return Err(invalid(&format!("names document {index} of {count}")));
            };
            if slot.is_some() {
                return Err(invalid(&format!("names document {index} twice")));
            }
            *slot = value.as_f64().filter(|v| (*v as f32).is_finite());
            if slot.is_none() {
                let value = one_line(&value.to_string());
                return Err(invalid(&format!("gives {value} for document {index}")));
            }
        }
        let too_few = || invalid(&format!("has {} results for {count} documents", results.len()));
        values.into_iter().collect::<Option<Vec<f64>>>().ok_or_else(too_few)
    }
}

fn invalid(what: &str) -> Error {
    let message = format!("the answer {what}; check that the service speaks the chosen API");
    Error::new(ErrorKind::RemoteInvalidAnswer, message)
}

/// The message in the body of an error response, in the format of any of the APIs.
pub(super) fn error_message(text: &str) -> String {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let messages = [&body["message"], &body["detail"], &body["error"]["message"], &body["error"]];
    match messages.into_iter().find(|message| !message.is_null()) {
        Some(Value::String(message)) => one_line(message),
        Some(message) => one_line(&message.to_string()),
        // For example the page of a proxy.
        None => one_line(text),
    }
}
