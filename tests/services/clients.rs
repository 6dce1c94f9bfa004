//! Requests as applications send them, which the tests cannot run, and as careless clients do.

use std::io::Write;
use std::sync::OnceLock;

use crate::common::bundled_files;
use crossrank::server::{EmbeddingModel, Model, Options, Request, Response, Server};
use crossrank::{Embedder, EmbedderOptions, ModelFiles, Reranker};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

const QUERY: &str = "What is the capital of the United States?";
const DOCUMENTS: [&str; 3] = [
    "Carson City is the capital city of the American state of Nevada.",
    "Saipan is an island.",
    "Washington, D.C. is the capital of the United States.",
];

fn new_server(change: impl FnOnce(&mut Options)) -> Server {
    let reranker = Reranker::from_files(&bundled_files(), Default::default()).unwrap();
    let files = ModelFiles::bundled_embedder().unwrap();
    let embedder = Embedder::from_files(&files, EmbedderOptions::default()).unwrap();
    let mut options = Options::default();
    options.embedders = vec![EmbeddingModel { name: "all-minilm-l6-v2".into(), embedder }];
    options.aliases = vec![("house/model".into(), "minilm-l6-en".into())];
    options.limits.body = 1 << 20;
    change(&mut options);
    let model = Model { name: "minilm-l6-en".into(), reranker: reranker.into() };
    Server::new(vec![model], options).unwrap()
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| new_server(|_| ()))
}

fn request(method: &str, path: &str, body: impl Into<Vec<u8>>) -> Request {
    let (method, path) = (method.into(), path.into());
    Request { method, path, id: "r1".into(), body: body.into(), ..Request::default() }
}

