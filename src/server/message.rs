//! Requests and responses, whatever carries them.

use serde::Serialize;

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path, without query string.
    pub path: String,
    /// The header `Authorization`.
    pub authorization: Option<String>,
    /// What names the request in its answer and in logs, such as a UUID.
    pub id: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers, with lower-case names.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A client's own `x-request-id` that may name its request: short and plain.
    pub fn is_plain_id(id: &str) -> bool {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        !id.is_empty() && id.len() <= 64 && id.bytes().all(good)
    }
}

impl Response {
    pub(super) fn empty(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn json(status: u16, value: &impl Serialize) -> Response {
        let body = serde_json::to_vec(value).expect("strings, numbers and maps of strings");
        Response { body, ..Response::empty(status) }.with("content-type", "application/json")
    }

    /// A text in the form that Prometheus reads.
    pub(super) fn text(status: u16, text: String) -> Response {
        Response { body: text.into_bytes(), ..Response::empty(status) }
            .with("content-type", "text/plain; version=0.0.4; charset=utf-8")
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }
}
