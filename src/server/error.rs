//! What goes wrong, and each API's way to say so.

use serde_json::json;

use crate::error::{Error, ErrorKind};

use super::Form;
use super::message::Response;

/// Why a request gets no scores or vectors.
#[derive(Clone, Debug)]
pub struct ApiError {
    kind: ApiErrorKind,
    message: String,
}

/// What went wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiErrorKind {
    /// The body is not what the route takes.
    BadRequest,
    /// The body holds no documents.
    Empty,
    /// More documents or tokens, or a longer text, than the server takes.
    TooLong,
    /// More bytes than the server takes.
    BodyTooLarge,
    /// No token, or a wrong one.
    Unauthorized,
    /// An unknown path.
    NoRoute,
    /// A known path with another method.
    MethodNotAllowed,
    /// An unknown model.
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

impl ApiError {
    /// A failure with a sentence that says what to do.
    pub fn new(kind: ApiErrorKind, message: impl Into<String>) -> ApiError {
        ApiError { kind, message: message.into() }
    }

    /// A body that is over the limit.
    pub fn body_too_large(limit: usize) -> ApiError {
        let message =
            format!("the body is over the limit of {limit} bytes; send fewer documents at once");
        ApiError::new(ApiErrorKind::BodyTooLarge, message)
    }

    /// What went wrong.
    pub fn kind(&self) -> ApiErrorKind {
        self.kind
    }

    pub(super) fn bad(message: impl Into<String>) -> ApiError {
        ApiError::new(ApiErrorKind::BadRequest, message)
    }

    pub(super) fn response(&self, form: Form, id: &str) -> Response {
        let body = match form {
            Form::Cohere => json!({ "id": id, "message": self.message }),
            Form::Jina | Form::Voyage => json!({ "detail": self.message }),
            Form::Tei => json!({ "error": self.message, "error_type": self.tei_type() }),
            Form::OpenAi => {
                let (kind, code) = self.openai_type();
                let error =
                    json!({ "message": self.message, "type": kind, "param": null, "code": code });
                json!({ "error": error })
            }
        };
        let response = Response::json(self.status(form), &body);
        match self.kind {
            ApiErrorKind::Unauthorized => response.with("www-authenticate", "Bearer"),
            ApiErrorKind::Overloaded => response.with("retry-after", "1"),
            _ => response,
        }
    }

    fn status(&self, form: Form) -> u16 {
        match (self.kind, form) {
            (ApiErrorKind::BadRequest, Form::Jina | Form::Tei) => 422,
            (ApiErrorKind::Empty | ApiErrorKind::TooLong, Form::Jina) => 422,
            (ApiErrorKind::TooLong, Form::Tei) => 413,
            (ApiErrorKind::Internal, Form::Tei) => 424,
            (ApiErrorKind::BadRequest | ApiErrorKind::Empty | ApiErrorKind::TooLong, _) => 400,
            (ApiErrorKind::Unauthorized, _) => 401,
            (ApiErrorKind::NoRoute | ApiErrorKind::NoModel, _) => 404,
            (ApiErrorKind::MethodNotAllowed, _) => 405,
            (ApiErrorKind::BodyTimeout, _) => 408,
            (ApiErrorKind::BodyTooLarge, _) => 413,
            (ApiErrorKind::Overloaded, _) => 429,
            (ApiErrorKind::Internal, _) => 500,
            (ApiErrorKind::Deadline, _) => 504,
        }
    }

    /// The type and the code of OpenAI's errors.
    fn openai_type(&self) -> (&'static str, Option<&'static str>) {
        match self.kind {
            ApiErrorKind::Unauthorized => ("invalid_request_error", Some("invalid_api_key")),
            ApiErrorKind::NoModel => ("invalid_request_error", Some("model_not_found")),
            ApiErrorKind::Overloaded => ("requests", Some("rate_limit_exceeded")),
            ApiErrorKind::Deadline | ApiErrorKind::Internal => ("server_error", None),
            _ => ("invalid_request_error", None),
        }
    }

    /// The names of Text Embeddings Inference.
    fn tei_type(&self) -> &'static str {
        match self.kind {
            ApiErrorKind::Empty => "Empty",
            ApiErrorKind::Overloaded => "Overloaded",
            ApiErrorKind::Deadline | ApiErrorKind::Internal => "Backend",
            _ => "Validation",
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
