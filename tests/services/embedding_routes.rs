//! The server's embedding routes without a socket.

use std::sync::OnceLock;

use crate::common::bundled_files;
use crossrank::server::{EmbeddingModel, Model, Options, Request, Response, Server};
use crossrank::{Embedder, EmbedderOptions, ModelFiles, Reranker};
use serde_json::{Value, json};

const TEXTS: [&str; 2] = ["Bananas are rich in potassium.", "A vector database stores embeddings."];

/// A server with low limits, the bundled embedder, and a second one that reads at most 16 tokens, has
/// a prefix for queries, and does not normalize its vectors.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut files = ModelFiles::bundled_embedder().unwrap();
        let plain = Embedder::from_files(&files, EmbedderOptions::default()).unwrap();
        let settings = r#"{"pooling": "mean", "normalize": false, "max_seq_length": 16,
            "prompts": {"query": "query: "}}"#;
        files.embedding.insert("pooling.json".into(), settings.as_bytes().into());
        let raw = Embedder::from_files(&files, EmbedderOptions::default()).unwrap();
        let named = |name: &str, embedder| EmbeddingModel { name: name.into(), embedder };
        let mut options = Options::default();
        options.embedders = vec![named("all-minilm-l6-v2", plain), named("raw", raw)];
        options.limits.documents = 10;
        options.limits.texts = 100;
        options.limits.tokens = 1000;
        options.aliases = vec![("house".into(), "raw".into())];
        Server::new(vec![reranker()], options).unwrap()
    })
}

fn reranker() -> Model {
    let reranker = Reranker::from_files(&bundled_files(), Default::default()).unwrap();
    Model { name: "minilm-l6-en".into(), reranker: reranker.into() }
}

fn call(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let Response { status, body, .. } = server.respond(Request {
        method: "POST".into(),
        path: path.into(),
        id: "r1".into(),
        body: body.to_string().into_bytes(),
        ..Request::default()
    });
    (status, serde_json::from_slice(&body).expect("JSON"))
}

