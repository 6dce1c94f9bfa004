//! The tables of the routes against each other.

use super::*;

#[test]
fn the_openapi_document_describes_the_routes_and_no_others() {
    let body = openapi::response().body;
    let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let described: std::collections::BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let routes = ROUTES.iter().map(|(method, path, _)| (method.to_string(), path.to_string()));
    assert_eq!(described, routes.collect());
}

/// Every `$ref` of the document names a schema, and every schema is named.
#[test]
fn the_openapi_document_refers_to_what_it_has() {
    let body = openapi::response().body;
    let text = String::from_utf8(body).unwrap();
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
