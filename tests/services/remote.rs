//! Reranking by a service, against a stub of each API. The fixtures are those of
//! tests/data/remote, which the npm package's tests read too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::stub::Stub;
use crossrank::{Api, Backend, ErrorKind, Fallback, Ranking, Remote, RemoteOptions, Result};
use serde_json::{Value, json};

const APIS: [&str; 4] = ["cohere", "jina", "voyage", "tei"];

fn fixture(name: &str) -> Value {
    let path = crate::common::root().join(format!("tests/data/remote/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn milliseconds(value: &Value) -> Duration {
    Duration::from_millis(value.as_u64().unwrap())
}

/// Options for a fixture's API, with the retries and timeouts of failures.json.
fn options(fixture_of: &Value, url: &str) -> RemoteOptions {
    let settings = &fixture("failures")["options"];
    let mut options = RemoteOptions::new(url, text(&fixture_of["api"]).parse::<Api>().unwrap());
    options.api_key = Some(text(&fixture_of["apiKey"]).into());
    options.model = fixture_of["model"].as_str().map(Into::into);
    options.retries = settings["retries"].as_u64().unwrap() as u32;
    options.retry_delay = milliseconds(&settings["retryDelay"]);
    options.timeout = milliseconds(&settings["timeout"]);
    options
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn rerank(fixture_of: &Value, remote: &Remote, top_k: usize) -> Result<Ranking> {
    let documents: Vec<&str> = list(&fixture_of["documents"]).iter().map(text).collect();
    remote.rerank(text(&fixture_of["query"]), &documents, top_k)
}

fn assert_places(ranking: &Ranking, expected: &[Value]) {
    assert_eq!(ranking.results.len(), expected.len());
    assert!(!ranking.query_truncated);
    for (result, expected) in ranking.results.iter().zip(expected) {
        let close = |a: f32, b: &Value| (f64::from(a) - b.as_f64().unwrap()).abs() < 1e-5;
        assert_eq!(result.index as u64, expected["index"].as_u64().unwrap());
        assert!(close(result.score, &expected["score"]), "{result:?}, {expected}");
        assert!(close(result.logit, &expected["logit"]), "{result:?}, {expected}");
        assert!(!result.truncated);
    }
}

fn assert_fails(outcome: Result<Ranking>, expected: &Value, place: &str) {
    let error = outcome.expect_err(place);
    assert_eq!(error.kind().code(), text(&expected["code"]), "{place}: {error}");
    assert!(error.to_string().contains(text(&expected["says"])), "{place}: {error}");
    assert!(!error.to_string().contains("test-key-123"), "the key is in {error}");
}

#[test]
fn asks_as_documented_and_ranks_the_answer() {
    for name in APIS {
        let api = fixture(name);
        let stub = Stub::start(vec![json!({ "body": api["answer"] })]);
        let remote = Remote::new(options(&api, &stub.url)).unwrap();
        assert_places(&rerank(&api, &remote, 3).unwrap(), &list(&api["results"])[..3]);
        let log = stub.log();
        assert_eq!(log.len(), 1);
        assert_eq!(log[0].path, text(&api["path"]));
        assert_eq!(log[0].header("authorization"), Some("Bearer test-key-123"));
        assert_eq!(log[0].header("content-type"), Some("application/json"));
        assert_eq!(log[0].body, api["request"]);
    }
}

#[test]
fn refusals_say_what_to_do_and_are_not_repeated() {
    for name in APIS {
        let api = fixture(name);
        for refusal in list(&api["refusals"]) {
            let stub = Stub::start(vec![refusal.clone()]);
            let remote = Remote::new(options(&api, &stub.url)).unwrap();
            assert_fails(rerank(&api, &remote, 9), refusal, &format!("{name}: {refusal}"));
            assert_eq!(stub.log().len(), 1);
        }
    }
}

#[test]
fn wrong_answers_are_refused() {
    for name in APIS {
        let api = fixture(name);
        for bad in list(&api["badAnswers"]) {
            let stub = Stub::start(vec![json!({ "body": bad["body"] })]);
            let remote = Remote::new(options(&api, &stub.url)).unwrap();
            assert_fails(rerank(&api, &remote, 9), bad, &format!("{name}: {}", bad["name"]));
        }
    }
}

#[test]
fn failures_are_waited_out_or_named() {
    let (cohere, failures) = (fixture("cohere"), fixture("failures"));
    for scenario in list(&failures["scenarios"]) {
        let name = text(&scenario["name"]);
        let steps = list(&scenario["steps"]).iter().map(|step| match step["answer"] {
            Value::Bool(true) => json!({ "body": cohere["answer"] }),
            _ => step.clone(),
        });
        let stub = Stub::start(steps.collect());
        let remote = Remote::new(options(&cohere, &stub.url)).unwrap();
        let start = Instant::now();
        let outcome = rerank(&cohere, &remote, 9);
        let took = start.elapsed().as_millis() as u64;
        if scenario["code"].is_null() {
            assert_places(&outcome.expect(name), list(&cohere["results"]));
        } else {
            assert_fails(outcome, scenario, name);
        }
        assert_eq!(stub.log().len() as u64, scenario["requests"].as_u64().unwrap(), "{name}");
        assert!(took >= scenario["atLeastMs"].as_u64().unwrap_or(0), "{name}: {took} ms");
        assert!(took <= scenario["atMostMs"].as_u64().unwrap_or(u64::MAX), "{name}: {took} ms");
    }
}

#[test]
fn an_answer_has_a_largest_size() {
    let cohere = fixture("cohere");
    const LIMIT: u64 = 64 << 20;
    for (bytes, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
        let stub = Stub::start(vec![json!({ "body": cohere["answer"], "bytes": bytes })]);
        let mut options = options(&cohere, &stub.url);
        options.timeout = Duration::from_secs(600);
        match rerank(&cohere, &Remote::new(options).unwrap(), 9) {
            Ok(ranking) if fits => assert_places(&ranking, list(&cohere["results"])),
            outcome => {
                let expected = json!({ "code": "remote-invalid-answer", "says": "67108864 bytes" });
                assert_fails(outcome, &expected, &format!("{bytes} bytes"));
                assert!(!fits, "{bytes} bytes");
            }
        }
        assert_eq!(stub.log().len(), 1);
    }
}

#[test]
fn a_cancelled_call_ends_soon() {
    let cohere = fixture("cohere");
    let busy = json!({ "status": 429, "headers": { "retry-after": "30" }, "body": {} });
    // While a request is under way, and during the wait before the next one.
    for step in [json!({ "hang": true }), busy] {
        let stub = Stub::start(vec![step]);
        let mut options = options(&cohere, &stub.url);
        options.timeout = Duration::from_secs(20);
        let flag = Arc::new(AtomicBool::new(false));
        let remote = Remote::new(options).unwrap().cancelled_by(flag.clone());
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                flag.store(true, Ordering::Relaxed);
            });
            let error = rerank(&cohere, &remote, 9).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        });
        // Both waits are much longer.
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_eq!(rerank(&cohere, &remote, 9).unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(stub.log().len(), 1);
    }
}