fn post(path: &str, body: Value) -> Value {
    let (status, answer) = call(server(), path, &body);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn floats(vector: &Value) -> Vec<f32> {
    vector.as_array().unwrap().iter().map(|x| x.to_string().parse().unwrap()).collect()
}

fn expected() -> Vec<Vec<f32>> {
    Embedder::bundled().unwrap().embed(&TEXTS).unwrap()
}

#[test]
fn openai() {
    let body = json!({ "input": TEXTS, "model": "text-embedding-3-small", "user": "somebody" });
    let answer = post("/v1/embeddings", body);
    assert_eq!(
        (&answer["object"], &answer["model"]),
        (&json!("list"), &json!("text-embedding-3-small"))
    );
    // [CLS] and [SEP] are counted.
    assert_eq!(answer["usage"], json!({ "prompt_tokens": 19, "total_tokens": 19 }));
    for (i, vector) in expected().iter().enumerate() {
        let item = &answer["data"][i];
        assert_eq!((&item["object"], &item["index"]), (&json!("embedding"), &json!(i)));
        assert_eq!(floats(&item["embedding"]), *vector);
    }
    let one = post("/v1/embeddings", json!({ "input": TEXTS[1], "encoding_format": "float" }));
    assert_eq!(one["model"], "all-minilm-l6-v2");
    assert_eq!(
        one["data"],
        json!([{ "object": "embedding", "index": 0,
        "embedding": answer["data"][1]["embedding"] }])
    );
    let body = json!({ "input": [TEXTS[1]], "encoding_format": "base64", "dimensions": null });
    let text = post("/v1/embeddings", body)["data"][0]["embedding"].as_str().unwrap().to_owned();
    assert_eq!(text.len(), 384 * 4 / 3 * 4);
}

#[test]
fn openai_models_and_kinds() {
    let vector = |body: Value| floats(&post("/v1/embeddings", body)["data"][0]["embedding"]);
    let plain = vector(json!({ "input": "a river" }));
    for name in ["all-minilm-l6-v2", "sentence-transformers/all-MiniLM-L6-v2"] {
        assert_eq!(vector(json!({ "input": "a river", "model": name })), plain);
    }
    let raw = vector(json!({ "input": "a river", "model": "house" }));
    assert_eq!(vector(json!({ "input": "a river", "model": "raw" })), raw);
    assert_ne!(raw, plain);
    let query = json!({ "input": "a river", "model": "raw", "input_type": "query" });
    let prefixed = json!({ "input": "query: a river", "model": "raw", "input_type": "passage" });
    assert_eq!(vector(query), vector(prefixed));
    // The model reads 16 tokens, and longer texts are cut.
    let long = post("/v1/embeddings", json!({ "input": "river ".repeat(50), "model": "raw" }));
    assert_eq!(long["usage"]["total_tokens"], 16);
}

#[test]
fn openai_errors_have_their_own_format() {
    let refused = |body: Value, status: u16, code: Value, says: &str| {
        let (found, answer) = call(server(), "/v1/embeddings", &body);
        assert_eq!((found, &answer["error"]["code"]), (status, &code), "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
        assert_eq!(answer["error"]["type"], "invalid_request_error");
        assert!(answer["error"].as_object().unwrap().contains_key("param"));
    };
    let none = Value::Null;
    refused(json!({ "input": [] }), 400, none.clone(), "no text");
    refused(json!({ "model": "raw" }), 400, none.clone(), "input");
    refused(json!({ "input": [[1, 2]] }), 400, none.clone(), "token ids");
    refused(json!({ "input": "a", "dimensions": 64 }), 400, none.clone(), "have 384");
    refused(
        json!({ "input": "a", "encoding_format": "int8" }),
        400,
        none.clone(),
        "encoding_format",
    );
    refused(json!({ "input": vec!["a"; 101] }), 400, none.clone(), "limit is 100");
    refused(json!({ "input": vec!["a b c d e f g h i j k l"; 90] }), 400, none, "limit is 1000");
    let unknown = json!({ "input": "a", "model": "minilm-l6-en" });
    refused(unknown, 404, json!("model_not_found"), "all-minilm-l6-v2, raw");
}

#[test]
fn text_embeddings_inference() {
    let answer = post("/embed", json!({ "inputs": TEXTS }));
    let vectors: Vec<Vec<f32>> = answer.as_array().unwrap().iter().map(floats).collect();
    assert_eq!(vectors, expected());
    assert_eq!(post("/embed", json!({ "inputs": TEXTS[0] }))[0], answer[0]);
    let raw = floats(&post("/embed", json!({ "inputs": TEXTS[0], "normalize": false }))[0]);
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() > 0.1, "{length}");

    let long = "river ".repeat(400);
    let (status, error) = call(server(), "/embed", &json!({ "inputs": ["a", long] }));
    assert_eq!((status, &error["error_type"]), (413, &json!("Validation")), "{error}");
    assert!(error["error"].as_str().unwrap().starts_with("text 1: "), "{error}");
    let cut = |more: &str| {
        let mut body = json!({ "inputs": [format!("first {long} last")], "truncate": true });
        body["truncation_direction"] = more.into();
        post("/embed", body)
    };
    assert_ne!(cut("Left"), cut("Right"));
    let (status, error) = call(server(), "/embed", &json!({ "inputs": { "a": 1 } }));
    assert_eq!((status, &error["error_type"]), (422, &json!("Validation")), "{error}");
}

#[test]
fn without_an_embedder_the_routes_say_so() {
    let server = Server::new(vec![reranker()], Options::default()).unwrap();
    let (status, error) = call(&server, "/v1/embeddings", &json!({ "input": "a" }));
    assert_eq!(status, 404);
    assert!(error["error"]["message"].as_str().unwrap().contains("--embedder"), "{error}");
    assert_eq!(call(&server, "/embed", &json!({ "inputs": "a" })).0, 404);
}

#[test]
fn a_reranker_and_an_embedder_need_different_names() {
    let embedder = Embedder::bundled().unwrap();
    let mut options = Options::default();
    options.embedders = vec![EmbeddingModel { name: "minilm-l6-en".into(), embedder }];
    assert!(Server::new(vec![reranker()], options).is_err());
}
