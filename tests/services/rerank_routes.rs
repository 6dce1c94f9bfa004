//! The server's rerank routes without a socket: the requests, responses and errors of each API.

use std::sync::OnceLock;

use crate::common::{bundled_files, reranker, truncate};
use crossrank::server::{Model, Options, Request, Response, Server, Tokens};
use crossrank::{LoadOptions, Reranker};
use serde_json::{Value, json};

const QUERY: &str = "what is a vector database";
const DOCUMENTS: [&str; 3] = [
    "Bananas are rich in potassium.",
    "A vector database stores embeddings.",
    "Relational databases keep rows in tables.",
];

/// A server with low limits and two models. The second reads at most 16 tokens.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let model = |name: &str, max_length| {
            let mut options = LoadOptions::default();
            options.max_length = max_length;
            let reranker = Reranker::from_files(&bundled_files(), options).unwrap();
            Model { name: name.into(), reranker: reranker.into() }
        };
        let mut options = Options::default();
        options.limits.body = 1 << 20;
        options.limits.documents = 100;
        options.limits.tokens = 5000;
        options.aliases = vec![("house".into(), "short".into())];
        Server::new(vec![model("minilm-l6-en", None), model("short", Some(16))], options).unwrap()
    })
}

fn call(method: &str, path: &str, body: impl AsRef<[u8]>) -> Response {
    server().respond(request(method, path, body))
}

fn request(method: &str, path: &str, body: impl AsRef<[u8]>) -> Request {
    Request {
        method: method.into(),
        path: path.into(),
        id: "r1".into(),
        body: body.as_ref().to_vec(),
        ..Request::default()
    }
}

fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

fn post(path: &str, body: Value) -> Value {
    let response = call("POST", path, body.to_string());
    let text = String::from_utf8_lossy(&response.body).into_owned();
    assert_eq!(response.status, 200, "{path}: {text}");
    json_of(&response)
}

/// The library's results, as JSON numbers with the same digits: `(index, score, logit)`.
fn expected(top_k: usize) -> Vec<(usize, Value, Value)> {
    let number = |f: f32| serde_json::from_str(&serde_json::to_string(&f).unwrap()).unwrap();
    let ranking = reranker().rerank(QUERY, &DOCUMENTS, top_k).unwrap();
    ranking.results.iter().map(|r| (r.index, number(r.score), number(r.logit))).collect()
}

/// The number of tokens that the model reads for all documents.
fn tokens() -> usize {
    DOCUMENTS.iter().map(|d| reranker().encode(QUERY, d).unwrap().ids.len()).sum()
}

#[test]
fn cohere_version_2() {
    let body = json!({ "model": "rerank-v3.5", "query": QUERY, "documents": DOCUMENTS, "top_n": 2,
        "max_tokens_per_doc": 4096, "priority": 0 });
    let results: Vec<Value> = expected(2)
        .iter()
        .map(|(index, score, _)| json!({ "index": index, "relevance_score": score }))
        .collect();
    let tokens = tokens();
    let meta = json!({ "api_version": { "version": "2", "is_experimental": false },
        "billed_units": { "search_units": 1 },
        "tokens": { "input_tokens": tokens, "output_tokens": 0 } });
    let usage = json!({ "total_tokens": tokens, "prompt_tokens": tokens });
    let answer = post("/v2/rerank", body);
    let expected = json!({ "id": "r1", "results": results, "model": "rerank-v3.5",
        "usage": usage, "meta": meta });
    assert_eq!(answer, expected);
}

