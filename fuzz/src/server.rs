//! Requests to every route of the server.

use std::sync::{Arc, OnceLock};

use arbitrary::Arbitrary;
use crossrank::fusion::StageScores;
use crossrank::server::{
    ApiError, ApiErrorKind, EmbeddingModel, Model, Options, Request, SearchHit, SearchIndex,
    Server, Tokens,
};
use crossrank::{Embedder, EmbedderOptions, LoadOptions, Reranker};
use serde_json::{Value, json};

use super::decode;
use super::json::JsonEdit;
use super::model::files;

#[derive(Arbitrary, Debug)]
struct Call {
    method: u8,
    path: Path,
    token: Option<String>,
    encoding: Option<u8>,
    body: Body,
}

#[derive(Arbitrary, Debug)]
enum Path {
    Known(u8),
    Text(String),
}

#[derive(Arbitrary, Debug)]
enum Body {
    Known(u8, Vec<JsonEdit>),
    Bytes(Vec<u8>),
}

/// Whether a token is asked for depends on the path, so that most requests need none.
const METHODS: [&str; 8] = ["POST", "POST", "POST", "POST", "GET", "HEAD", "PUT", "é"];
const ENCODINGS: [&str; 6] = ["gzip", "deflate", "identity", "x-gzip", "br", "gzip, gzip"];

const WORDS: [&str; 66] = [
    "query",
    "documents",
    "texts",
    "input",
    "inputs",
    "model",
    "top_n",
    "top_k",
    "return_documents",
    "return_text",
    "raw_scores",
    "truncate",
    "truncation",
    "truncation_direction",
    "Left",
    "Right",
    "rank_fields",
    "text",
    "title",
    "max_chunks_per_doc",
    "max_tokens_per_doc",
    "queries",
    "property",
    "encoding_format",
    "float",
    "base64",
    "dimensions",
    "user",
    "normalize",
    "prompt_name",
    "input_type",
    "search_query",
    "recall",
    "mode",
    "hybrid",
    "vector",
    "fusion",
    "min_score",
    "weights",
    "rrf",
    "minilm",
    "rerank-v3.5",
    "other",
    "embedder",
    "True",
    "false",
    "0",
    "-1",
    "1e999",
    "NaN",
    "3.0",
    "image",
    "url",
    "index",
    "id",
    "score",
    "scores",
    "first",
    "second",
    "max_windows",
    "windows",
    "long_documents",
    "priority",
    "",
    "\u{0}",
    "\u{feff}",
];

pub fn run(data: &[u8]) {
    let Some(call) = decode::<Call>(data) else { return };
    let paths = paths();
    let path = match call.path {
        Path::Known(path) => paths[usize::from(path) % paths.len()].clone(),
        Path::Text(path) => path,
    };
    let body = match call.body {
        Body::Bytes(bytes) => bytes,
        Body::Known(which, edits) => {
            let bodies = bodies();
            let mut body = bodies[usize::from(which) % bodies.len()].clone();
            edits.iter().take(6).for_each(|edit| edit.apply(&mut body, &WORDS));
            body.to_string().into_bytes()
        }
    };
    let token = call.token.map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
    let encoding =
        call.encoding.map(|which| ENCODINGS[usize::from(which) % ENCODINGS.len()].to_owned());
    let encoding = encoding.map(|encoding| ("content-encoding".to_owned(), encoding));
    let request = Request {
        method: METHODS[usize::from(call.method) % METHODS.len()].to_owned(),
        path,
        headers: token.into_iter().chain(encoding).collect(),
        id: "r1".to_owned(),
        body,
    };
    let [open, closed] = servers();
    check(closed, request.clone());
    check(open, request);
}