#[test]
fn lists_over_the_limit_are_split_and_a_failure_stops_the_rest() {
    let tei = fixture("tei");
    let stub = Stub::start(vec![json!({ "numbers": true })]);
    let remote = Remote::new(options(&tei, &stub.url)).unwrap();
    let documents: Vec<String> = (0..70).map(|i| ((i * 17) % 70).to_string()).collect();
    let ranking = remote.rerank("q", &documents, 100).unwrap();
    let order: Vec<f32> = ranking.results.iter().map(|r| r.logit).collect();
    assert_eq!(order, (0..70).rev().map(|i| i as f32).collect::<Vec<_>>());
    let size = |body: &Value| list(&body["texts"]).len();
    let mut sizes: Vec<usize> = stub.log().iter().map(|r| size(&r.body)).collect();
    sizes.sort();
    assert_eq!(sizes, [6, 32, 32]);

    let refusal = json!({ "status": 401, "body": {} });
    let stub = Stub::start(vec![refusal, json!({ "numbers": true })]);
    let mut options = options(&tei, &stub.url);
    options.max_documents = Some(1);
    let error = Remote::new(options).unwrap().rerank("q", &["1"; 500], 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteRefused);
    assert!(stub.log().len() < 250, "lists were requested after a failure");
}

#[test]
fn scores_pairs_in_the_order_given() {
    let tei = fixture("tei");
    let stub = Stub::start(vec![json!({ "numbers": true })]);
    let remote = Remote::new(options(&tei, &stub.url)).unwrap();
    let scores = remote.score(&[("a", "1"), ("b", "2"), ("a", "3")]).unwrap();
    assert_eq!(scores.iter().map(|s| s.logit).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    assert_eq!(stub.log().len(), 2, "pairs of one query are requested together");
    assert!(remote.score(&[] as &[(&str, &str)]).unwrap().is_empty());
    assert!(remote.rerank("a", &[] as &[&str], 3).unwrap().results.is_empty());
    assert_eq!(stub.log().len(), 2, "nothing is requested for empty lists");
}

#[test]
fn plain_output_and_the_ends_of_the_scale() {
    let cohere = fixture("cohere");
    let stub = Stub::start(vec![json!({ "numbers": true })]);
    let mut raw = options(&cohere, &stub.url);
    raw.raw_scores = true;
    let ranking = Remote::new(raw).unwrap().rerank("q", &["-2", "3"], 9).unwrap();
    assert_eq!(ranking.results.iter().map(|r| r.logit).collect::<Vec<_>>(), [3.0, -2.0]);
    assert!((ranking.results[0].score - 0.952_574_1).abs() < 1e-6);

    let huge = Stub::start(vec![json!({ "body": [{ "index": 0, "score": 1e300 }] })]);
    let tei = Remote::new(options(&fixture("tei"), &huge.url)).unwrap();
    let error = tei.rerank("q", &["d"], 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteInvalidAnswer, "beyond single precision");

    let scale = Remote::new(options(&cohere, &stub.url)).unwrap();
    let ranking = scale.rerank("q", &["0", "0.5", "1"], 9).unwrap();
    let logits: Vec<f32> = ranking.results.iter().map(|r| r.logit).collect();
    assert_eq!(logits, [f32::INFINITY, 0.0, f32::NEG_INFINITY]);
}

#[test]
fn the_path_is_appended_to_all_but_rerank_routes() {
    let cohere = fixture("cohere");
    let stub = Stub::start(vec![json!({ "body": cohere["answer"] })]);
    for base in ["", "/", "/proxy/", "/my/rerank?key=k"] {
        let remote = Remote::new(options(&cohere, &format!("{}{base}", stub.url))).unwrap();
        rerank(&cohere, &remote, 9).unwrap();
    }
    let paths: Vec<String> = stub.log().into_iter().map(|r| r.path).collect();
    assert_eq!(paths, ["/v2/rerank", "/v2/rerank", "/proxy/v2/rerank", "/my/rerank?key=k"]);

    let stub = Stub::start(vec![json!({ "status": 400, "body": {} })]);
    let mut keyless = options(&cohere, &format!("{}?secret=1", stub.url));
    keyless.api_key = None;
    let error = rerank(&cohere, &Remote::new(keyless).unwrap(), 9).unwrap_err().to_string();
    assert!(error.contains("/v2/rerank") && !error.contains("secret"), "{error}");
    assert_eq!(stub.log()[0].header("authorization"), None);
}

#[test]
fn bad_options_and_input_are_named() {
    let cohere = fixture("cohere");
    let stub = Stub::start(vec![json!({ "body": cohere["answer"] })]);
    let refused = |change: &dyn Fn(&mut RemoteOptions), says: &str| {
        let mut options = options(&cohere, &stub.url);
        change(&mut options);
        assert!(!format!("{options:?}").contains("test-key"));
        let error = Remote::new(options).err().expect(says);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains("test-key"), "{error}");
    };
    refused(&|o| o.model = None, "model");
    refused(&|o| o.api_key = Some("test-key\n".into()), "api_key");
    refused(&|o| o.api_key = Some(String::new()), "api_key");
    refused(&|o| o.max_documents = Some(0), "max_documents");
    for url in ["", "example.com", "file:///etc", "http://", "https://me:test-key@example.com"] {
        refused(&|o| o.url = url.into(), "url must begin");
    }
    assert_eq!("coher".parse::<Api>().unwrap_err().kind(), ErrorKind::InvalidArgument);

    let remote = Remote::new(options(&cohere, &stub.url)).unwrap();
    assert_eq!(remote.rerank(" ", &["a"], 1).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(remote.rerank("q", &["a"], 0).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(stub.log().is_empty());
}

#[test]
fn a_setting_switches_and_a_failure_falls_back() {
    let cohere = fixture("cohere");
    let fine = Stub::start(vec![json!({ "body": cohere["answer"] })]);
    let down = Stub::start(vec![json!({ "status": 401, "body": { "message": "shut" } })]);
    let remote = |stub: &Stub| Remote::new(options(&cohere, &stub.url)).unwrap();
    let documents: Vec<&str> = list(&cohere["documents"]).iter().map(text).collect();

    for hosted in [true, false] {
        let backend: Box<dyn Backend> = match hosted {
            true => Box::new(remote(&fine)),
            false => Box::new(crossrank::Reranker::bundled().unwrap()),
        };
        assert_eq!(backend.rerank("q", &documents, 2).unwrap().results.len(), 2);
    }

    let reports = Arc::new(AtomicUsize::new(0));
    let count = reports.clone();
    let both = Fallback::new(remote(&down), crossrank::Reranker::bundled().unwrap()).on_fallback(
        move |error| {
            assert_eq!(error.kind(), ErrorKind::RemoteRefused);
            count.fetch_add(1, Ordering::Relaxed);
        },
    );
    let expected = crate::common::reranker().rerank("q", &documents, 9).unwrap();
    assert_eq!(both.rerank("q", &documents, 9).unwrap(), expected);
    assert_eq!(
        both.score(&[("q", "d")]).unwrap(),
        crate::common::reranker().score(&[("q", "d")]).unwrap()
    );
    assert_eq!(reports.load(Ordering::Relaxed), 2);
    assert_eq!(both.rerank("", &documents, 9).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(reports.load(Ordering::Relaxed), 2, "errors of the caller are not passed on");

    let neither = Fallback::new(remote(&down), remote(&down));
    let error = neither.rerank("q", &documents, 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteRefused);
    assert!(error.to_string().matches("shut").count() == 2, "{error}");

    let cancelled = remote(&down).cancelled_by(Arc::new(AtomicBool::new(true)));
    let error = Fallback::new(cancelled, remote(&fine)).rerank("q", &documents, 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
