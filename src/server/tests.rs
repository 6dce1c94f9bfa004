//! The limits of a request: at, below and above each.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{EmbeddingModel, Limits, Model, Options, Request, Server};
use crate::embedder::{Embedder, EmbedderOptions};
use crate::model::ModelFiles;
use crate::reranker::{LoadOptions, Reranker};
use crate::tokenizer::MAX_TEXT_BYTES;

/// The files of a small model.
fn files(folder: &str) -> ModelFiles {
    ModelFiles::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)).unwrap()
}

/// A server with these limits.
fn server(limits: Limits) -> Server {
    static FILES: OnceLock<[ModelFiles; 2]> = OnceLock::new();
    let [reranker, embedder] =
        FILES.get_or_init(|| [files("graphs/torchscript-14"), files("embedders/bert")]);
    let reranker = Reranker::from_files(reranker, LoadOptions::default()).unwrap();
    let embedder = Embedder::from_files(embedder, EmbedderOptions::default()).unwrap();
    let embedders = vec![EmbeddingModel { name: "embedder".into(), embedder }];
    let options = Options { limits, embedders, ..Options::default() };
    let model = Model { name: "reranker".into(), reranker: reranker.into() };
    Server::new(vec![model], options).unwrap()
}

fn request(path: &str, body: Vec<u8>) -> Request {
    Request { method: "POST".into(), path: path.into(), body, ..Request::default() }
}

/// The status of a request to a server with these limits, and the body of the response.
fn call(limits: Limits, path: &str, body: Vec<u8>) -> (u16, Value) {
    let response = server(limits).respond(request(path, body));
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

fn documents(documents: &[&str]) -> Vec<u8> {
    json!({ "model": "reranker", "query": "what is it", "documents": documents })
        .to_string()
        .into_bytes()
}

/// Sends a request of some size to a server with that limit, one more, and one less.
fn try_limit(size: usize, set: impl Fn(&mut Limits, usize), path: &str, body: &[u8], refusal: u16) {
    for (limit, status) in [(size, 200), (size + 1, 200), (size - 1, refusal)] {
        let mut limits = Limits::default();
        set(&mut limits, limit);
        let (found, answer) = call(limits, path, body.to_vec());
        assert_eq!(found, status, "{size} with the limit {limit}: {answer}");
        if status != 200 {
            let message = answer["message"].as_str().or(answer["error"]["message"].as_str());
            let message = message.expect("a message");
            assert!(message.contains(&limit.to_string()), "{message}");
        }
    }
}

#[test]
fn a_server_refuses_larger_requests() {
    let body = documents(&["this", "that", "and so on"]);
    try_limit(3, |limits, n| limits.documents = n, "/v2/rerank", &body, 400);
    try_limit(body.len(), |limits, n| limits.body = n, "/v2/rerank", &body, 413);

    let (_, answer) = call(Limits::default(), "/v2/rerank", body.clone());
    let tokens = answer["usage"]["total_tokens"].as_u64().unwrap() as usize;
    try_limit(tokens, |limits, n| limits.tokens = n, "/v2/rerank", &body, 400);

    let texts = json!({ "input": ["this", "that"] }).to_string().into_bytes();
    try_limit(2, |limits, n| limits.texts = n, "/v1/embeddings", &texts, 400);
}

#[test]
fn documents_beyond_the_tokens_of_a_request_are_not_read() {
    let server = server(Limits { tokens: 100, ..Limits::default() });
    let request = request("/v2/rerank", documents(&["this and that"; 1000]));
    let read = AtomicUsize::new(0);
    let count = || read.fetch_add(1, Ordering::Relaxed) == usize::MAX;
    let refused = server.prepare(&request, &count).err().expect("it has more tokens");
    assert_eq!(refused.status, 400);
    // They are read as windows, and then cut.
    let read = read.into_inner();
    assert!((2..100).contains(&read), "{read} documents were read");
}

#[test]
fn a_text_has_a_largest_size() {
    for (bytes, expected) in
        [(MAX_TEXT_BYTES - 1, 200), (MAX_TEXT_BYTES, 200), (MAX_TEXT_BYTES + 1, 400)]
    {
        let text = "a ".repeat(bytes / 2) + &"a".repeat(bytes % 2);
        let limits = Limits { tokens: usize::MAX, ..Limits::default() };
        let (status, answer) = call(limits, "/v2/rerank", documents(&["b", &text]));
        assert_eq!(status, expected, "{bytes} bytes: {answer}");
    }
}

#[test]
fn json_has_a_largest_depth() {
    let nested = |depth| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"query": "q", "documents": [{{"text": "a", "more": {value}}}]}}"#)
    };
    // The whole document is an object in an array in an object.
    for (depth, expected) in [(123, 200), (124, 200), (125, 400), (1 << 18, 400)] {
        let (status, answer) = call(Limits::default(), "/v1/rerank", nested(depth).into_bytes());
        assert_eq!(status, expected, "{depth}: {answer}");
    }
}