fn json_of(response: &Response) -> Value {
    let text = String::from_utf8_lossy(&response.body);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// The response to a body that must be accepted.
fn post(path: &str, body: impl ToString) -> Value {
    let response = server().respond(request("POST", path, body.to_string()));
    let (shown, answer) =
        (body.to_string().chars().take(200).collect::<String>(), json_of(&response));
    assert_eq!(response.status, 200, "{path} {shown}: {answer}");
    answer
}

fn get(path: &str) -> Value {
    let response = server().respond(request("GET", path, ""));
    assert_eq!(response.status, 200, "{path}");
    json_of(&response)
}

fn indexes(results: &Value) -> Vec<u64> {
    let results = results.as_array().unwrap_or_else(|| panic!("{results}"));
    results.iter().map(|result| result["index"].as_u64().unwrap()).collect()
}

fn body() -> Value {
    json!({ "query": QUERY, "documents": DOCUMENTS })
}

/// A body with further fields.
fn with(more: Value) -> Value {
    let mut body = body();
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn results(more: Value) -> Value {
    post("/v1/rerank", with(more))["results"].clone()
}

#[test]
fn documents_at_the_root_get_results_with_model_and_usage() {
    let expected = post("/v1/rerank", body());
    assert_eq!(indexes(&expected["results"]), [2, 0, 1]);
    assert_eq!(expected["model"], "minilm-l6-en");
    let tokens = expected["usage"]["total_tokens"].as_u64().unwrap();
    assert!(tokens > 30, "{expected}");
    assert_eq!(expected["meta"]["tokens"], json!({ "input_tokens": tokens, "output_tokens": 0 }));
    for path in ["/rerank", "/reranking", "/v1/reranking"] {
        assert_eq!(post(path, body()), expected, "{path}");
    }
    // Milvus's vLLM ranker, and RAGFlow with a base address that ends in /v1.
    assert_eq!(post("/rerank", with(json!({ "truncate_prompt_tokens": 512 }))), expected);
    let nulls = json!({ "model": null, "top_n": null, "return_documents": null });
    assert_eq!(post("/rerank", with(nulls)), expected);
    // Dify, and LiteLLM's hosted_vllm.
    let all = json!({ "model": "minilm-l6-en", "top_n": 3, "return_documents": true });
    let result = &post("/rerank", with(all))["results"][0];
    assert_eq!(result["document"], json!({ "text": DOCUMENTS[2] }));
    let object = json!({ "query": "q", "documents": [{ "text": "a" }, "b"] });
    assert_eq!(indexes(&post("/rerank", object)["results"]).len(), 2);

    let texts = post("/rerank", json!({ "query": QUERY, "texts": DOCUMENTS }));
    assert_eq!(indexes(&texts), [2, 0, 1]);
    assert_eq!(texts[0]["score"], expected["results"][0]["relevance_score"]);
    let first = json!({ "query": QUERY, "texts": DOCUMENTS, "top_n": 1, "documents": null });
    assert_eq!(indexes(&post("/rerank", first)), [2]);
}

#[test]
fn open_webui_and_librechat_find_their_fields() {
    let expected = results(json!({}));
    let open_webui = json!({ "model": "minilm-l6-en", "top_n": 3 });
    assert_eq!(post("/v1/rerank", with(open_webui))["results"], expected);
    let libre_chat =
        json!({ "model": "jina-reranker-v1-turbo-en", "top_n": 2, "return_documents": true });
    let answer = post("/jina/v1/rerank", with(libre_chat));
    for (result, index) in answer["results"].as_array().unwrap().iter().zip([2, 0]) {
        assert_eq!(result["document"]["text"], DOCUMENTS[index]);
        assert!(result["relevance_score"].is_f64(), "{result}");
    }
}

#[test]
fn ragflow_reads_tokens_of_xinference() {
    let flags =
        json!({ "model": "minilm-l6-en", "return_documents": "true", "return_len": "true" });
    let answer = post("/v1/rerank", with(flags));
    assert_eq!(answer["results"][0]["document"]["text"], DOCUMENTS[2]);
    let tokens = &answer["meta"]["tokens"];
    let sum = tokens["input_tokens"].as_u64().unwrap() + tokens["output_tokens"].as_u64().unwrap();
    assert_eq!(answer["usage"]["total_tokens"], sum);
}

#[test]
fn infinity_gives_documents_as_strings() {
    let client = json!({ "model": "default/not-specified", "raw_scores": false, "top_n": null });
    assert_eq!(indexes(&post("/rerank", with(client))["results"]), [2, 0, 1]);
    for path in ["/infinity/rerank", "/infinity/v1/rerank"] {
        let answer = post(path, with(json!({ "return_documents": true, "raw_scores": true })));
        assert_eq!(
            (&answer["object"], &answer["model"]),
            (&json!("rerank"), &json!("minilm-l6-en"))
        );
        assert_eq!(answer["results"][0]["document"], DOCUMENTS[2]);
        let scores = results(json!({ "raw_scores": 1 }));
        assert_eq!(answer["results"][0]["relevance_score"], scores[0]["relevance_score"]);
        assert!(answer["usage"]["prompt_tokens"].is_u64());
    }
    let plain = results(json!({}))[0]["relevance_score"].as_f64().unwrap();
    let logit = results(json!({ "raw_scores": true }))[0]["relevance_score"].as_f64().unwrap();
    assert!((plain - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6, "{plain} of {logit}");
}

#[test]
fn weaviate_gets_the_scores_in_the_order_of_its_documents() {
    let answer = post("/rerank", with(json!({ "property": "" })));
    assert_eq!(answer["query"], QUERY);
    let scores: Vec<Value> = [0, 1, 2]
        .map(|i| {
            let ranked = results(json!({}));
            let result = ranked.as_array().unwrap().iter().find(|r| r["index"] == i).unwrap();
            json!({ "document": DOCUMENTS[i], "score": result["relevance_score"] })
        })
        .into();
    assert_eq!(answer["scores"], json!(scores));
    for path in ["/.well-known/ready", "/.well-known/live"] {
        let response = server().respond(request("GET", path, ""));
        assert_eq!((response.status, response.body.len()), (204, 0), "{path}");
    }
    assert_eq!(get("/meta")["model_id"], "minilm-l6-en");
}

#[test]
fn models_are_listed() {
    for path in ["/v1/models", "/models"] {
        let list = get(path);
        let ids: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
        assert_eq!(
            (&list["object"], &ids[..]),
            (
                &json!("list"),
                &[&json!("minilm-l6-en"), &json!("all-minilm-l6-v2"), &json!("house/model")][..]
            )
        );
    }
    let reranker = json!({ "id": "minilm-l6-en", "object": "model", "created": 0,
        "owned_by": "crossrank", "model_type": "rerank", "max_model_len": 512 });
    assert_eq!(get("/v1/models/minilm-l6-en"), reranker);
    for path in ["/v1/models/house/model", "/v1/models/house%2Fmodel", "//models/house/model/"] {
        let alias = get(path);
        assert_eq!((&alias["id"], &alias["model_type"]), (&json!("house/model"), &json!("rerank")));
    }
    let embedder = get("/v1/models/all-minilm-l6-v2");
    assert_eq!(
        (&embedder["model_type"], &embedder["dimensions"]),
        (&json!("embedding"), &json!(384))
    );
    let unknown = server().respond(request("GET", "/v1/models/none", ""));
    let error = &json_of(&unknown)["error"];
    assert_eq!((unknown.status, &error["code"]), (404, &json!("model_not_found")));
    assert!(error["message"].as_str().unwrap().contains("all-minilm-l6-v2"), "{error}");
}

#[test]
fn flags_and_numbers_are_understood_in_every_form() {
    for all in [json!(null), json!(0), json!(3), json!("3"), json!(3.0), json!("3.0"), json!(99)] {
        assert_eq!(indexes(&results(json!({ "top_n": all }))).len(), 3, "{all}");
    }
    for two in [json!(2), json!("2"), json!(2.0), json!(" 2 ")] {
        assert_eq!(indexes(&results(json!({ "top_n": two }))).len(), 2, "{two}");
    }
    for (flags, expected) in [
        (json!([true, "true", "True", 1, "1", " TRUE "]), true),
        (json!([false, "false", "False", 0, "0", null]), false),
    ] {
        for flag in flags.as_array().unwrap() {
            let result = &results(json!({ "return_documents": flag }))[0];
            assert_eq!(result.get("document").is_some(), expected, "{flag}");
        }
    }
    let none = results(json!({ "max_tokens_per_doc": 0, "max_chunks_per_doc": 0, "model": "" }));
    assert_eq!(none, results(json!({})));
    assert_eq!(post("/v1/rerank", with(json!({ "model": "" })))["model"], "minilm-l6-en");
    assert_eq!(post("/v2/rerank", with(json!({ "model": "" })))["results"], none);
    let texts = json!({ "query": QUERY, "texts": DOCUMENTS, "return_text": "true",
        "raw_scores": "false", "truncate": "1" });
    let answer = post("/rerank", texts);
    assert_eq!(answer[0]["text"], DOCUMENTS[2]);
    assert_eq!(answer[0]["score"], none[0]["relevance_score"]);
    let jina = json!({ "model": "", "top_n": "1", "return_documents": "0" });
    assert_eq!(post("/jina/v1/rerank", with(jina))["results"], json!([none[0]]));
    let voyage = json!({ "model": "", "top_k": "1", "truncation": "true" });
    assert_eq!(indexes(&post("/voyage/v1/rerank", with(voyage))["data"]), [2]);
}

#[test]
fn embedding_requests_may_state_the_dimensions_of_the_model() {
    let texts = json!({ "input": ["a river"], "model": "all-minilm-l6-v2" });
    let expected = post("/v1/embeddings", &texts);
    for dimensions in [json!(384), json!("384"), json!(384.0), json!(0), json!(null)] {
        let mut body = texts.clone();
        body["dimensions"] = dimensions;
        assert_eq!(post("/v1/embeddings", &body), expected, "{body}");
        assert_eq!(post("/embeddings", &body), expected, "{body}");
    }
    for (path, field) in [("/v1/embeddings", "input"), ("/embed", "inputs")] {
        let body = json!({ field: "a river", "dimensions": 256 });
        let response = server().respond(request("POST", path, body.to_string()));
        let text = String::from_utf8_lossy(&response.body).into_owned();
        assert!([400, 422].contains(&response.status) && text.contains("384"), "{path}: {text}");
        post(path, json!({ field: "a river", "dimensions": 384 }));
    }
    let many =
        post("/v1/embeddings", json!({ "input": vec!["a"; 2048], "encoding_format": "base64" }));
    assert_eq!(many["data"].as_array().unwrap().len(), 2048);
    for (kind, model) in [("search_query", ""), ("search_document", "default/not-specified")] {
        let body = json!({ "input": "a river", "input_type": kind, "model": model });
        assert_eq!(post("/v1/embeddings", body)["data"], expected["data"]);
    }
}

#[test]
fn paths_are_joined_carelessly() {
    let expected = post("/v1/rerank", body());
    for path in ["/v1/rerank/", "//v1/rerank", "/v1//rerank", "///v1/rerank//"] {
        assert_eq!(post(path, body()), expected, "{path}");
        assert_eq!(server().label(path), "/v1/rerank");
        assert!(server().needs_model(&request("POST", path, "")));
    }
    assert_eq!(get("/info/"), get("/info"));
    // Hugging Face's client sends texts to the address itself.
    let embedded = post("/embed", json!({ "inputs": "a river" }));
    for path in ["", "/", "//"] {
        assert_eq!(post(path, json!({ "inputs": "a river" })), embedded, "{path:?}");
    }
    for path in ["/v1", "/v1/rerank/x", "/v1 /rerank", "/v1/models/"] {
        let status = server().respond(request("POST", path, body().to_string())).status;
        assert!([404, 405].contains(&status), "{path}: {status}");
    }
}

#[test]
fn head_is_understood_wherever_get_is() {
    for path in ["/health", "/info", "/v1/models", "/openapi.json", "/.well-known/ready"] {
        let [get, head] = ["GET", "HEAD"].map(|m| server().respond(request(m, path, "")));
        assert_eq!((head.status, head.headers), (get.status, get.headers), "{path}");
    }
    assert_eq!(server().respond(request("HEAD", "/v1/rerank", "")).status, 405);
}

#[test]
fn routes_answer_below_a_prefix_too() {
    let server = new_server(|options| options.path_prefix = "rerankers//".into());
    for path in ["/rerankers/v1/rerank", "/v1/rerank", "//rerankers//v1/rerank/"] {
        let response = server.respond(request("POST", path, body().to_string()));
        assert_eq!(indexes(&json_of(&response)["results"]), [2, 0, 1], "{path}");
        assert_eq!(server.label(path), "/v1/rerank");
    }
    assert_eq!(server.respond(request("GET", "/rerankers/health", "")).status, 200);
    let embed = request("POST", "/rerankers", r#"{"inputs":"a"}"#);
    assert_eq!(server.respond(embed).status, 200);
    for path in ["/rerankersv1/rerank", "/other/v1/rerank", "/rerankers/rerankers/v1/rerank"] {
        assert_eq!(server.respond(request("POST", path, "{}")).status, 404, "{path}");
    }
    let document = json_of(&server.respond(request("GET", "/rerankers/openapi.json", "")));
    assert_eq!(document["servers"][0]["url"], "/rerankers/");
    let reranker = Reranker::from_files(&bundled_files(), Default::default()).unwrap();
    let mut options = Options::default();
    options.path_prefix = "http://host/".into();
    let model = Model { name: "m".into(), reranker: reranker.into() };
    assert!(Server::new(vec![model], options).is_err());
}

#[test]
fn any_model_name_is_accepted_where_the_server_says_so() {
    let any = new_server(|options| options.accept_any_model = true);
    let status = |server: &Server, path: &str, body: Value| {
        server.respond(request("POST", path, body.to_string())).status
    };
    let name = "jina-reranker-v2-base-multilingual";
    for path in ["/v1/rerank", "/v2/rerank", "/jina/v1/rerank", "/voyage/v1/rerank", "/rerank"] {
        let body = with(json!({ "model": name }));
        assert_eq!(status(&any, path, body.clone()), 200, "{path}");
        assert_eq!(status(server(), path, body), 404, "{path} without the option");
    }
    let named = with(json!({ "model": name })).to_string();
    assert_eq!(json_of(&any.respond(request("POST", "/v1/rerank", named)))["model"], name);
    let body = json!({ "input": "a", "model": "BAAI/bge-m3" });
    assert_eq!(status(&any, "/v1/embeddings", body), 200);
    // The list holds what is loaded.
    assert_eq!(any.respond(request("GET", "/v1/models/none", "")).status, 404);
}

fn compressed(encoding: &str, body: Vec<u8>) -> Request {
    let headers = vec![("content-encoding".into(), encoding.into())];
    Request { headers, ..request("POST", "/v1/rerank", body) }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_bodies_are_read() {
    let (expected, text) = (post("/v1/rerank", body()), body().to_string());
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(text.as_bytes()).unwrap();
    let (first, second) = text.as_bytes().split_at(20);
    for (encoding, body) in [
        ("gzip", gzip(text.as_bytes())),
        ("GZIP", gzip(text.as_bytes())),
        ("x-gzip", [gzip(first), gzip(second)].concat()),
        ("deflate", zlib.finish().unwrap()),
        ("identity", text.clone().into_bytes()),
        ("", text.clone().into_bytes()),
    ] {
        let response = server().respond(compressed(encoding, body));
        assert_eq!(json_of(&response), expected, "{encoding}");
    }
    let whole = gzip(text.as_bytes());
    for (encoding, body, status, part) in [
        ("gzip", text.clone().into_bytes(), 400, "not valid gzip"),
        ("gzip", whole[..whole.len() / 2].to_vec(), 400, "not valid gzip"),
        ("deflate", whole.clone(), 400, "not valid deflate"),
        ("br", whole.clone(), 415, "with br; send it as gzip or deflate"),
        ("gzip, gzip", whole, 415, "gzip, gzip"),
        // A megabyte is the limit.
        ("gzip", gzip(&vec![b' '; 64 << 20]), 413, "limit"),
        ("gzip", gzip(&[vec![b' '; 1 << 20], b"{}".to_vec()].concat()), 413, "limit"),
    ] {
        let request = compressed(encoding, body);
        let refused = server().admit(&request).err();
        assert_eq!(refused.is_some(), status == 415, "{encoding}");
        let response = server().respond(request);
        let message = json_of(&response)["message"].as_str().unwrap().to_owned();
        assert_eq!((response.status, message.contains(part)), (status, true), "{message}");
        let accepted = ("accept-encoding", "gzip, deflate".to_owned());
        assert_eq!(response.headers.contains(&accepted), status == 415);
    }
}

#[test]
fn byte_order_marks_and_halves_of_characters_are_left_out() {
    assert_eq!(post("/v1/rerank", format!("\u{feff}{}", body())), post("/v1/rerank", body()));
    let text = |end: &str| {
        format!(
            r#"{{"query":"a smile{end}","documents":["a {end}smile{end}"],"return_documents":1}}"#
        )
    };
    let expected = post("/v1/rerank", text("\\ufffd"));
    for half in ["\\ud83d", "\\uDE00", "\\uD83D\\uD83D", "\\uDE00\\uD83D"] {
        let answer = post("/v1/rerank", text(half));
        let score = &answer["results"][0]["relevance_score"];
        assert_eq!(score, &expected["results"][0]["relevance_score"], "{half}");
    }
    let cut = post("/v1/rerank", text("\\ud83d"));
    assert_eq!(cut["results"][0]["document"]["text"], "a \u{fffd}smile\u{fffd}");
    let whole = post("/v1/rerank", text("\\ud83d\\ude00"));
    assert_eq!(whole["results"][0]["document"]["text"], "a 😀smile😀");
    let vectors = post("/v1/embeddings", r#"{"input":["a smile \ud83d"]}"#);
    assert_eq!(
        vectors["data"],
        post("/v1/embeddings", json!({ "input": "a smile \u{fffd}" }))["data"]
    );
}