#[test]
fn cohere_version_1_gives_documents_back() {
    let objects =
        json!([{ "text": DOCUMENTS[0], "id": 7 }, DOCUMENTS[1], { "text": DOCUMENTS[2] }]);
    let body = json!({ "query": QUERY, "documents": objects, "return_documents": true,
        "max_chunks_per_doc": 10 });
    let answer = post("/v1/rerank", body);
    assert_eq!(answer["meta"]["api_version"]["version"], "1");
    let order = expected(3);
    for (result, (index, score, _)) in answer["results"].as_array().unwrap().iter().zip(&order) {
        assert_eq!((&result["index"], &result["relevance_score"]), (&json!(index), score));
        assert_eq!(result["document"]["text"], DOCUMENTS[*index]);
    }
    let first = answer["results"].as_array().unwrap().iter().find(|r| r["index"] == 0).unwrap();
    assert_eq!(first["document"]["id"], 7);
    let silent = post("/v1/rerank", json!({ "query": QUERY, "documents": DOCUMENTS }));
    assert!(silent["results"][0].get("document").is_none());
}

#[test]
fn cohere_version_1_scores_the_fields_named() {
    let score = |body: Value| post("/v1/rerank", body)["results"][0]["relevance_score"].clone();
    let plain = |text: &str| score(json!({ "query": QUERY, "documents": [text] }));
    let object = json!([{ "title": "Vector database", "n": 4, "text": "Bananas", "no": null }]);
    let fields = |fields: &[&str]| {
        score(json!({ "query": QUERY, "documents": object, "rank_fields": fields }))
    };
    assert_eq!(fields(&["title"]), plain("Vector database"));
    assert_eq!(fields(&["n", "title", "no", "absent"]), plain("4\nVector database"));
    assert_eq!(fields(&[]), plain("Bananas"));
    assert_ne!(plain("Bananas"), plain("Vector database"));
}

#[test]
fn responses_tell_of_cut_documents() {
    let long = "vector database ".repeat(300);
    let warnings = |chunks: usize| {
        let documents = json!([&long, "b"]);
        let body = json!({ "query": QUERY, "documents": documents, "max_chunks_per_doc": chunks });
        post("/v1/rerank", body)["meta"]["warnings"].clone()
    };
    assert_eq!(warnings(1), json!(["1 document was cut to fit the model"]));
    assert_eq!(warnings(10), Value::Null);

    let reranker = Reranker::from_files(&bundled_files(), LoadOptions::default()).unwrap();
    let mut options = Options::default();
    options.max_windows = Some(1);
    let model = Model { name: "minilm-l6-en".into(), reranker: reranker.into() };
    let server = Server::new(vec![model], options).unwrap();
    let body = json!({ "query": QUERY, "documents": [long] }).to_string();
    let answer = json_of(&server.respond(request("POST", "/v1/rerank", body)));
    assert_eq!(answer["meta"]["warnings"], json!(["1 document was cut to fit the model"]));
    let v2 = |document: &str, most: usize| {
        post(
            "/v2/rerank",
            json!({ "model": "house", "query": "q", "documents": [document],
                "max_tokens_per_doc": most }),
        )["results"][0]["relevance_score"]
            .clone()
    };
    assert_eq!(v2("vector database of bananas", 2), v2("vector database", 2));
    assert_ne!(v2("vector database of bananas", 2), v2("vector database of bananas", 4));
}

#[test]
fn windows_over_the_limit_of_tokens_become_cuts() {
    // The limit is 5000 tokens. The windows of the documents have more than 8000, and the documents
    // that are cut have 1536.
    let long = "vector database ".repeat(1000);
    let body = json!({ "query": QUERY, "documents": [long, long, long] });
    let warnings = &post("/v1/rerank", body)["meta"]["warnings"];
    assert_eq!(warnings, &json!(["3 documents were cut to fit the model"]));
}

#[test]
fn jina() {
    let body = json!({ "model": "jina-reranker-v1-turbo-en", "query": { "text": QUERY },
        "documents": [{ "text": DOCUMENTS[0] }, DOCUMENTS[1], DOCUMENTS[2]], "top_n": 1 });
    let (index, score, _) = &expected(1)[0];
    let tokens = tokens();
    let result = json!({ "index": index, "relevance_score": score,
        "document": { "text": DOCUMENTS[*index] } });
    let expected = json!({ "model": "jina-reranker-v1-turbo-en", "object": "list",
        "usage": { "total_tokens": tokens, "prompt_tokens": tokens }, "results": [result] });
    assert_eq!(post("/jina/v1/rerank", body), expected);
}