fn check(server: &Server, request: Request) {
    let path = request.path.clone();
    let response = server.respond(request);
    let text = String::from_utf8_lossy(&response.body);
    assert!((200..500).contains(&response.status), "{path}: {} {text}", response.status);
    for (name, value) in &response.headers {
        assert!(value.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{name}: {value:?}");
        if *name == "content-type" && value == "application/json" {
            serde_json::from_slice::<serde::de::IgnoredAny>(&response.body).expect("JSON");
        }
    }
}

struct Passages;

impl SearchIndex for Passages {
    fn find(
        &self,
        query: &str,
        mode: Option<&str>,
        recall: usize,
    ) -> Result<Vec<SearchHit>, ApiError> {
        if mode == Some("vector") {
            return Err(ApiError::new(ApiErrorKind::BadRequest, "the index has no vectors"));
        }
        let hit = |i: usize| SearchHit {
            path: format!("{i}.md"),
            id: i.is_multiple_of(2).then(|| query.to_owned()),
            line: i + 1,
            start: 0,
            end: query.len(),
            title: String::new(),
            passage: query.to_owned(),
            text: format!("{query} {i}"),
            score: 1.0 / (i + 1) as f64,
            stages: StageScores::default(),
        };
        Ok((0..recall.min(5)).map(hit).collect())
    }
}

/// A server for everyone, and one that asks for a token.
fn servers() -> &'static [Server; 2] {
    static SERVERS: OnceLock<[Server; 2]> = OnceLock::new();
    SERVERS.get_or_init(|| {
        ["", "secret"].map(|tokens| {
            let mut load = LoadOptions::default();
            load.threads = Some(1);
            let reranker = Reranker::from_files(&files("graphs/torchscript-14"), load).unwrap();
            let mut load = EmbedderOptions::default();
            load.threads = Some(1);
            let embedder = Embedder::from_files(&files("embedders/bert"), load).unwrap();
            let mut options = Options::default();
            options.limits.documents = 50;
            options.limits.texts = 50;
            options.limits.tokens = 2000;
            options.limits.body = 1 << 20;
            options.tokens = Tokens::parse(tokens);
            options.embedders = vec![EmbeddingModel { name: "embedder".into(), embedder }];
            options.index = Some(Arc::new(Passages));
            options.path_prefix = "/below".into();
            let model = Model { name: "minilm".into(), reranker: reranker.into() };
            Server::new(vec![model], options).unwrap()
        })
    })
}

/// The paths that the server's own description names, and some in other words.
fn paths() -> &'static [String] {
    static PATHS: OnceLock<Vec<String>> = OnceLock::new();
    PATHS.get_or_init(|| {
        let request =
            Request { method: "GET".into(), path: "/openapi.json".into(), ..Request::default() };
        let description: Value =
            serde_json::from_slice(&servers()[0].respond(request).body).unwrap();
        let described = description["paths"].as_object().unwrap().keys().cloned();
        let others = ["/", "/below//rerank/", "/v1/models/%ff%00", "/embeddings", "/reranking"];
        described.chain(others.map(String::from)).collect()
    })
}

fn bodies() -> &'static [Value] {
    static BODIES: OnceLock<Vec<Value>> = OnceLock::new();
    BODIES.get_or_init(|| {
        let documents = json!(["a vector database", "bananas", "this and that"]);
        vec![
            json!({ "query": "what is it", "documents": documents, "top_n": 2, "model": "rerank-v3.5" }),
            json!({ "query": "what is it", "documents": [{ "text": "a", "title": "b" }, "c"], "return_documents": true,
                "rank_fields": ["title", "text"] }),
            json!({ "query": "what is it", "texts": documents, "raw_scores": false, "return_text": true,
                "truncate": true, "truncation_direction": "Left" }),
            json!({ "query": "what is it", "documents": documents, "property": "text" }),
            json!({ "queries": [{ "query": "a", "documents": documents }, { "query": "b", "documents": ["c"] }] }),
            json!({ "query": "what is it", "recall": 4, "top_k": 2, "mode": "text" }),
            json!({ "input": ["a", "b"], "model": "embedder", "encoding_format": "base64" }),
            json!({ "inputs": "a text", "normalize": true, "truncate": false }),
            json!({ "query": "q", "documents": [{ "text": "a", "score": 0.5 }], "fusion": { "weights": { "rerank": 1 } },
                "min_score": 0.1, "max_windows": 2 }),
        ]
    })
}
