//! `crossrank serve` on loopback: the socket, the queue and the threads around the routes.

#[path = "../../../tests/common/mod.rs"]
mod common;
mod connections;
mod remote;
mod served;

use std::io::{Read, Write};
use std::time::Instant;

use crate::common::reranker;
use crate::served::{Answer, Served, TIMEOUT, answer, head};
use serde_json::{Value, json};

const QUERY: &str = "what is a vector database";

/// Different documents of about fifty tokens each.
fn documents(seed: usize, count: usize) -> Vec<String> {
    let document = |i: usize| {
        format!(
            "Document {} of {seed}. {}",
            i * 7919 + seed,
            "It stores vectors in rows. ".repeat(i % 12)
        )
    };
    (0..count).map(document).collect()
}

fn tei(seed: usize, count: usize) -> Value {
    json!({ "query": format!("{QUERY} {seed}"), "texts": documents(seed, count), "raw_scores": true })
}

/// The index and the bits of the logit of each result.
fn bits(answer: &Value) -> Vec<(u64, u32)> {
    let items = answer.as_array().unwrap().iter();
    let logit = |item: &Value| serde_json::from_str::<f32>(&item["score"].to_string()).unwrap();
    items.map(|item| (item["index"].as_u64().unwrap(), logit(item).to_bits())).collect()
}

fn expected(seed: usize, count: usize) -> Vec<(u64, u32)> {
    let query = format!("{QUERY} {seed}");
    let ranking = reranker().rerank(&query, &documents(seed, count), count).unwrap();
    ranking.results.iter().map(|r| (r.index as u64, r.logit.to_bits())).collect()
}

#[test]
fn requests_that_arrive_together_get_the_scores_of_requests_alone() {
    let server = Served::start(&["--cache-mb", "0", "--threads", "2"]);
    // The long request holds the threads while the short ones gather behind it.
    let sizes: Vec<usize> = std::iter::once(150).chain((0..24).map(|i| 1 + i % 4)).collect();
    std::thread::scope(|scope| {
        for (seed, &count) in sizes.iter().enumerate() {
            let server = &server;
            scope.spawn(move || {
                let answer = server.post("/rerank", &tei(seed, count));
                assert_eq!(answer.status, 200, "{}", answer.body);
                assert_eq!(bits(&answer.json()), expected(seed, count), "request {seed}");
            });
        }
    });
    assert!(server.metric("shared_batches_total") > 0, "batches held several requests");
    assert_eq!(server.metric("computed_total"), sizes.iter().sum::<usize>() as u64);
}

#[test]
fn a_short_request_need_not_wait_for_a_long_one() {
    let server = Served::start(&["--cache-mb", "0", "--threads", "1"]);
    std::thread::scope(|scope| {
        let long = scope.spawn(|| {
            assert_eq!(server.post("/rerank", &tei(1, 600)).status, 200);
            Instant::now()
        });
        server.wait_for("computed_total", |n| n > 0);
        assert_eq!(server.post("/rerank", &tei(2, 2)).status, 200);
        let short = Instant::now();
        assert!(short < long.join().unwrap());
    });
}

#[test]
fn repeated_requests_are_not_computed() {
    let server = Served::start(&[]);
    let first = server.post("/rerank", &tei(1, 10));
    assert_eq!(server.post("/rerank", &tei(1, 10)).body, first.body);
    assert_eq!(server.post("/rerank", &tei(1, 11)).status, 200);
    assert_eq!(server.metric("computed_total"), 11);
    assert_eq!(server.metric("cache_hits_total"), 20);
    assert!(server.metric("cache_bytes") > 0);
}