#[test]
fn voyage() {
    let body = json!({ "model": "rerank-2.5", "query": QUERY, "documents": DOCUMENTS, "top_k": 1,
        "return_documents": true });
    let answer = post("/voyage/v1/rerank", body);
    let (index, score, _) = &expected(1)[0];
    let item = json!({ "relevance_score": score, "index": index, "document": DOCUMENTS[*index] });
    assert_eq!((&answer["object"], &answer["model"]), (&json!("list"), &json!("rerank-2.5")));
    assert_eq!(answer["data"], json!([item]));
    assert!(answer["usage"]["total_tokens"].as_u64().unwrap() > 20);
}

#[test]
fn text_embeddings_inference() {
    // Milvus's TEI ranker sends `truncate` and `truncation_direction` with every request.
    let body = json!({ "query": QUERY, "texts": DOCUMENTS, "truncate": true,
        "truncation_direction": "Right" });
    let scores: Vec<Value> =
        expected(3).iter().map(|(i, score, _)| json!({ "index": i, "score": score })).collect();
    assert_eq!(post("/rerank", body), json!(scores));

    let body = json!({ "query": QUERY, "texts": DOCUMENTS, "raw_scores": true,
        "return_text": true, "truncate": null });
    let logits: Vec<Value> = expected(3)
        .iter()
        .map(|(i, _, logit)| json!({ "index": i, "text": DOCUMENTS[*i], "score": logit }))
        .collect();
    assert_eq!(post("/rerank", body), json!(logits));

    let hay = "The river was cold and the boat was old. ".repeat(60);
    let text = format!("{hay}A vector database stores vectors and finds the nearest ones.");
    let score = |direction: &str| {
        let body = json!({ "query": QUERY, "texts": [text], "truncate": true,
            "truncation_direction": direction });
        post("/rerank", body)[0]["score"].as_f64().unwrap()
    };
    assert!(score("Left") > score("right"), "the end of the text is about vector databases");
    let cut = reranker().rerank_with(QUERY, &[&text], &truncate()).unwrap().results[0];
    assert!(
        (score("Right") - f64::from(cut.score)).abs() < 1e-6,
        "a direction in the request cuts"
    );

    let info = json_of(&call("GET", "/info", ""));
    assert_eq!(info["model_revision"], "3");
    assert_eq!(
        (&info["model_id"], &info["max_input_length"]),
        (&json!("minilm-l6-en"), &json!(512))
    );
    assert!(info["model_type"]["reranker"].is_object());
    let health = call("GET", "/health", "");
    assert_eq!((health.status, health.body.len()), (200, 0));
}

#[test]
fn a_batch_is_its_queries_one_by_one() {
    let queries = [QUERY, "what is rich in potassium", "nothing"];
    let documents = json!([DOCUMENTS, DOCUMENTS, []]);
    let body = json!({ "queries": queries, "documents": documents, "top_n": 2,
        "return_documents": true });
    let answer = post("/v1/rerank/batch", body);
    for (i, query) in queries[..2].iter().enumerate() {
        let one = json!({ "query": query, "documents": DOCUMENTS, "top_n": 2,
            "return_documents": true });
        assert_eq!(answer["results"][i], post("/v1/rerank", one)["results"]);
    }
    assert_eq!(answer["results"][2], json!([]));
    assert_ne!(answer["results"][0][0]["index"], answer["results"][1][0]["index"]);
    assert_eq!(answer["meta"]["billed_units"]["search_units"], 2);

    let least = answer["results"][0][0]["relevance_score"].clone();
    let body = json!({ "queries": [QUERY], "documents": [DOCUMENTS], "min_score": least });
    assert_eq!(post("/v1/rerank/batch", body)["results"][0].as_array().unwrap().len(), 1);
}

