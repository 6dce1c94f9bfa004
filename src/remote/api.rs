//! What each API is sent and what it answers, from its documentation:
//! Cohere <https://docs.cohere.com/reference/rerank>, Jina <https://api.jina.ai/redoc>, Voyage
//! <https://docs.voyageai.com/reference/reranker-api>, and Hugging Face's
//! text-embeddings-inference (TEI) <https://huggingface.github.io/text-embeddings-inference>.
//! `pkg/src/remote-api.ts` is its twin.

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

    /// The API of a name in lower case, as a setting holds it.
    fn from_str(name: &str) -> Result<Api> {
        Ok(match name {
            "cohere" => Api::Cohere,
            "jina" => Api::Jina,
            "voyage" => Api::Voyage,
            "tei" => Api::Tei,
            _ => {
                let message =
                    format!("no API is called {name}; give one of cohere, jina, voyage, tei");
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
        })
    }
}

impl Api {
    /// What follows the base address.
    pub(super) fn path(self) -> &'static str {
        match self {
            Api::Cohere => "/v2/rerank",
            Api::Jina | Api::Voyage => "/v1/rerank",
            Api::Tei => "/rerank",
        }
    }

    /// The most documents in a request: a limit of the API, or of its default settings.
    pub(super) fn max_documents(self) -> usize {
        match self {
            Api::Cohere | Api::Jina | Api::Voyage => 1000,
            Api::Tei => 32,
        }
    }

    /// A request names a model; TEI serves a single one.
    pub(super) fn names_model(self) -> bool {
        self != Api::Tei
    }

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

    /// The documents' values in the order of the request; every document has exactly one.
    pub(super) fn values(self, answer: &Value, count: usize) -> Result<Vec<f64>> {
        let (results, field) = match self {
            Api::Cohere | Api::Jina => (&answer["results"], "relevance_score"),
            Api::Voyage => (&answer["data"], "relevance_score"),
            Api::Tei => (answer, "score"),
        };
        let results = results.as_array().ok_or_else(|| bad("holds no list of results"))?;
        let mut values = vec![None; count];
        for result in results {
            let (index, value) = (&result["index"], &result[field]);
            let Some(place) = index.as_u64().and_then(|i| values.get_mut(i as usize)) else {
                let index = one_line(&index.to_string());
                return Err(bad(&format!("names document {index} of {count}")));
            };
            if place.is_some() {
                return Err(bad(&format!("names document {index} twice")));
            }
            *place = value.as_f64().filter(|v| (*v as f32).is_finite());
            if place.is_none() {
                let value = one_line(&value.to_string());
                return Err(bad(&format!("gives {value} for document {index}")));
            }
        }
        let few = || bad(&format!("has {} results for {count} documents", results.len()));
        values.into_iter().collect::<Option<Vec<f64>>>().ok_or_else(few)
    }
}

fn bad(what: &str) -> Error {
    let message =
        format!("the answer {what}; check that the service speaks the API that was named");
    Error::new(ErrorKind::RemoteInvalidAnswer, message)
}

/// What an error's body says, in any of the APIs' forms.
pub(super) fn complaint(text: &str) -> String {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let forms = [&body["message"], &body["detail"], &body["error"]["message"], &body["error"]];
    match forms.into_iter().find(|said| !said.is_null()) {
        Some(Value::String(said)) => one_line(said),
        Some(said) => one_line(&said.to_string()),
        // A proxy's page, for one.
        None => one_line(text),
    }
}