#[test]
fn requests_beyond_the_queue_get_429_and_accepted_ones_are_answered() {
    const CLIENTS: usize = 30;
    let server = Served::start(&["--cache-mb", "0", "--threads", "1", "--queue", "3"]);
    assert_eq!(server.post("/rerank", &tei(0, 100)).status, 200);
    let before = server.memory("VmRSS");
    let refused: usize = std::thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|seed| {
            let server = &server;
            scope.spawn(move || {
                let answer = server.post("/rerank", &tei(seed, 100));
                match answer.status {
                    200 => assert_eq!(answer.json().as_array().unwrap().len(), 100),
                    _ => assert_overloaded(&answer),
                }
                usize::from(answer.status == 429)
            })
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().map(|c| c.join().unwrap()).sum()
    });
    assert!(refused > 0 && refused <= CLIENTS - 3, "{refused} were refused");
    let answered = (CLIENTS - refused + 1) as u64;
    assert_eq!(server.metric("documents_total"), 100 * answered);
    assert_eq!(server.metric("queued_requests"), 0);
    if let (Some(before), Some(most)) = (before, server.memory("VmHWM")) {
        assert!(most < before + (64 << 10), "memory grew from {before} to {most} kB");
    }
}

fn assert_overloaded(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json()["error_type"], "Overloaded");
}

#[test]
fn a_full_queue_refuses_at_once() {
    let server = Served::start(&["--cache-mb", "0", "--threads", "1", "--queue", "1"]);
    std::thread::scope(|scope| {
        let accepted = scope.spawn(|| server.post("/rerank", &tei(1, 600)));
        server.wait_for("queued_requests", |n| n == 1);
        assert_overloaded(&server.post("/rerank", &tei(2, 2)));
        assert_eq!(server.metric("documents_total"), 0, "the refusal came before the answer");
        assert_eq!(accepted.join().unwrap().status, 200);
    });
}

#[test]
fn work_is_dropped_when_the_client_disconnects() {
    const DOCUMENTS: usize = 1000;
    let server = Served::start(&["--cache-mb", "0", "--threads", "1"]);
    let body = tei(1, DOCUMENTS).to_string();
    let mut stream = server.connect();
    stream.write_all(&head("POST", "/rerank", "", body.len())).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    server.wait_for("computed_total", |n| n > 0);
    drop(stream);
    server.wait_for("dropped_total", |n| n == 1);
    server.wait_for("queued_requests", |n| n == 0);
    let computed = server.metric("computed_total");
    assert_eq!(server.post("/rerank", &tei(2, 5)).status, 200);
    let after = server.metric("computed_total");
    // At most the batch that the thread was computing, and that of the new request.
    assert!(after <= computed + 50 && after < DOCUMENTS as u64, "{computed}, then {after}");
}

#[test]
fn the_deadline_is_kept() {
    let server = Served::start(&["--cache-mb", "0", "--threads", "1", "--deadline", "0.2"]);
    let body = json!({ "model": "rerank-v3.5", "query": QUERY, "documents": documents(1, 1000) });
    let answer = server.post("/v2/rerank", &body);
    assert_eq!(answer.status, 504, "{}", answer.body);
    assert!(answer.json()["message"].as_str().unwrap().contains("0.2 s"));
    server.wait_for("queued_requests", |n| n == 0);
    assert!(server.metric("computed_total") < 1000, "the rest of the request is not computed");
    // On a busy machine a short request may miss the deadline too.
    let start = Instant::now();
    loop {
        let answer = server.post("/rerank", &tei(2, 2));
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 504, "{}", answer.body);
        assert!(start.elapsed() < TIMEOUT, "no request is answered after a missed deadline");
    }
}

#[test]
fn a_signal_lets_accepted_requests_end() {
    // The server would wait this long for the head of a request on the idle connection.
    let patient = ["--head-timeout", "600", "--body-timeout", "600", "--idle-timeout", "600"];
    let server = Served::start(&[&["--cache-mb", "0", "--threads", "1"], &patient[..]].concat());
    let idle = server.connect();
    std::thread::scope(|scope| {
        let request = scope.spawn(|| server.post("/rerank", &tei(1, 300)));
        server.wait_for("queued_requests", |n| n == 1);
        server.terminate();
        let answer = request.join().unwrap();
        assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, 300));
    });
    let start = Instant::now();
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    assert!(start.elapsed() < TIMEOUT, "the server waited for an idle connection");
    drop(idle);
}