#[test]
fn names_and_aliases_find_models() {
    let score = |model: &str| {
        let document = "words ".repeat(30);
        let body = json!({ "model": model, "query": QUERY, "documents": [document] });
        post("/v2/rerank", body)["results"][0]["relevance_score"].clone()
    };
    let full = score("minilm-l6-en");
    for name in
        ["rerank-english-v2.0", "rerank-english-v3.0", "cross-encoder/ms-marco-MiniLM-L-6-v2"]
    {
        assert_eq!(score(name), full, "{name}");
    }
    assert_ne!(score("short"), full);
    assert_eq!(score("house"), score("short"));

    for path in ["/v1/rerank", "/v2/rerank", "/jina/v1/rerank", "/voyage/v1/rerank"] {
        let body = json!({ "model": "gpt-17", "query": QUERY, "documents": ["a"] });
        let response = call("POST", path, body.to_string());
        let text = String::from_utf8(response.body).unwrap();
        assert_eq!(response.status, 404, "{path}");
        for name in ["gpt-17", "minilm-l6-en", "short", "house", "rerank-v3.5"] {
            assert!(text.contains(name), "{path}: {text}");
        }
    }
}

#[test]
fn servers_without_models_or_with_unclear_names_are_refused() {
    let model = |name: &str| {
        let reranker = Reranker::from_files(&bundled_files(), LoadOptions::default()).unwrap();
        Model { name: name.into(), reranker: reranker.into() }
    };
    let aliased = || {
        let mut options = Options::default();
        options.aliases = vec![("a".into(), "b".into())];
        options
    };
    assert!(Server::new(Vec::new(), Options::default()).is_err());
    assert!(Server::new(vec![model("a"), model("a")], Options::default()).is_err());
    assert!(Server::new(vec![model("a")], aliased()).is_err());
}

