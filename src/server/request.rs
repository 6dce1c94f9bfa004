//! Requests and responses, independent of what carries them.

use serde::Serialize;

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method, such as `GET` or `POST`.
    pub method: String,
    /// The path, without a query string.
    pub path: String,
    /// The headers as pairs of name and value, with lower-case names. The routes read
    /// [`Request::HEADERS`].
    pub headers: Vec<(String, String)>,
    /// The identifier of the request in its response and in logs, such as a UUID.
    pub id: String,
    /// The body, as it was sent.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, with lower-case names.
    pub headers: Vec<(&'static str, String)>,
    /// The body. What answers a `HEAD` request has to leave it out.
    pub body: Vec<u8>,
}

impl Request {
    /// The headers that the routes read. The caller may leave out all others.
    pub const HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "content-encoding"];

    /// Whether a client's own `x-request-id` may become the request's id: at most 64 letters,
    /// digits and `-_.`, all of ASCII.
    pub fn is_plain_id(id: &str) -> bool {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        !id.is_empty() && id.len() <= 64 && id.bytes().all(is_plain)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(given, _)| given == name);
        header.map(|(_, value)| value.as_str())
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

    /// A text in the format of Prometheus.
    pub(super) fn text(status: u16, text: String) -> Response {
        Response { body: text.into_bytes(), ..Response::empty(status) }
            .with("content-type", "text/plain; version=0.0.4; charset=utf-8")
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }
}