#[test]
fn bad_requests_get_answers_and_the_server_lives() {
    let server = Served::start(&[]);
    let check = |what: &str, answer: Answer, status: u16, part: &str| {
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert!(answer.body.contains(part), "{what}: {}", answer.body);
        assert!(answer.header("x-request-id").is_some(), "{what}");
    };
    let big = vec![b'x'; 10 << 20];
    check("10 MB", server.send("POST", "/v2/rerank", "", &big), 413, "limit");
    let many = json!({ "model": "rerank-v3.5", "query": "q", "documents": vec!["d"; 10_000] });
    check("10,000 documents", server.post("/v2/rerank", &many), 400, "10000");
    check("no JSON", server.send("POST", "/v2/rerank", "", b"{"), 400, "JSON");
    check("no UTF-8", server.send("POST", "/v2/rerank", "", b"\"\xff\""), 400, "UTF-8");
    let deep = vec![b'['; 1 << 20];
    check("deep JSON", server.send("POST", "/v1/rerank", "", &deep), 400, "JSON");
    check("GET", server.get("/v2/rerank"), 405, "POST");
    check("OPTIONS", server.send("OPTIONS", "/v2/rerank", "", b""), 405, "POST");
    check("no route", server.get("/nothing"), 404, "/nothing");
    check("big to no route", server.send("POST", "/nothing", "", &big), 404, "/nothing");

    let mut chunked = server.connect();
    let head_of = |more: &str| {
        format!("POST /v2/rerank HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{more}\r\n")
    };
    chunked.write_all(head_of("transfer-encoding: chunked\r\n").as_bytes()).unwrap();
    for _ in 0..10 {
        chunked.write_all(b"100000\r\n").unwrap();
        chunked.write_all(&big[..1 << 20]).unwrap();
        chunked.write_all(b"\r\n").unwrap();
    }
    chunked.write_all(b"0\r\n\r\n").unwrap();
    check("10 MB in chunks", answer(chunked), 413, "limit");

    let mut garbage = server.connect();
    garbage.write_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    let _ = garbage.read_to_end(&mut rest);
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"), "{rest:?}");

    let mut half = server.connect();
    half.write_all(&head("POST", "/v2/rerank", "", 1000)).unwrap();
    drop(half);
    assert_eq!(server.post("/rerank", &tei(1, 2)).status, 200);
}

#[test]
fn tokens_origins_and_ids() {
    let folder = temp_dir::TempDir::new().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, "s3cret\n").unwrap();
    let page = "https://example.org";
    let arguments = ["--token-file", file.to_str().unwrap(), "--cors-origin", page];
    let server = Served::start(&arguments);
    let body = json!({ "query": "a", "texts": ["the text of a document"] }).to_string();
    let send = |headers: &str| server.send("POST", "/rerank", headers, body.as_bytes());
    for headers in ["", "authorization: Bearer s3cre\r\n", "authorization: Bearer \u{e9}\r\n"] {
        let answer = send(headers);
        assert_eq!(answer.status, 401, "{headers}");
        assert_eq!(answer.header("www-authenticate"), Some("bearer"));
        assert_eq!(answer.json()["error_type"], "Validation");
    }
    let answer = send(
        "authorization: Bearer s3cret\r\nx-request-id: mine-7\r\norigin: https://example.org\r\n",
    );
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("mine-7")));
    assert_eq!(answer.header("access-control-allow-origin"), Some(page));
    let odd = send("authorization: Bearer s3cret\r\nx-request-id: a b\"c\r\n");
    assert_eq!(odd.header("x-request-id").unwrap().len(), 36, "a new one");

    let asked = "origin: https://example.org\r\naccess-control-request-method: POST\r\n\
                 access-control-request-headers: authorization,content-type\r\n";
    let preflight = server.send("OPTIONS", "/v2/rerank", asked, b"");
    assert_eq!(preflight.status, 200);
    let allowed = preflight.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization"), "{allowed}");
    assert_eq!(server.get("/health").status, 200);

    server.terminate();
    let (_, log) = server.wait();
    assert!(log.contains("\"id\":\"mine-7\"") && log.contains("\"status\":401"), "{log}");
    assert!(!log.contains("the text") && !log.contains("s3cret"), "{log}");
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    }
}