/// The path, the body, the status code and a part of the message.
fn bad_requests() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let long = "word ".repeat(600);
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let mut deep_document = br#"{"query":"q","documents":["#.to_vec();
    deep_document.extend(&deep);
    deep_document.extend(b"]}");
    let many = json!({ "model": "short", "query": "q", "documents": vec!["d"; 10_000] });
    let tokens = json!({ "query": "q", "documents": vec![&long[..500]; 100] });
    let text = |value: Value| value.to_string().into_bytes();
    vec![
        ("/v2/rerank", b"".to_vec(), 400, "JSON"),
        ("/v2/rerank", b"{".to_vec(), 400, "JSON"),
        ("/v2/rerank", b"{} {}".to_vec(), 400, "missing field `query`"),
        ("/v2/rerank", text(json!({ "model": "short", "query": "q" })), 400, "`documents`"),
        ("/v2/rerank", text(json!({ "query": "q", "documents": ["d"] })), 400, "model parameter"),
        (
            "/v1/rerank",
            br#"[null, "q", ["d"], null, null, null, null, null]"#.to_vec(),
            400,
            "object",
        ),
        ("/v2/rerank", b"{\"query\":\"\xff\"}".to_vec(), 400, "UTF-8"),
        ("/v2/rerank", deep, 400, "JSON"),
        ("/v1/rerank", deep_document, 400, "recursion"),
        ("/v2/rerank", vec![b' '; 2 << 20], 413, "limit"),
        ("/v2/rerank", text(many), 400, "10000"),
        ("/v1/rerank", text(tokens), 400, "too many tokens"),
        ("/v1/rerank", text(json!({ "query": 5, "documents": ["d"] })), 400, "query"),
        ("/v1/rerank", text(json!({ "query": "q", "documents": "d" })), 400, "documents"),
        ("/v1/rerank", text(json!({ "query": "q", "documents": ["d", 5] })), 400, "documents[1]"),
        ("/v1/rerank", text(json!({ "query": "q", "documents": [] })), 400, "empty"),
        ("/v1/rerank", text(json!({ "query": " ", "documents": ["d"] })), 400, "query is empty"),
        (
            "/v1/rerank",
            text(json!({ "query": "\u{200b}\u{feff}", "documents": ["d"] })),
            400,
            "query is empty",
        ),
        (
            "/v1/rerank",
            text(json!({ "query": "q", "documents": ["d"], "top_n": -3 })),
            400,
            "top_n",
        ),
        (
            "/v1/rerank",
            text(json!({ "query": "q", "documents": ["d"], "top_n": "three" })),
            400,
            "top_n",
        ),
        (
            "/v1/rerank",
            text(json!({ "query": "q", "documents": ["d"], "max_tokens_per_doc": 1.5 })),
            400,
            "max_tokens_per_doc",
        ),
        (
            "/v1/rerank",
            text(json!({ "query": "q", "documents": ["d"], "return_documents": "yes" })),
            400,
            "true or false",
        ),
        (
            "/v1/rerank",
            text(json!({ "query": "q", "documents": [{ "a": "d" }] })),
            400,
            "rank_fields",
        ),
        (
            "/v1/rerank/batch",
            text(json!({ "queries": ["q"], "documents": [] })),
            400,
            "one list for each query",
        ),
        ("/v1/rerank/batch", text(json!({ "queries": [], "documents": [] })), 400, "queries"),
        (
            "/v1/rerank/batch",
            text(json!({ "queries": ["q", ""], "documents": [["d"], ["d"]] })),
            400,
            "query 1",
        ),
        ("/jina/v1/rerank", text(json!({ "query": "q", "documents": ["d"] })), 422, "model"),
        (
            "/jina/v1/rerank",
            text(json!({ "model": "short", "query": "q", "documents": [] })),
            422,
            "empty",
        ),
        (
            "/jina/v1/rerank",
            text(json!({ "model": "short", "query": "q", "documents": [{ "image": "x" }] })),
            422,
            "documents[0]",
        ),
        (
            "/voyage/v1/rerank",
            text(
                json!({ "model": "rerank-2", "query": "q", "documents": [long], "truncation": false }),
            ),
            400,
            "document 0",
        ),
        (
            "/voyage/v1/rerank",
            text(json!({ "model": "rerank-2", "query": "q", "documents": ["d"], "top_k": -1 })),
            400,
            "top_k",
        ),
        ("/rerank", text(json!({ "query": "q", "texts": [] })), 400, "texts"),
        ("/rerank", text(json!({ "query": "q", "texts": null })), 422, "neither"),
        ("/rerank", text(json!({ "query": "q", "documents": [] })), 400, "documents must"),
        ("/rerank", text(json!({ "query": "q", "documents": [{ "a": "d" }] })), 422, "rank_fields"),
        ("/infinity/rerank", text(json!({ "query": "q", "documents": [5] })), 422, "documents[0]"),
        ("/rerank", text(json!({ "query": "q", "texts": [long] })), 413, "document 0"),
        ("/rerank", text(json!({ "query": "q", "texts": vec!["d"; 101] })), 413, "101"),
        (
            "/rerank",
            text(json!({ "query": "q", "texts": ["d"], "truncation_direction": "up" })),
            422,
            "truncation_direction",
        ),
        ("/rerank", text(json!({ "query": ["q"], "texts": ["d"] })), 422, "query"),
    ]
}

