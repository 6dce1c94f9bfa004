//! Errors, and the interface through which each API writes them.

use serde_json::Value;

use crate::error::{Error, ErrorKind};

use super::request::Response;

/// The reason why a request gets no scores or vectors.
#[derive(Clone, Debug)]
pub struct ApiError {
    kind: ApiErrorKind,
    message: String,
}

/// The kind of an [`ApiError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiErrorKind {
    /// The body is not what the route takes.
    BadRequest,
    /// The body holds no documents.
    Empty,
    /// The request has more documents or tokens, or a longer text, than the server takes.
    TooLong,
    /// The body has more bytes than the server takes.
    BodyTooLarge,
    /// The body is compressed in a way that the server does not know.
    UnsupportedEncoding,
    /// The token is missing or wrong.
    Unauthorized,
    /// The path is unknown.
    NoRoute,
    /// The path takes another method.
    MethodNotAllowed,
    /// The model is unknown.
    NoModel,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The queue is full.
    Overloaded,
    /// The scores were not ready in time.
    Deadline,
    /// The model failed, which is not the request's fault.
    Internal,
}

/// How one API writes an error.
pub(super) trait ErrorFormat: Sync {
    /// The status code.
    fn status(&self, kind: ApiErrorKind) -> u16 {
        kind.status()
    }

    /// The body. `id` is the request's.
    fn body(&self, error: &ApiError, id: &str) -> Value;
}

impl ApiError {
    /// An error with a sentence that says what to do.
    pub fn new(kind: ApiErrorKind, message: impl Into<String>) -> ApiError {
        ApiError { kind, message: message.into() }
    }

    /// The error for a body of more than `limit` bytes.
    pub fn body_too_large(limit: usize) -> ApiError {
        let message = format!("the body exceeds the limit of {limit} bytes; send fewer documents");
        ApiError::new(ApiErrorKind::BodyTooLarge, message)
    }

    /// The kind.
    pub fn kind(&self) -> ApiErrorKind {
        self.kind
    }

    pub(super) fn bad(message: impl Into<String>) -> ApiError {
        ApiError::new(ApiErrorKind::BadRequest, message)
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn response(&self, format: &dyn ErrorFormat, id: &str) -> Response {
        let response = Response::json(format.status(self.kind), &format.body(self, id));
        match self.kind {
            ApiErrorKind::Unauthorized => response.with("www-authenticate", "Bearer"),
            ApiErrorKind::Overloaded => response.with("retry-after", "1"),
            ApiErrorKind::UnsupportedEncoding => response.with("accept-encoding", "gzip, deflate"),
            _ => response,
        }
    }
}

impl ApiErrorKind {
    /// The status code, where an API has no other.
    pub(super) fn status(self) -> u16 {
        match self {
            ApiErrorKind::BadRequest | ApiErrorKind::Empty | ApiErrorKind::TooLong => 400,
            ApiErrorKind::Unauthorized => 401,
            ApiErrorKind::NoRoute | ApiErrorKind::NoModel => 404,
            ApiErrorKind::MethodNotAllowed => 405,
            ApiErrorKind::BodyTimeout => 408,
            ApiErrorKind::BodyTooLarge => 413,
            ApiErrorKind::UnsupportedEncoding => 415,
            ApiErrorKind::Overloaded => 429,
            ApiErrorKind::Internal => 500,
            ApiErrorKind::Deadline => 504,
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        let kind = match error.kind() {
            ErrorKind::InvalidArgument | ErrorKind::InvalidText => ApiErrorKind::BadRequest,
            ErrorKind::InputTooLarge => ApiErrorKind::TooLong,
            ErrorKind::Cancelled => ApiErrorKind::Deadline,
            _ => ApiErrorKind::Internal,
        };
        ApiError::new(kind, error.to_string())
    }
}