#[test]
fn clients_that_are_not_exact_are_understood() {
    let folder = temp_dir::TempDir::new().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, "s3cret\n").unwrap();
    let arguments = ["--token-file", file.to_str().unwrap(), "--path-prefix", "/rerankers"];
    let server = Served::start(&[&arguments[..], &["--accept-any-model"]].concat());

    let [get, head] =
        ["GET", "HEAD"].map(|method| server.send(method, "/rerankers/health/", "", b""));
    assert_eq!((get.status, head.status), (200, 200));
    let key = "api-key: s3cret\r\n";
    let [get, head] = ["GET", "HEAD"].map(|method| server.send(method, "/info", key, b""));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(server.send("HEAD", "/v1/rerank", key, b"").status, 405);

    let body = json!({ "model": "any name", "query": QUERY, "documents": ["a", "b"] }).to_string();
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let compressed = "x-api-key: s3cret\r\ncontent-encoding: gzip\r\n";
    let send =
        |headers: &str, body: &[u8]| server.send("POST", "//rerankers/v1/rerank/", headers, body);
    let answer = send(compressed, &gzip(body.as_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["results"], send(key, body.as_bytes()).json()["results"]);
    assert_eq!(send(compressed, &gzip(&vec![b' '; 100 << 20])).status, 413);
    assert_eq!(send(&compressed.replace("gzip", "zstd"), body.as_bytes()).status, 415);
    assert_eq!(send("x-api-key: s3cre\r\n", body.as_bytes()).status, 401);
    let text = server.send("GET", "/metrics", key, b"").body;
    assert!(text.contains("route=\"/v1/rerank\",status=\"200\"} 2"), "{text}");
}

#[test]
fn bad_arguments_give_an_error_of_one_line() {
    let fails = |arguments: &[&str], code: &str, part: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_crossrank"))
            .args(["serve", "--port", "0"])
            .args(arguments)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        let error = stderr.lines().last().unwrap();
        assert!(error.starts_with(&format!("crossrank: {code}: ")), "{stderr}");
        assert!(error.contains(part), "{stderr}");
    };
    fails(&["--host", "0.0.0.0"], "invalid-argument", "--allow-anonymous");
    fails(&["--host", "::"], "invalid-argument", "--token-file");
    fails(&["--host", "no such host"], "io", "no such host");
    fails(&["--token-file", "no-such-file"], "io", "no-such-file");
    fails(&["--token-file", "/dev/null"], "invalid-input", "no token");
    fails(&["--queue", "0"], "invalid-argument", "--queue");
    fails(&["--max-windows", "0"], "invalid-argument", "--max-windows");
    fails(&["--deadline", "-1"], "invalid-argument", "--deadline");
    fails(&["--connections", "0"], "invalid-argument", "--connections");
    fails(&["--max-head", "100"], "invalid-argument", "--max-head");
    fails(&["--alias", "a=b"], "invalid-argument", "not loaded");
    fails(&["--path-prefix", "a b"], "invalid-argument", "path prefix");
    fails(&["--model", "a=no-such-folder"], "io", "no-such-folder");
    let model = common::root().join("models/minilm-l6-en");
    let model = model.to_str().unwrap();
    fails(&["--model", model, "--model", model], "invalid-argument", "two models");

    let server = Served::start(&["--host", "0.0.0.0", "--allow-anonymous", "--model", model]);
    server.terminate();
    assert!(server.wait().0.success());
}

#[test]
fn several_models_are_served() {
    let model = common::root().join("models/minilm-l6-en");
    let other = format!("other={}", model.display());
    let server = Served::start(&["--model", model.to_str().unwrap(), "--model", &other]);
    let post = |name: &str| {
        let body = json!({ "model": name, "query": QUERY, "documents": ["d"] });
        server.post("/v2/rerank", &body)
    };
    assert_eq!(post("minilm-l6-en").json()["results"], post("other").json()["results"]);
    assert_eq!(server.metric("computed_total"), 1, "the same files share scores");
    assert_eq!(post("third").status, 404);
}