#[test]
fn bad_requests_get_the_status_and_the_error_format_of_their_api() {
    for (path, body, status, part) in bad_requests() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let response = call("POST", path, &body);
        let answer = json_of(&response);
        assert_eq!(response.status, status, "{path} {shown}: {answer}");
        let (field, other) = match path {
            "/rerank" | "/infinity/rerank" => ("error", "error_type"),
            "/v1/rerank" | "/v2/rerank" | "/v1/rerank/batch" => ("message", "id"),
            _ => ("detail", "detail"),
        };
        let message = answer[field].as_str().unwrap_or_else(|| panic!("{path}: {answer}"));
        assert!(message.contains(part), "{path} {shown}: {message}");
        assert!(message.len() < 600 && answer[other].is_string(), "{answer}");
    }
    assert_eq!(
        json_of(&call("POST", "/rerank", r#"{"query":"q","texts":[]}"#))["error_type"],
        "Empty"
    );
    post("/v2/rerank", json!({ "model": "short", "query": "q", "documents": ["d"] }));
}

#[test]
fn routes_and_methods_are_checked() {
    for path in ["/v3/rerank", "/v2/rerank/no", "/v1/chat"] {
        let response = call("POST", path, "{}");
        assert_eq!(response.status, 404, "{path}");
        assert!(json_of(&response)["message"].as_str().unwrap().contains(path));
    }
    for (method, path, allow) in [
        ("GET", "/v2/rerank", "POST"),
        ("HEAD", "/rerank", "POST"),
        ("POST", "/health", "GET, HEAD"),
    ] {
        let response = call(method, path, "");
        assert_eq!(response.status, 405);
        assert!(response.headers.contains(&("allow", allow.into())), "{:?}", response.headers);
    }
}

#[test]
fn tokens_are_required() {
    let reranker = Reranker::from_files(&bundled_files(), LoadOptions::default()).unwrap();
    let mut options = Options::default();
    options.tokens = Tokens::parse("# ours\n first \n\nsecond\n");
    let server =
        Server::new(vec![Model { name: "m".into(), reranker: reranker.into() }], options).unwrap();
    let status = |path: &str, headers: &[(&str, &str)]| {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let headers = headers.iter().map(owned).collect();
        let request =
            Request { method: "GET".into(), path: path.into(), headers, ..Request::default() };
        server.respond(request).status
    };
    for good in ["Bearer first", "bearer second", "Bearer  second"] {
        assert_eq!(status("/info", &[("authorization", good)]), 200, "{good}");
    }
    for name in ["x-api-key", "api-key"] {
        assert_eq!(status("/info", &[(name, "first")]), 200, "{name}");
        assert_eq!(status("/info", &[("authorization", "Bearer none"), (name, "second")]), 200);
        assert_eq!(status("/info", &[(name, "firs")]), 401, "{name}");
        assert_eq!(status("/info", &[(name, "Bearer first")]), 401, "{name}");
        assert_eq!(status("/info", &[(name, "")]), 401, "{name}");
    }
    let bad = ["", "Bearer", "Bearer firs", "Bearer # ours", "Basic first", "Bearer ", "first"];
    for bad in bad {
        assert_eq!(status("/info", &[("authorization", bad)]), 401, "{bad:?}");
        assert_eq!(
            status("/no-such-route", &[("authorization", bad)]),
            401,
            "an unknown path is not revealed either"
        );
    }
    for (path, expected) in [("/info", 401), ("/meta", 401), ("/health", 200)] {
        assert_eq!(status(path, &[]), expected, "{path}");
    }
    assert_eq!(status("/.well-known/ready", &[]), 204);
}

#[test]
fn metrics_count() {
    let count = |name: &str| {
        let text = String::from_utf8(call("GET", "/metrics", "").body).unwrap();
        let line = text.lines().find(|l| l.starts_with(&format!("crossrank_{name} "))).unwrap();
        line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = count("documents_total");
    post("/rerank", json!({ "query": QUERY, "texts": DOCUMENTS }));
    assert!(count("documents_total") >= before + 3);
    assert_eq!(json_of(&call("GET", "/openapi.json", ""))["openapi"], "3.1.0");
}
