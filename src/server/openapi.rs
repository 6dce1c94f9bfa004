//! The description of the routes.

use super::message::Response;

/// The document, but for the version.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn response() -> Response {
    let text = DOCUMENT.replace("{version}", env!("CARGO_PKG_VERSION"));
    Response { body: text.into_bytes(), ..Response::empty(200) }
        .with("content-type", "application/json")
}