#[cfg(feature = "search")]
#[test]
fn searches_an_index_while_it_is_renewed() {
    let folder = temp_dir::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let index = || {
        let arguments = ["index", &path("corpus.jsonl"), "-o", &path("index")];
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_crossrank"));
        assert!(command.args(arguments).output().unwrap().status.success());
    };
    let texts = documents(1, 300);
    let write = |count: usize| {
        let lines = texts.iter().take(count).enumerate();
        let lines =
            lines.map(|(i, text)| json!({ "_id": format!("d{i}"), "text": text }).to_string());
        std::fs::write(path("corpus.jsonl"), lines.collect::<Vec<_>>().join("\n")).unwrap();
        index();
    };
    write(50);
    let server = Served::start(&["--index", &path("index")]);
    let query = "which rows store vectors";
    let body = json!({ "query": query, "recall": 20, "top_k": 5, "mode": "text" });
    let results = |body: &Value| {
        let answer = server.post("/search", body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["results"].as_array().unwrap().clone()
    };
    let found = results(&body);
    assert_eq!(found.len(), 5);
    for result in &found {
        let passage = result["passage"].as_str().unwrap();
        let score = result["score"].as_f64().unwrap() as f32;
        assert_eq!(score, reranker().score(&[(query, passage)]).unwrap()[0].score);
        assert!(result["id"].as_str().unwrap().starts_with('d') && result["line"].is_u64());
    }
    let plain = results(&json!({ "query": query, "recall": 20, "rerank": false }));
    assert_eq!(plain.len(), 10);
    assert!(plain.iter().all(|result| result["score"] == result["first_stage_score"]));

    std::thread::scope(|scope| {
        for client in 0..8 {
            let (results, texts) = (&results, &texts);
            scope.spawn(move || {
                for i in 0..10 {
                    let text = &texts[(client * 7 + i) % 50];
                    let body = json!({ "query": text, "top_k": 1, "rerank": false });
                    let passage = results(&body)[0]["passage"].as_str().unwrap().to_owned();
                    assert_eq!(passage, text.trim());
                }
            });
        }
        write(300);
    });
    let last = results(&json!({ "query": texts[299], "rerank": false }));
    assert_eq!(last[0]["passage"], texts[299].trim());

    for (bad, status) in [
        (json!({ "query": " " }), 400),
        (json!({ "query": query, "mode": "magic" }), 400),
        (json!({ "query": query, "recall": 0 }), 400),
        (json!({ "query": query, "recall": 1001 }), 400),
        (json!({ "query": query, "model": "none" }), 404),
        (json!({}), 400),
    ] {
        let answer = server.post("/search", &bad);
        assert_eq!(answer.status, status, "{bad}: {}", answer.body);
        assert!(answer.json()["message"].is_string());
    }
    assert_eq!(Served::start(&[]).post("/search", &body).status, 404);
}

#[test]
fn vectors_and_scores_are_computed_side_by_side() {
    let server = Served::start(&["--cache-mb", "0", "--threads", "2"]);
    let embedder = crossrank::Embedder::bundled().unwrap();
    std::thread::scope(|scope| {
        for seed in 0..12 {
            let (server, embedder) = (&server, &embedder);
            scope.spawn(move || {
                if seed % 2 == 0 {
                    let answer = server.post("/rerank", &tei(seed, 20));
                    assert_eq!(bits(&answer.json()), expected(seed, 20), "request {seed}");
                    return;
                }
                let texts = documents(seed, 20);
                let answer = server.post("/v1/embeddings", &json!({ "input": texts }));
                assert_eq!(answer.status, 200, "{}", answer.body);
                let data = answer.json()["data"].clone();
                for (i, vector) in embedder.embed(&texts).unwrap().iter().enumerate() {
                    let found: Vec<f32> =
                        serde_json::from_value(data[i]["embedding"].clone()).unwrap();
                    assert_eq!(found, *vector, "request {seed}, text {i}");
                }
            });
        }
    });
    let model = common::root().join("models/minilm-l6-en");
    let without_embedder = Served::start(&["--model", model.to_str().unwrap()]);
    assert_eq!(without_embedder.post("/v1/embeddings", &json!({ "input": "a" })).status, 404);
}
