//! The description of the routes.

use super::request::Response;

/// The document, with placeholders for the version and for the prefix of the paths.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) fn response(path_prefix: &str) -> Response {
    let text = DOCUMENT.replace("{version}", env!("CARGO_PKG_VERSION"));
    let text = text.replace("{prefix}", path_prefix);
    Response { body: text.into_bytes(), ..Response::empty(200) }
        .with("content-type", "application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` of the document names a schema, and every schema has a `$ref`.
    #[test]
    fn the_openapi_document_refers_to_what_it_has() {
        let text = String::from_utf8(response("").body).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut named: Vec<&str> = text
            .split("#/components/schemas/")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        named.sort();
        named.dedup();
        assert_eq!(named, schemas.keys().map(String::as_str).collect::<Vec<_>>());
    }
}
