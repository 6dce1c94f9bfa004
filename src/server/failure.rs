//! What goes wrong, and each API's way to say so.

use serde_json::json;

use crate::error::{Error, ErrorKind};

use super::Form;
use super::message::Response;

/// Why a request gets no scores or vectors.
#[derive(Clone, Debug)]
pub struct Failure {
    kind: FailureKind,
    message: String,
}

/// What went wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
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

impl Failure {
    /// A failure with a sentence that says what to do.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }

    /// A body that is over the limit.
    pub fn body_too_large(limit: usize) -> Failure {
        let message =
            format!("the body is over the limit of {limit} bytes; send fewer documents at once");
        Failure::new(FailureKind::BodyTooLarge, message)
    }

    /// What went wrong.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    pub(super) fn bad(message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::BadRequest, message)
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
            FailureKind::Unauthorized => response.with("www-authenticate", "Bearer"),
            FailureKind::Overloaded => response.with("retry-after", "1"),
            _ => response,
        }
    }

    fn status(&self, form: Form) -> u16 {
        match (self.kind, form) {
            (FailureKind::BadRequest, Form::Jina | Form::Tei) => 422,
            (FailureKind::Empty | FailureKind::TooLong, Form::Jina) => 422,
            (FailureKind::TooLong, Form::Tei) => 413,
            (FailureKind::Internal, Form::Tei) => 424,
            (FailureKind::BadRequest | FailureKind::Empty | FailureKind::TooLong, _) => 400,
            (FailureKind::Unauthorized, _) => 401,
            (FailureKind::NoRoute | FailureKind::NoModel, _) => 404,
            (FailureKind::MethodNotAllowed, _) => 405,
            (FailureKind::BodyTimeout, _) => 408,
            (FailureKind::BodyTooLarge, _) => 413,
            (FailureKind::Overloaded, _) => 429,
            (FailureKind::Internal, _) => 500,
            (FailureKind::Deadline, _) => 504,
        }
    }

    /// The type and the code of OpenAI's errors.
    fn openai_type(&self) -> (&'static str, Option<&'static str>) {
        match self.kind {
            FailureKind::Unauthorized => ("invalid_request_error", Some("invalid_api_key")),
            FailureKind::NoModel => ("invalid_request_error", Some("model_not_found")),
            FailureKind::Overloaded => ("requests", Some("rate_limit_exceeded")),
            FailureKind::Deadline | FailureKind::Internal => ("server_error", None),
            _ => ("invalid_request_error", None),
        }
    }

    /// The names of Text Embeddings Inference.
    fn tei_type(&self) -> &'static str {
        match self.kind {
            FailureKind::Empty => "Empty",
            FailureKind::Overloaded => "Overloaded",
            FailureKind::Deadline | FailureKind::Internal => "Backend",
            _ => "Validation",
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let kind = match error.kind() {
            ErrorKind::InvalidArgument | ErrorKind::InvalidText => FailureKind::BadRequest,
            ErrorKind::InputTooLarge => FailureKind::TooLong,
            ErrorKind::Cancelled => FailureKind::Deadline,
            _ => FailureKind::Internal,
        };
        Failure::new(kind, error.to_string())
    }
}
